//! A sample account with jobs in every state, made through the API as anybody would make them.

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

/// The sample account's address.
pub const EMAIL: &str = "demo@example.com";
/// Its password.
pub const PASSWORD: &str = "nightjars fly at dusk";

/// Why there is no sample account.
#[derive(Debug, thiserror::Error)]
#[error("{method} {path} was answered with {status}")]
pub struct DemoError {
    method: Method,
    path: String,
    status: StatusCode,
}

/// Makes the account, unless it is there.
pub async fn fill(routes: &Router) -> Result<(), DemoError> {
    let account = json!({ "name": "Demo", "email": EMAIL, "password": PASSWORD });
    let (status, _) = call(routes, Method::POST, "/register", None, &account).await;
    if status == StatusCode::CONFLICT {
        return Ok(());
    }
    expect(status, Method::POST, "/register")?;
    let (status, login) = call(routes, Method::POST, "/login", None, &account_login()).await;
    expect(status, Method::POST, "/login")?;
    let token = login["token"].as_str().unwrap_or_default().to_owned();
    for job in jobs() {
        let (status, made) = call(routes, Method::POST, "/jobs", Some(&token), &job.body).await;
        expect(status, Method::POST, "/jobs")?;
        if job.cancel {
            let path = format!("/jobs/{}/cancel", made["jobId"].as_str().unwrap_or_default());
            let (status, _) = call(routes, Method::POST, &path, Some(&token), &json!({})).await;
            expect(status, Method::POST, &path)?;
        }
    }
    Ok(())
}

struct Sample {
    body: Value,
    cancel: bool,
}

fn jobs() -> Vec<Sample> {
    let names = [
        "send invoice",
        "nightly report",
        "sync contacts",
        "resize images",
        "rebuild index",
        "import orders",
    ];
    let mut samples = Vec::new();
    for (i, name) in names.iter().cycle().take(24).enumerate() {
        let priority = ["high", "medium", "low"][i % 3];
        // Two of eight fail, one is cancelled, one waits; the rest run to their end.
        let payload = match i % 8 {
            3 => json!({ "order": i, "fail": true }),
            5 => json!({ "order": i, "failTimes": 1 }),
            _ => json!({ "order": i, "customer": { "id": 1000 + i, "plan": "team" } }),
        };
        let run = !matches!(i % 8, 6 | 7);
        samples.push(Sample {
            body: json!({ "taskName": name, "priority": priority, "payload": payload, "run": run, "maxRetries": 1 }),
            cancel: i % 8 == 7,
        });
    }
    samples
}

fn account_login() -> Value {
    json!({ "email": EMAIL, "password": PASSWORD })
}

fn expect(status: StatusCode, method: Method, path: &str) -> Result<(), DemoError> {
    if status.is_success() { Ok(()) } else { Err(DemoError { method, path: path.to_owned(), status }) }
}

async fn call(
    routes: &Router,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> (StatusCode, Value) {
    let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let Ok(request) = request.body(Body::from(body.to_string())) else {
        return (StatusCode::INTERNAL_SERVER_ERROR, Value::Null);
    };
    let Ok(answer) = routes.clone().oneshot(request).await;
    let status = answer.status();
    let bytes = answer.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    (status, serde_json::from_slice(&bytes).unwrap_or_default())
}

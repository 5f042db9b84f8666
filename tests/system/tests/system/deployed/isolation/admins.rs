//! What an admin may do, and who is none.

use http::Method;
use serde_json::{Value, json};

use super::{NOWHERE, endpoint_of, everywhere};
use crate::deployed::Deployment;
use crate::house::{Api, until};
use crate::routes::{About, Access};

/// A job with a schedule that does not come during the test.
async fn job(api: &Api, token: &str) -> String {
    let schedule = json!({ "startTime": "2099-01-01T00:00:00Z", "recurrence": { "interval": "yearly" } });
    api.job(token, json!({ "taskName": "report", "schedule": schedule })).await
}

/// A whole list, page by page.
async fn all(api: &Api, path: &str, member: &str, token: &str) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    loop {
        let sign = if path.contains('?') { '&' } else { '?' };
        let page = api.get(&format!("{path}{sign}limit=100&cursor={cursor}"), token).await;
        rows.extend(page.json[member].as_array().unwrap_or_else(|| panic!("{page:?}")).iter().cloned());
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return rows,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_and_operates_any_users_job_and_nobodys_account() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let (ada, root) = (api.person("ada").await, deployment.admin().await);
    let keys = api.key(&ada.token, &["read"]).await;
    let everything = api.key(&root.token, &["read", "write", "run"]).await.text;
    let mut asked = 0;
    let count = everywhere(NOWHERE).len();
    let endpoint = endpoint_of(api, &ada).await;
    for place in 0..count {
        let job = job(api, &ada.token).await;
        let about = About { job: &job, key: &keys.id, endpoint: &endpoint };
        let (method, path, access) = everywhere(about).swap_remove(place);
        let what = format!("{method} {path}");
        let body = match method {
            Method::PUT | Method::PATCH => json!({ "priority": "high" }),
            _ => Value::Null,
        };
        // One way by a session and the other by a key: an admin's key is an admin's.
        let credential = if place % 2 == 0 { &root.token } else { &everything };
        match access {
            Access::Job(_) => {
                let reply = api.call(method, &path, credential, &body).await;
                let status = reply.status.as_u16();
                let never_ran = path.ends_with("/rerun") && status == 409;
                // The job has told of nothing yet.
                let no_delivery = path.ends_with("/redeliver") && reply.text("detail").contains("delivery");
                assert!(reply.status.is_success() || never_ran || no_delivery, "{what}: {}", reply.json);
                if reply.json["userId"].is_string() {
                    assert_eq!(reply.json["userId"], json!(ada.id), "{what}");
                }
                asked += 1;
            }
            // A key is its owner's alone, and so is an endpoint with its secret.
            Access::Key | Access::Endpoint(_) => {
                api.call(method, &path, &root.token, &body).await.problem(404, &what);
            }
            Access::Admin(_) => {
                let reply = api.call(method.clone(), &path, credential, &body).await;
                assert!(reply.status.is_success(), "{what}: {}", reply.json);
                api.call(method, &path, &ada.token, &body).await.problem(403, &what);
            }
            Access::Own(_) | Access::OwnSecret(_) | Access::Session | Access::Public(_) => {}
        }
    }
    assert!(asked >= 38, "{asked}");
    assert_eq!(api.get("/profile", &keys.text).await.text("role"), "user");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_lists_and_others_do_not() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let root = deployment.admin().await;
    assert_eq!(api.get("/profile", &root.token).await.text("role"), "admin");
    let (ada, ben) = (api.person("ada").await, api.person("ben").await);
    let jobs = [job(api, &ada.token).await, job(api, &ben.token).await, job(api, &root.token).await];
    until("the index shows all jobs", || async {
        let listed = all(api, "/jobs?scope=all", "jobs", &root.token).await;
        jobs.iter().all(|job| listed.iter().any(|row| row["id"] == json!(job))).then_some(())
    })
    .await;
    let own = all(api, "/jobs", "jobs", &root.token).await;
    assert!(own.iter().all(|job| job["userId"] == json!(root.id)), "without asking an admin sees their own");
    assert!(own.iter().any(|job| job["id"] == json!(jobs[2])), "{own:?}");
    let hers = api.get(&format!("/jobs?userId={}", ada.id), &root.token).await.json;
    assert_eq!((&hers["jobs"][0]["userId"], &hers["jobs"][1]), (&json!(ada.id), &Value::Null));
    let users = all(api, "/users", "users", &root.token).await;
    for person in [&ada, &ben, &root] {
        assert!(users.iter().any(|user| user["id"] == json!(person.id)), "{users:?}");
    }

    // A key is an admin's as far as its scopes go, and a user's key never.
    let (reads, runs) = (api.key(&root.token, &["read"]).await, api.key(&root.token, &["run"]).await);
    let hers = api.key(&ada.token, &["read", "write", "run"]).await;
    for path in ["/users", "/jobs?scope=all", &format!("/jobs?userId={}", ben.id)] {
        assert_eq!(api.get(path, &reads.text).await.status, 200, "{path}");
        for token in [&runs.text, &hers.text, &ada.token] {
            api.get(path, token).await.problem(403, path);
        }
    }
    let given = api.post("/jobs", &root.token, json!({ "taskName": "a", "userId": ada.id })).await;
    assert_eq!((given.status.as_u16(), given.text("userId")), (201, ada.id.clone()), "{given:?}");
    // Whoever says so is none.
    let mut account = json!({ "name": "x", "email": api.email("x"), "password": crate::house::PASSWORD });
    account["role"] = json!("admin");
    api.post("/register", "", account).await.problem(400, "a role");
    let change = json!({ "name": "x", "role": "admin" });
    let patched = api.call(Method::PATCH, "/profile", &ada.token, &change).await;
    assert_eq!(patched.problem(400, "a role"), Some("/role"));
}

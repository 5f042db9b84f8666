//! What the log never says, at its finest level.

use std::process::Stdio;

use http::Method;
use serde_json::{Value, json};

use crate::house::{PASSWORD, until};
use crate::process::Process;

const OTHER: &str = "another horse another battery";

/// Everything that is secret goes through the process once, rightly and wrongly; nothing of it is in the log.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_password_token_key_secret_payload_or_address_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = Stdio::from(std::fs::File::create(&path).unwrap());
    let vars = [("LOG_LEVEL", "trace"), ("SIMULATED_TASK_MS", "0")];
    let process = Process::start_logging(&["--ephemeral"], &vars, log);
    let api = &process.api;

    let ada = api.person("ada").await;
    let token = ada.token.as_str();
    let key = api.key(token, &["read", "write", "run"]).await.text;
    let signing = api.secret(token).await;
    let hook = format!("{}/webhook-test?key=urlsecret", api.base);
    let endpoint = json!({ "url": hook, "headers": { "x-token": "headersecret" } });
    let endpoint = api.post("/webhooks", token, endpoint).await.text("secret");
    let body = json!({ "taskName": "namesecret", "payload": { "a": "payloadsecret" }, "webhookUrl": hook, "run": true });
    let job = api.job(token, body).await;
    api.until_status(token, &job, "completed").await;
    let of_job = |row: &Value| row["state"] == "delivered" && row["endpointId"] == "job";
    api.until_delivery(token, &job, of_job).await;
    let http = json!({ "url": hook, "headers": { "x-token": "headersecret" }, "body": "payloadsecret" });
    let http = api.job(token, json!({ "type": "http", "payload": http, "run": true, "maxRetries": 0 })).await;
    api.until_status(token, &http, "failed").await;
    let mail = json!({ "to": "bob@example.com", "subject": "subjectsecret", "body": "payloadsecret" });
    let mail = api.job(token, json!({ "type": "email", "payload": mail, "run": true })).await;
    api.until_status(token, &mail, "completed").await;

    // What is refused is not logged either, with whichever member it came.
    for (path, body) in [
        ("/login", json!({ "email": "ada@example.com", "password": "wrongsecret" })),
        ("/login", json!({ "email": "nobody@example.com", "password": "wrongsecret" })),
        ("/register", json!({ "name": "x", "email": "x@example.com", "password": "wrongsecret" })),
        ("/register", json!({ "name": "x", "email": "x@example.com", "pasword": "wrongsecret" })),
        ("/jobs", json!({ "taskName": "x", "secrett": "wrongsecret" })),
    ] {
        let refused = api.post(path, "", body).await;
        assert!(refused.status.is_client_error() || refused.status == 201, "{refused:?}");
        assert!(!refused.json.to_string().contains("wrongsecret"), "{refused:?}");
    }
    for shown in ["njk_wrongsecret", "eyJ3cm9uZ3NlY3JldA.wrongsecret.wrongsecret", key.get(..20).unwrap()] {
        assert_eq!(api.get("/jobs", shown).await.status, 401);
        assert_eq!(
            api.call(Method::DELETE, &format!("/keys/{shown}"), token, &Value::Null).await.status,
            404
        );
    }
    let change = json!({ "currentPassword": PASSWORD, "newPassword": OTHER });
    let fresh = api.post("/profile/password", token, change).await.text("token");
    assert_eq!(api.get("/jobs?search=searchsecret", &fresh).await.status, 200);
    assert_eq!(api.get("/jobs", token).await.status, 401);

    let lines = || std::fs::read_to_string(&path).unwrap();
    until("the log tells of all", || async { lines().contains("changed the password").then_some(()) }).await;
    process.stop();
    let log = lines();
    assert!(log.contains("\"path\":\"/profile/password\"") && log.contains(&ada.id), "it is the log");
    let secrets = [PASSWORD, OTHER, token, &fresh, &key, &signing, &endpoint, "ada@example.com", "bob@"];
    let texts = [
        "urlsecret",
        "headersecret",
        "namesecret",
        "payloadsecret",
        "subjectsecret",
        "wrongsecret",
        "searchsecret",
    ];
    for secret in secrets.into_iter().chain(texts) {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}

//! A deployment over the one before it: what was there stays, and what was changed has changed.

use http::StatusCode;
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::sink::Sink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_deployment_with_a_changed_parameter_keeps_what_was_there() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let mut deployment = Deployment::kept().await;
    let api = deployment.api.clone();
    let ada = api.person("ada").await;
    let secret = api.secret(&ada.token).await;
    let key = api.key(&ada.token, &["read"]).await;
    let job = json!({ "taskName": "a", "payload": { "b": 1 }, "webhookUrl": sink.base });
    let job = api.job(&ada.token, job).await;
    let before = api.get(&format!("/jobs/{job}"), &ada.token).await.json;
    // Good enough by the default, and not for who asks for more.
    let weak = |name: &str| json!({ "name": name, "email": api.email(name), "password": "rushed hamster" });
    let taken = api.post("/register", "", weak("ben")).await;
    assert_eq!(taken.status, 201, "{taken:?}");

    deployment.change("PasswordMinScore", "4").await;
    let api = deployment.api.clone();
    let refused = api.post("/register", "", weak("cleo")).await;
    assert_eq!(refused.problem(400, "a weaker password"), Some("/password"));
    let token = api.login("ada").await;
    assert_eq!(api.get("/profile", &ada.token).await.text("id"), ada.id, "a token outlives it");
    assert_eq!(api.get(&format!("/jobs/{job}"), &key.text).await.json, before);
    assert_eq!(api.secret(&token).await, secret, "what was sealed can be opened");
    assert_eq!(api.post(&format!("/jobs/{job}/run"), &token, Value::Null).await.status, 202);
    api.until_delivery(&token, &job, |row| row["state"] == "delivered").await;
    let arrival = sink.arrivals()[0].clone();
    assert!(arrival.is_signed_with(&secret), "{arrival:?}");
}

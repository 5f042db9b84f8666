//! The main job as a person does it.

use http::StatusCode;
use serde_json::json;

use crate::deployed::Deployment;
use crate::house::until;
use crate::sink::{Sink, hex_signature};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_runs_and_its_webhook_is_believed() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let ada = api.person("ada").await;
    let token = ada.token.as_str();
    let secret = api.secret(token).await;

    let job = json!({
        "taskName": "send welcome mail", "priority": "high", "payload": { "to": "bob" },
        "webhookUrl": format!("{}/hook", sink.base),
    });
    let job = api.job(token, job).await;
    let started = api.post(&format!("/jobs/{job}/run"), token, json!(null)).await;
    assert_eq!((started.status.as_u16(), &started.json["status"]), (202, &json!("running")), "{started:?}");
    let ended = api.until_status(token, &job, "completed").await;
    let took = ended["runDurationMs"].as_u64().unwrap();
    // A part of the wait is the message's delay, and the rest the worker's.
    assert!((1_100..10_000).contains(&took), "{took}");
    assert!(ended["completedAt"].is_string() && ended["lastError"].is_null(), "{ended}");

    let arrival = until("the webhook arrives", || async { sink.arrivals().first().cloned() }).await;
    standardwebhooks::Webhook::new(&secret).unwrap().verify(&arrival.body, &arrival.headers).unwrap();
    assert_eq!(arrival.header("x-signature"), hex_signature(&secret, &arrival.body));
    let body = arrival.json();
    for (member, value) in [
        ("type", json!("job.completed")),
        ("jobId", json!(job)),
        ("taskName", json!("send welcome mail")),
        ("priority", json!("high")),
        ("status", json!("completed")),
        ("payload", json!({ "to": "bob" })),
        ("completedAt", ended["completedAt"].clone()),
        ("runDurationMs", ended["runDurationMs"].clone()),
        ("attempts", json!(1)),
    ] {
        assert_eq!(body[member], value, "{member}");
    }
    let row = api.until_delivery(token, &job, |row| row["responseStatus"] == 200).await;
    assert_eq!(row["requestBody"], body);
    assert_eq!(sink.arrivals().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_receiver_to_try_believes_it_too_and_a_changed_one_not() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let ada = api.person("ada").await;
    let body = json!({ "taskName": "a", "run": true, "webhookUrl": format!("{}/webhook-test", api.base) });
    let job = api.job(&ada.token, body).await;
    let row = api.until_delivery(&ada.token, &job, |row| row["attempt"] == 1).await;
    assert_eq!((&row["responseStatus"], &row["state"]), (&json!(200), &json!("delivered")), "{row}");
    assert!(row["responseBody"].as_str().unwrap().contains("\"verified\":true"), "{row}");

    let secret = api.secret(&ada.token).await;
    let body = json!({ "jobId": job }).to_string();
    for (signed, status) in [(body.as_str(), 200), ("{}", 401)] {
        let signature = hex_signature(&secret, signed.as_bytes());
        let request = api.request(http::Method::POST, "/webhook-test");
        let reply = request.header("x-signature", signature).body(body.clone()).send().await.unwrap();
        assert_eq!(reply.status(), status);
    }
}

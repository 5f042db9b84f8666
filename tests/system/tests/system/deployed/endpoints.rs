//! A webhook endpoint from its creation to its end: it is told, it fails, and it is told again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::until;
use crate::sink::Sink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_endpoint_did_not_take_is_sent_again_under_the_same_id() {
    let works = Arc::new(AtomicBool::new(false));
    let mended = Arc::clone(&works);
    let sink =
        Sink::new(
            move |_| {
                if mended.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::BAD_GATEWAY }
            },
        )
        .await;
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = ada.token.as_str();

    let body = json!({
        "url": sink.base, "events": ["job.completed"], "retrySchedule": "none", "headers": { "X-Team": "red" },
    });
    let made = api.post("/webhooks", token, body).await;
    assert_eq!(made.status, 201, "{made:?}");
    let (endpoint, secret) = (made.text("id"), made.text("secret"));
    let since = made.text("createdAt");

    let job = api.job(token, json!({ "taskName": "a", "run": true })).await;
    let row = api.until_delivery(token, &job, |row| row["state"] == "dead").await;
    assert_eq!((&row["endpointId"], &row["responseStatus"]), (&json!(endpoint), &json!(502)), "{row}");
    let first = sink.arrivals()[0].clone();
    assert!(first.is_signed_with(&secret) && first.header("x-team") == "red");
    let read = api.get(&format!("/webhooks/{endpoint}"), token).await;
    assert!(read.json["failingSince"].is_string(), "{read:?}");

    works.store(true, Ordering::SeqCst);
    let id = row["id"].as_str().unwrap();
    let path = format!("/jobs/{job}/deliveries/{id}/redeliver");
    let again = api.post(&path, token, Value::Null).await;
    assert_eq!((again.status.as_u16(), &again.json["round"]), (202, &json!(1)), "{again:?}");
    let row = api.until_delivery(token, &job, |row| row["attempt"] == 2).await;
    assert_eq!((&row["state"], &row["id"]), (&json!("delivered"), &json!(id)), "{row}");

    let mut request = json!({ "since": since, "state": "delivered", "endpointId": endpoint });
    let many = api.post("/deliveries/redeliver", token, request.clone()).await;
    assert_eq!((many.status.as_u16(), &many.json["queued"]), (202, &json!(1)), "{many:?}");
    api.until_delivery(token, &job, |row| row["attempt"] == 3).await;
    // The same request has nothing sent that it has had sent.
    request["before"] = many.json["before"].clone();
    until("nothing is left to be sent again", || async {
        let rest = api.post("/deliveries/redeliver", token, request.clone()).await;
        (rest.json["matched"] == 0).then_some(())
    })
    .await;
    let arrivals = sink.arrivals().clone();
    let same = |one: &crate::sink::Arrival| {
        one.header("webhook-id") == id && one.body == first.body && one.is_signed_with(&secret)
    };
    assert!(arrivals.len() == 3 && arrivals.iter().all(same), "{arrivals:?}");
    let read = api.get(&format!("/webhooks/{endpoint}"), token).await;
    assert!(read.json["failingSince"].is_null(), "{read:?}");

    let gone = api.call(Method::DELETE, &format!("/webhooks/{endpoint}"), token, &Value::Null).await;
    assert_eq!(gone.status, 200, "{gone:?}");
    let refused = api.post(&path, token, Value::Null).await;
    refused.problem(409, "an endpoint that is gone");
    assert!(refused.text("detail").contains("deleted"), "{refused:?}");
    // The account's own secret has its place beside the endpoints.
    assert!(api.secret(token).await.starts_with("whsec_"));
}

//! What the user is told about the deployment's webhooks is enough to believe them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::post;
use clap::Parser;
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use local::clock::FastClock;
use local::settings::CommandLine;
use local::{Settings, System, welcome};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tower::ServiceExt;

async fn call(system: &System, path: &str, token: &str, body: Value) -> Value {
    let request = Request::post(path)
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        .body(Body::from(body.to_string()));
    let answer = system.routes().oneshot(request.unwrap()).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{path}: {status} {body:?}");
    serde_json::from_slice(&body).unwrap()
}

/// A receiver on a port of its own, and what arrives there.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(HeaderMap, Bytes)>) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let take = move |headers: HeaderMap, body: Bytes| {
        let kept = arrived.send((headers, body));
        async move { kept.unwrap() }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().route("/", post(take))).into_future());
    (url, arrivals)
}

#[tokio::test]
async fn a_webhook_of_the_deployment_is_believed_with_the_secret_of_the_welcome() {
    let (url, mut arrivals) = receiver().await;
    let line = ["nightjar-local", "--ephemeral", "--port", "0", "--webhook-url", &url];
    // Fifty times as fast as the machine's: the task takes 60 ms.
    let clock = Some(FastClock::from_now(50));
    let settings = Settings { clock, ..CommandLine::parse_from(line).settings };
    let system = System::start(&settings).await.unwrap();
    let told = welcome::text(&settings, "http://nightjar", system.outbound());
    let (_, secret) = told.split_once(&format!("Webhooks to {url} are signed with ")).unwrap();
    let secret = secret.lines().next().unwrap();
    assert!(secret.starts_with("whsec_"), "{told}");

    let (email, password) = ("ada@example.com", "correct horse battery staple");
    let person = json!({ "name": "ada", "email": email, "password": password });
    call(&system, "/register", "", person).await;
    let session = call(&system, "/login", "", json!({ "email": email, "password": password })).await;
    let token = session["token"].as_str().unwrap();
    let job = call(&system, "/jobs", token, json!({ "taskName": "tell" })).await;
    let job = job["jobId"].as_str().unwrap();
    call(&system, &format!("/jobs/{job}/run"), token, Value::Null).await;

    let arrival = tokio::time::timeout(Duration::from_secs(20), arrivals.recv()).await;
    let (headers, body) = arrival.unwrap().unwrap();
    let signed_at = headers["webhook-timestamp"].to_str().unwrap().parse().unwrap();
    let id = headers["webhook-id"].to_str().unwrap();
    let library = standardwebhooks::Webhook::new(secret).unwrap();
    assert_eq!(headers["webhook-signature"], library.sign(id, signed_at, &body).unwrap());
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["jobId"], job);
    system.drain().await;
}

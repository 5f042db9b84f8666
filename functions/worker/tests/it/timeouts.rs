//! How long an attempt may take: as long as its job says.

use std::time::Duration;

use domain::job::{Job, Status};
use serde_json::{Value, json};

use crate::server::Server;
use crate::shop::{Shop, run};

/// A job that calls a server which says nothing, after its first attempt; and how long that took.
async fn silence(timeout_seconds: u32, more: Value) -> (Job, Duration) {
    let shop = Shop::with(&[("EGRESS_ALLOW", "127.0.0.0/8")]).await;
    let server = Server::saying(&[""]);
    let mut payload = json!({"url": server.url});
    payload.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
    let draft = Job { task_type: "http".to_owned(), timeout_seconds, ..shop.draft() };
    let job = shop.start(draft, payload).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(shop.step().await, (1, 0));
    let taken = begun.elapsed();
    server.request();
    (shop.read(&job).await, taken)
}

#[tokio::test]
async fn an_attempt_ends_with_the_jobs_timeout_and_is_tried_again() {
    let (job, taken) = silence(1, json!({})).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Running, 1));
    assert_eq!(run(&job).last_error.as_deref(), Some("the task took longer than 1 s"));
    assert!(run(&job).not_before.is_some() && run(&job).lease.is_none());
    assert!(taken >= Duration::from_secs(1) && taken < Duration::from_secs(5), "{taken:?}");
}

#[tokio::test]
async fn a_call_may_have_a_shorter_timeout_of_its_own() {
    let (job, taken) = silence(50, json!({"timeoutSeconds": 1})).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Running, 1));
    assert_eq!(run(&job).last_error.as_deref(), Some("timeout: no answer within 1s"));
    assert!(taken >= Duration::from_secs(1) && taken < Duration::from_secs(5), "{taken:?}");
}

#[tokio::test]
async fn the_jobs_timeout_counts_where_the_calls_is_longer() {
    let (job, _) = silence(1, json!({"timeout": 30})).await;
    assert_eq!(run(&job).last_error.as_deref(), Some("the task took longer than 1 s"));
}

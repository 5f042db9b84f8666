//! Cancelling.

use domain::event::EventType;
use domain::id::{RunId, WebhookId};
use domain::job::Status;
use domain::life;
use http::StatusCode;
use serde_json::{Value, json};

use crate::counter::Counter;

#[tokio::test]
async fn a_pending_job_is_cancelled_and_tells_of_it_after_the_write() {
    let counter = Counter::new().await;
    let job = counter.telling().await;
    let got = counter.ask(&job, "cancel").await;
    assert_eq!((got.status, &got.body["status"]), (StatusCode::OK, &json!("cancelled")));
    assert_eq!(got.body["message"], "Job cancelled successfully");
    let cancelled = counter.read(&job).await;
    let run = cancelled.run.as_ref().unwrap();
    assert_eq!((cancelled.status, run.outcome), (Status::Cancelled, Some(Status::Cancelled)));
    assert_eq!(run.completed_at, Some(counter.now()));
    assert!(counter.deliveries().await.is_empty());
    counter.pass(2);
    let told = counter.deliveries().await;
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].webhook_id,
        WebhookId::derive(run.id, EventType::Cancelled, run.completed_at.unwrap(), "job")
    );
    assert!(told[0].cancel_id.is_some() && told[0].cancel_id == cancelled.cancel_id);
    let body: Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!((&body["type"], &body["status"]), (&json!("job.cancelled"), &json!("cancelled")));
    assert_eq!(body.get("error"), None);
}

#[tokio::test]
async fn a_running_job_is_cancelled_under_its_run_and_its_worker_is_fenced() {
    let counter = Counter::new().await;
    let job = counter.telling().await;
    let run = RunId::fresh(counter.now(), counter.bed.ambient.entropy());
    let held = counter.claim(&job, run).await;
    assert_eq!(counter.ask(&job, "cancel").await.status, StatusCode::OK);
    let cancelled = counter.read(&job).await;
    let current = cancelled.run.as_ref().unwrap();
    assert_eq!((current.id, current.attempt, current.lease), (run, 1, None));
    let attempt = life::Attempt { run, number: 1 };
    let done = life::Ending::Done { result: None };
    assert_eq!(life::finish(&cancelled, attempt, &done, counter.present()), Err(life::Fenced));
    assert_eq!(cancelled.version, held.version + 1);
}

#[tokio::test]
async fn what_has_ended_is_not_cancelled() {
    let counter = Counter::new().await;
    let job = counter.telling().await;
    let ended = counter.complete(&job).await;
    let got = counter.ask(&ended, "cancel").await;
    assert_eq!(got.problem(), (409, "already-ended"));
    assert!(got.body["detail"].as_str().unwrap().contains("completed"));
    let other = counter.job().await;
    counter.ask(&other, "cancel").await;
    assert_eq!(counter.ask(&other, "cancel").await.problem(), (409, "already-ended"));
    counter.pass(2);
    assert!(counter.deliveries().await.is_empty());
}

#[tokio::test]
async fn the_deployments_webhook_is_told_too() {
    let counter = Counter::with(&[("WEBHOOK_URL", "https://example.com/all")]).await;
    let (telling, silent) = (counter.telling().await, counter.job().await);
    counter.ask(&telling, "cancel").await;
    counter.ask(&silent, "cancel").await;
    counter.pass(2);
    let mut urls: Vec<_> = counter.deliveries().await.into_iter().map(|one| one.url).collect();
    urls.sort();
    assert_eq!(urls, ["https://example.com/all", "https://example.com/all", "https://example.com/hook"]);
}

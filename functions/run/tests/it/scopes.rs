//! What an API key may start and stop.

use axum::body::Body;
use domain::api_key::Scope;
use domain::job::Status;

use crate::counter::{Counter, register};

#[tokio::test]
async fn a_key_needs_the_scope_run_and_no_other() {
    let counter = Counter::new().await;
    let key = async |scopes: &[Scope]| testkit::api_key(&counter.bed, counter.user.id, scopes).await;
    let (runs, edits) = (key(&[Scope::Run]).await, key(&[Scope::Read, Scope::Write]).await);
    let job = counter.job().await;
    for (method, path) in run::ROUTES.iter().filter(|(method, _)| *method == "POST") {
        let path = path.replace("{id}", &job.id.to_string());
        let got = counter.send(method, &path, Some(&edits), Body::empty()).await;
        assert_eq!(got.problem(), (403, "forbidden"), "{path}");
        assert_eq!(got.body["detail"], "the API key lacks the scope run");
        assert!(got.headers["www-authenticate"].to_str().unwrap().contains("insufficient_scope"));
    }
    assert_eq!(counter.read(&job).await, job);
    let ask = async |what: &str| {
        let got = counter.post_as(&format!("/jobs/{}/{what}", job.id), Some(&runs)).await;
        (got.status.as_u16(), counter.read(&job).await.status)
    };
    assert_eq!(ask("run").await, (202, Status::Running));
    assert_eq!(ask("cancel").await, (200, Status::Cancelled));
    assert_eq!(ask("rerun").await, (202, Status::Running));
}

#[tokio::test]
async fn a_key_reaches_no_further_than_its_user() {
    let counter = Counter::new().await;
    let job = counter.job().await;
    let (eve, _) = register(&counter.bed, "eve").await;
    let key = testkit::api_key(&counter.bed, eve.id, &Scope::ALL).await;
    for what in ["run", "rerun", "cancel"] {
        let got = counter.post_as(&format!("/jobs/{}/{what}", job.id), Some(&key)).await;
        assert_eq!(got.problem(), (404, "not-found"), "{what}");
    }
    assert_eq!(counter.read(&job).await, job);
}

#[tokio::test]
async fn a_key_that_may_not_read_is_answered_a_receipt() {
    let counter = Counter::new().await;
    let key = async |scopes: &[Scope]| testkit::api_key(&counter.bed, counter.user.id, scopes).await;
    let (runs, sees) = (key(&[Scope::Run]).await, key(&[Scope::Run, Scope::Read]).await);
    let schedule = serde_json::json!({"recurrence": {"interval": "hourly"}});
    let job = crate::rest::scheduled(&counter, schedule).await;
    for what in ["pause", "pause", "resume", "resume", "run", "cancel", "rerun"] {
        let got = counter.post_as(&format!("/jobs/{}/{what}", job.id), Some(&runs)).await;
        assert!(got.status.is_success(), "{what}: {got:?}");
        let told = if got.body["job"].is_object() { &got.body["job"] } else { &got.body };
        let names = told.as_object().unwrap().keys().filter(|name| *name != "message");
        assert_eq!(names.collect::<Vec<_>>(), ["id", "jobId", "status", "version"], "{what}");
        assert!(!got.body.to_string().contains(&job.task_name), "{what}: {got:?}");
    }
    let got = counter.post_as(&format!("/jobs/{}/cancel", job.id), Some(&sees)).await;
    assert_eq!(got.body["taskName"], job.task_name);
}

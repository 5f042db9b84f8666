//! Starting jobs, once and again.

use domain::id::JobId;
use domain::job::{Job, Priority, Status};
use domain::message::JobMessage;
use http::StatusCode;
use serde_json::json;

use crate::counter::{Counter, register};

#[tokio::test]
async fn a_pending_job_runs_and_its_message_names_the_version_before() {
    let counter = Counter::new().await;
    for priority in Priority::ALL {
        let job = counter.write(Job { priority, ..counter.draft() }).await;
        let got = counter.ask(&job, "run").await;
        assert_eq!(got.status, StatusCode::ACCEPTED);
        assert_eq!((&got.body["success"], &got.body["status"]), (&json!(true), &json!("running")));
        assert_eq!(got.body["job"]["id"], json!(job.id));
        assert!(got.headers.contains_key("ratelimit"));
        let running = counter.read(&job).await;
        assert_eq!((running.status, running.version), (Status::Running, 2));
        let run = running.run.unwrap();
        assert_eq!((run.attempt, run.started_at, run.lease), (0, counter.now(), None));
        // The simulated task takes its three seconds in the queue.
        assert_eq!(counter.messages(priority).await, []);
        counter.pass(3);
        assert_eq!(counter.messages(priority).await, [JobMessage::run(job.id, run.id, 1)]);
    }
}

#[tokio::test]
async fn other_work_begins_at_once() {
    let counter = Counter::new().await;
    let job = counter.write(Job { task_type: "http".to_owned(), ..counter.draft() }).await;
    assert_eq!(counter.post(&format!("/run-job/{}", job.id)).await.status, StatusCode::ACCEPTED);
    assert_eq!(counter.messages(Priority::Low).await.len(), 1);
}

#[tokio::test]
async fn what_runs_or_has_ended_is_not_started() {
    let counter = Counter::new().await;
    let job = counter.job().await;
    assert_eq!(counter.ask(&job, "rerun").await.problem(), (409, "conflict"));
    counter.ask(&job, "run").await;
    let running = counter.read(&job).await;
    for what in ["run", "rerun"] {
        assert_eq!(counter.ask(&job, what).await.problem(), (409, "already-running"));
    }
    assert_eq!(counter.read(&job).await, running);
    let ended = counter.job().await;
    let ended = counter.complete(&ended).await;
    assert_eq!(counter.ask(&ended, "run").await.problem(), (409, "already-ended"));
    assert_eq!(counter.read(&ended).await, ended);
}

#[tokio::test]
async fn an_ended_job_runs_again_and_its_last_run_is_put_aside() {
    let counter = Counter::new().await;
    let job = counter.job().await;
    let ended = counter.complete(&job).await;
    assert_eq!(counter.ask(&ended, "rerun").await.status, StatusCode::ACCEPTED);
    let running = counter.read(&job).await;
    assert_eq!((running.status, running.version), (Status::Running, ended.version + 1));
    let (first, second) = (ended.run.unwrap(), running.run.unwrap());
    assert_ne!(first.id, second.id);
    assert_eq!((second.attempt, second.completed_at, second.result), (0, None, None));
    assert_eq!(counter.store.archived_run(job.id, first.id).await.unwrap(), Some(first));
    counter.pass(3);
    let wanted = JobMessage::run(job.id, second.id, ended.version);
    assert_eq!(counter.messages(Priority::Low).await, [wanted]);
}

#[tokio::test]
async fn a_job_of_another_is_as_good_as_none() {
    let counter = Counter::new().await;
    let job = counter.job().await;
    let (_, stranger) = register(&counter.bed, "stranger").await;
    let nobody = JobId::fresh(counter.now(), counter.bed.ambient.entropy());
    for what in ["run", "rerun", "cancel"] {
        let path = format!("/jobs/{}/{what}", job.id);
        assert_eq!(counter.post_as(&path, Some(&stranger)).await.problem(), (404, "not-found"));
        assert_eq!(counter.post_as(&path, None).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(counter.post(&format!("/jobs/{nobody}/{what}")).await.problem(), (404, "not-found"));
        assert_eq!(counter.post(&format!("/jobs/nonsense/{what}")).await.problem(), (404, "not-found"));
    }
    assert_eq!(counter.read(&job).await, job);
    counter.pass(3);
    assert_eq!(counter.messages(Priority::Low).await, []);
}

#[tokio::test]
async fn only_what_could_start_counts_against_the_limit() {
    let counter = Counter::with(&[("RATE_LIMIT_MAX", "2"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let jobs = [counter.job().await, counter.job().await, counter.job().await];
    let nobody = JobId::fresh(counter.now(), counter.bed.ambient.entropy());
    assert_eq!(counter.ask(&jobs[0], "run").await.status, StatusCode::ACCEPTED);
    for _ in 0..3 {
        assert_eq!(counter.ask(&jobs[0], "run").await.problem(), (409, "already-running"));
        assert_eq!(counter.post(&format!("/jobs/{nobody}/run")).await.problem(), (404, "not-found"));
    }
    assert_eq!(counter.ask(&jobs[1], "run").await.status, StatusCode::ACCEPTED);
    let refused = counter.ask(&jobs[2], "run").await;
    assert_eq!(refused.problem(), (429, "rate-limited"));
    assert_eq!(refused.headers["retry-after"], "60");
    assert_eq!(counter.read(&jobs[2]).await, jobs[2]);
    counter.pass(60);
    assert_eq!(counter.ask(&jobs[2], "run").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn of_many_who_ask_at_once_one_starts_it() {
    let counter = Counter::new().await;
    let job = counter.job().await;
    let (one, two, three, four) = tokio::join!(
        counter.ask(&job, "run"),
        counter.ask(&job, "run"),
        counter.ask(&job, "run"),
        counter.ask(&job, "run"),
    );
    let mut told: Vec<_> = [one, two, three, four].iter().map(|got| got.status.as_u16()).collect();
    told.sort_unstable();
    assert_eq!(told, [202, 409, 409, 409]);
    assert_eq!(counter.read(&job).await.version, 2);
}

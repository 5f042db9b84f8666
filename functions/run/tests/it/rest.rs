//! Schedules that rest and go on.

use std::time::Duration;

use domain::job::{Job, Priority, Status};
use domain::life::{self, Trigger, Verdict, touched};
use domain::message::JobMessage;
use domain::schedule::Schedule;
use http::StatusCode;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::counter::{Counter, register};

/// A job with this schedule, in the table.
pub(crate) async fn scheduled(counter: &Counter, schedule: Value) -> Job {
    let now = counter.now();
    let schedule = Schedule::parse(&schedule, "/schedule", now).unwrap();
    let timetable = Some(life::scheduled(schedule, 1, now));
    counter.write(Job { timetable, ..counter.draft() }).await
}

/// A moment so many seconds from now, as text.
fn at(counter: &Counter, seconds: u64) -> String {
    counter.now().plus(Duration::from_secs(seconds)).to_string()
}

async fn hourly(counter: &Counter) -> Job {
    scheduled(counter, json!({"startTime": at(counter, 60), "recurrence": {"interval": "hourly"}})).await
}

#[tokio::test]
async fn a_schedule_rests_and_goes_on_and_twice_is_as_once() {
    let counter = Counter::new().await;
    let job = hourly(&counter).await;
    for _ in 0..2 {
        let got = counter.ask(&job, "pause").await;
        assert_eq!((got.status, &got.body["message"]), (StatusCode::OK, &json!("Schedule paused")));
        assert_eq!((&got.body["schedule"]["paused"], &got.body["nextRunAt"]), (&json!(true), &Value::Null));
        assert_eq!(got.body["version"], 2);
    }
    let rests = counter.read(&job).await;
    assert_eq!((rests.status, rests.timetable.as_ref().unwrap().rev), (Status::Pending, 2));
    counter.pass(3 * 3_600);
    let token = counter.fresh_token().await;
    for _ in 0..2 {
        let got = counter.post_as(&format!("/jobs/{}/resume", job.id), Some(&token)).await;
        assert_eq!((got.status, &got.body["message"]), (StatusCode::OK, &json!("Schedule resumed")));
        assert_eq!(got.body["nextRunAt"], at(&counter, 60), "what fell into the pause is not made up for");
        assert_eq!(got.body["version"], 3);
    }
    assert_eq!(counter.messages(Priority::Low).await, []);
    counter.pass(60);
    assert_eq!(counter.messages(Priority::Low).await, [JobMessage::fire(job.id, 3, counter.now())]);
}

#[tokio::test]
async fn what_was_announced_before_the_pause_starts_nothing() {
    let counter = Counter::new().await;
    let job = hourly(&counter).await;
    let due_at = job.timetable.as_ref().unwrap().next.unwrap();
    counter.ask(&job, "pause").await;
    counter.pass(60);
    let run = domain::id::RunId::of_occurrence(job.id, due_at);
    let accepted = |job: &Job| {
        life::accept(
            job,
            run,
            Trigger::Fire { rev: 1, due_at },
            1,
            std::time::Duration::ZERO,
            counter.present(),
        )
    };
    assert_eq!(accepted(&counter.read(&job).await), Verdict::Stale);
    assert!(matches!(accepted(&job), Verdict::Claim { .. }), "it would have started the job");
}

#[tokio::test]
async fn a_single_time_that_passed_in_the_pause_comes_when_it_is_over() {
    let counter = Counter::new().await;
    let job = scheduled(&counter, json!({"startTime": at(&counter, 60)})).await;
    counter.ask(&job, "pause").await;
    counter.pass(600);
    let got = counter.ask(&job, "resume").await;
    assert_eq!(got.body["nextRunAt"], at(&counter, 0));
    assert_eq!(counter.messages(Priority::Low).await, [JobMessage::fire(job.id, 3, counter.now())]);
}

#[tokio::test]
async fn a_single_time_that_comes_at_once_when_it_is_resumed_is_a_run() {
    let counter = Counter::with(&[("RATE_LIMIT_MAX", "1"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let start = counter.now().plus(Duration::from_secs(30));
    let (one, other) = (
        scheduled(&counter, json!({"startTime": start})).await,
        scheduled(&counter, json!({"startTime": start})).await,
    );
    let recurring = hourly(&counter).await;
    for job in [&one, &other, &recurring] {
        assert_eq!(counter.ask(job, "pause").await.status, 200);
    }
    counter.pass(61);
    assert_eq!(counter.ask(&one, "resume").await.status, 200);
    let before = counter.read(&other).await;
    assert_eq!(counter.ask(&other, "resume").await.problem(), (429, "rate-limited"));
    assert_eq!(counter.read(&other).await, before);
    assert_eq!(counter.ask(&recurring, "resume").await.status, 200, "its next is to come");
    assert_eq!(counter.ask(&recurring, "run").await.problem(), (429, "rate-limited"));
    counter.pass(60);
    assert_eq!(counter.ask(&other, "resume").await.status, 200);
}

#[tokio::test]
async fn what_has_no_schedule_or_none_any_more_cannot_rest() {
    let counter = Counter::new().await;
    let (plain, over) = (counter.job().await, hourly(&counter).await);
    counter.ask(&over, "cancel").await;
    for what in ["pause", "resume"] {
        let got = counter.ask(&plain, what).await;
        assert_eq!(got.problem(), (409, "conflict"));
        assert!(got.body["detail"].as_str().unwrap().contains("has no schedule"), "{}", got.body);
        let got = counter.ask(&over, what).await;
        assert_eq!(got.problem(), (409, "conflict"));
        assert!(got.body["detail"].as_str().unwrap().contains("is over"), "{}", got.body);
    }
    let (_, stranger) = register(&counter.bed, "stranger").await;
    for what in ["pause", "resume"] {
        let path = format!("/jobs/{}/{what}", plain.id);
        assert_eq!(counter.post_as(&path, Some(&stranger)).await.problem(), (404, "not-found"));
        assert_eq!(counter.post_as(&path, None).await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_schedule_that_ended_in_its_pause_ends_the_job_and_that_is_told() {
    let counter = Counter::new().await;
    let schedule = json!({"startTime": at(&counter, 60),
        "recurrence": {"interval": "hourly", "endTime": at(&counter, 600)}});
    let job = scheduled(&counter, schedule).await;
    counter.ask(&job, "pause").await;
    counter.pass(601);
    let got = counter.ask(&job, "resume").await;
    assert_eq!((got.status, &got.body["status"]), (StatusCode::OK, &json!("failed")), "{}", got.body);
    assert!(got.body["lastError"].as_str().unwrap().starts_with("missed"));
    let ended = counter.read(&job).await;
    assert!(ended.expires_at.is_some());
    assert_eq!(counter.messages(Priority::Low).await, [], "the write comes first");
    counter.pass(2);
    let run = ended.run.as_ref().unwrap().id;
    let sent = counter.messages(Priority::Low).await;
    assert_eq!(sent, [JobMessage::run(job.id, run, 0)]);
    // The worker finds the run ended and sends what it owes; without the write it would find nothing.
    let told = |job: &Job| {
        life::accept(job, run, Trigger::Run { version: 0 }, 1, std::time::Duration::ZERO, counter.present())
    };
    assert_eq!(told(&ended), Verdict::Settle);
    assert_eq!(told(&job), Verdict::Stale);
}

#[tokio::test]
async fn a_schedule_that_ended_in_its_pause_after_a_run_ends_as_that_did() {
    let counter = Counter::new().await;
    let schedule = json!({"startTime": at(&counter, 60),
        "recurrence": {"interval": "hourly", "endTime": at(&counter, 600)}});
    let job = scheduled(&counter, schedule).await;
    let done = counter.complete(&job).await;
    assert_eq!((done.status, done.expires_at), (Status::Pending, None));
    counter.ask(&job, "pause").await;
    counter.pass(601);
    let got = counter.ask(&job, "resume").await;
    assert_eq!((got.status, &got.body["status"]), (StatusCode::OK, &json!("completed")));
    counter.pass(2);
    assert_eq!(counter.messages(Priority::Low).await, [], "the run's webhook was sent when it ended");
}

#[tokio::test]
async fn a_failing_announcement_does_not_fail_it_and_a_failing_write_changes_nothing() {
    let counter = Counter::new().await;
    let job = hourly(&counter).await;
    counter.bed.faults.plan(When::Always, Fault::Unreached, Some("PutItem"));
    assert_eq!(counter.ask(&job, "pause").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(counter.read(&job).await, job);
    counter.bed.faults.clear();
    assert_eq!(counter.ask(&job, "pause").await.status, StatusCode::OK);
    let rests = counter.read(&job).await;
    counter.bed.faults.plan(When::Always, Fault::Unreached, Some("PutItem"));
    assert_eq!(counter.ask(&job, "resume").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(counter.read(&job).await, rests);
    counter.bed.faults.clear();
    counter.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    assert_eq!(counter.ask(&job, "resume").await.status, StatusCode::OK);
    counter.pass(60);
    assert_eq!(counter.messages(Priority::Low).await, []);
}

#[tokio::test]
async fn an_end_that_cannot_be_told_of_is_not_written() {
    let counter = Counter::new().await;
    let schedule = json!({"startTime": at(&counter, 60),
        "recurrence": {"interval": "hourly", "endTime": at(&counter, 600)}});
    let job = scheduled(&counter, schedule).await;
    counter.ask(&job, "pause").await;
    counter.pass(601);
    let rests = counter.read(&job).await;
    counter.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    assert_eq!(counter.ask(&job, "resume").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(counter.read(&job).await, rests);
}

#[tokio::test]
async fn of_pauses_and_resumes_at_once_each_is_answered_and_one_is_last() {
    let counter = Counter::new().await;
    let job = hourly(&counter).await;
    let (one, two, three) =
        tokio::join!(counter.ask(&job, "pause"), counter.ask(&job, "resume"), counter.ask(&job, "pause"));
    assert!([&one, &two, &three].iter().all(|got| got.status == StatusCode::OK));
    let after = counter.read(&job).await;
    let table = after.timetable.unwrap();
    assert_eq!(table.rev, after.version);
    assert!((2..=4).contains(&after.version), "{}", after.version);
}

#[tokio::test]
async fn a_run_by_hand_leaves_a_recurring_schedule_and_uses_up_a_single_time() {
    let counter = Counter::new().await;
    let recurring = hourly(&counter).await;
    let single = scheduled(&counter, json!({"startTime": at(&counter, 600)})).await;
    for job in [&recurring, &single] {
        assert_eq!(counter.ask(job, "run").await.status, StatusCode::ACCEPTED);
    }
    let (recurring, single) = (counter.read(&recurring).await, counter.read(&single).await);
    assert_eq!(recurring.timetable.unwrap().next, Some(counter.now().plus(Duration::from_secs(60))));
    assert_eq!(single.timetable.unwrap().next, None);
}

#[tokio::test]
async fn the_last_run_of_a_waiting_job_is_put_aside_by_a_run_and_by_a_cancellation() {
    for what in ["run", "cancel"] {
        let counter = Counter::new().await;
        let job = hourly(&counter).await;
        let done = counter.complete(&job).await;
        let last = done.run.clone().unwrap();
        let got = counter.ask(&job, what).await;
        assert!(got.status.is_success(), "{what}: {}", got.body);
        let kept = counter.store.archived_run(job.id, last.id).await.unwrap();
        assert_eq!(kept.as_ref(), Some(&last), "{what}");
        assert_ne!(counter.read(&job).await.run.unwrap().id, last.id);
    }
}

#[tokio::test]
async fn a_job_that_was_edited_meanwhile_is_paused_as_it_is_now() {
    let counter = Counter::new().await;
    let job = hourly(&counter).await;
    let edited = counter.replace(Job { priority: Priority::High, ..touched(&job, counter.now()) }).await;
    let got = counter.ask(&job, "pause").await;
    assert_eq!((&got.body["version"], &got.body["priority"]), (&json!(edited.version + 1), &json!("high")));
}

#[tokio::test]
async fn a_job_that_is_run_again_keeps_its_large_payload() {
    let counter = Counter::new().await;
    let payload = domain::payload::Payload::stored(format!("\"{}\"", "p".repeat(5_000))).unwrap();
    let new = store::NewJob { job: counter.draft(), payload: payload.clone() };
    let store::Created::New(job) = counter.store.create_job(new, None, counter.now()).await.unwrap() else {
        panic!("there was no key");
    };
    let ended = counter.complete(&job).await;
    assert!(ended.expires_at.is_some());
    assert_eq!(counter.ask(&job, "rerun").await.status, StatusCode::ACCEPTED);
    counter.pass(200 * 86_400);
    assert!(
        counter.bed.engine.sweep_ttl().unwrap() > 0,
        "the run before, the window, and nothing of the job"
    );
    let running = counter.read(&job).await;
    assert_eq!((running.expires_at, counter.store.payload(&running).await.unwrap()), (None, payload));
}

#[tokio::test]
async fn an_admin_starts_and_stops_any_job() {
    let counter = Counter::new().await;
    let persona = testkit::user(&counter.bed, "root");
    let root = domain::user::User { role: domain::user::Role::Admin, ..persona.user };
    counter.store.create_user(&root, &persona.email, &persona.name).await.unwrap();
    let secrets = counter.bed.auth_secrets().get().await.unwrap();
    let token = edge::tokens::issue(&secrets, root.id, &counter.bed.ambient).unwrap().token;
    let job = hourly(&counter).await;
    for (what, status) in [("pause", 200), ("resume", 200), ("run", 202), ("cancel", 200), ("rerun", 202)] {
        let got = counter.post_as(&format!("/jobs/{}/{what}", job.id), Some(&token)).await;
        assert_eq!(got.status.as_u16(), status, "{what}: {}", got.body);
    }
    assert_eq!(counter.read(&job).await.user_id, counter.user.id);
}

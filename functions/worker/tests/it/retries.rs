//! Attempts that fail, and those that follow.

use std::time::Duration;

use domain::job::{Job, Status};
use domain::retry::Backoff;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::shop::{Shop, run, told};

/// Lets time pass until the next attempt may begin, and works on it.
async fn next_attempt(shop: &Shop, job: &Job) -> Job {
    let seen = shop.read(job).await;
    let from = run(&seen).not_before.expect("another attempt");
    // The message comes up to a second early, for SQS counts in seconds: then it hides again.
    for _ in 0..3 {
        assert!(run(&shop.read(job).await).attempt == run(&seen).attempt);
        if shop.now() >= from {
            break;
        }
        shop.step().await;
        shop.pass(1);
    }
    let wait = from.since(shop.now()).as_millis().div_ceil(1_000);
    shop.pass(u64::try_from(wait).unwrap());
    shop.pass(1);
    shop.step().await;
    shop.read(job).await
}

#[tokio::test]
async fn attempts_follow_until_none_is_left() {
    let shop = Shop::with(&[("JOB_RETRY_BASE_MS", "2000")]).await;
    let backoff = Backoff::new(Duration::from_secs(2));
    let mut job = shop.start(Job { max_retries: 2, ..shop.draft() }, json!({"fail": true})).await;
    assert_eq!(shop.step().await, (1, 0));
    for attempt in 1..=2 {
        job = shop.read(&job).await;
        assert_eq!((job.status, run(&job).attempt, run(&job).lease), (Status::Running, attempt, None));
        let wait = run(&job).not_before.unwrap().since(shop.now());
        assert!(wait <= backoff.ceiling(attempt - 1), "{wait:?}");
        assert!(run(&job).last_error.as_ref().unwrap().contains("the payload says fail"));
        assert!(shop.asked().await.is_empty());
        let (visible, _, delayed) = shop.depth();
        assert_eq!((visible + delayed, delayed > 0), (1, wait >= Duration::from_secs(1)));
        job = next_attempt(&shop, &job).await;
    }
    assert_eq!((job.status, run(&job).attempt, run(&job).retry_count()), (Status::Failed, 3, 2));
    assert_eq!(run(&job).outcome, Some(Status::Failed));
    assert_eq!(run(&job).completed_at, Some(shop.now()));
    assert_eq!(told(&job).last(), Some(&"attempt 3 failed, the last"));
    let started = told(&job).into_iter().filter(|entry| entry.ends_with("started")).collect::<Vec<_>>();
    assert_eq!(started, ["attempt 1 started", "attempt 2 started", "attempt 3 started"]);
    let asked = shop.asked().await;
    assert_eq!(asked.len(), 1);
    let body: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!((&body["type"], &body["attempts"]), (&json!("job.failed"), &json!(3)));
    assert!(body["error"].as_str().unwrap().contains("the payload says fail"));
    assert_eq!(shop.depth(), (0, 0, 0));
}

#[tokio::test]
async fn a_task_that_fails_some_times_completes_in_the_end() {
    let shop = Shop::new().await;
    let mut job = shop.start(shop.draft(), json!({"failTimes": 2})).await;
    shop.step().await;
    while run(&shop.read(&job).await).outcome.is_none() {
        job = next_attempt(&shop, &job).await;
        assert!(run(&job).attempt <= 3);
    }
    assert_eq!((job.status, run(&job).retry_count()), (Status::Completed, 2));
    assert_eq!(
        (&run(&job).last_error, &run(&job).result),
        (&None, &Some(json!({"simulated": true, "attempt": 3})))
    );
    let errors = job.log.entries().iter().filter_map(|entry| entry.error.as_deref()).collect::<Vec<_>>();
    assert_eq!(errors, ["simulated failure 1 of 2", "simulated failure 2 of 2"]);
}

#[tokio::test]
async fn without_retries_the_first_failure_is_the_last() {
    for variables in [&[][..], &[("SIMULATE_JOB_FAILURE", "true")]] {
        let shop = Shop::with(variables).await;
        let payload = if variables.is_empty() { json!({"fail": true}) } else { json!({}) };
        let job = shop.start(Job { max_retries: 0, ..shop.draft() }, payload).await;
        assert_eq!(shop.step().await, (1, 0));
        let job = shop.read(&job).await;
        assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1));
        assert_eq!((shop.asked().await.len(), shop.depth()), (1, (0, 0, 0)));
    }
}

#[tokio::test]
async fn a_retry_waits_for_the_simulated_length_too() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "60000"), ("JOB_RETRY_BASE_MS", "1")]).await;
    shop.start(shop.draft(), json!({"fail": true})).await;
    assert_eq!(shop.step().await, (1, 0));
    shop.pass(59);
    assert_eq!(shop.depth(), (0, 0, 1));
    shop.pass(2);
    assert_eq!(shop.depth(), (1, 0, 0));
}

#[tokio::test]
async fn a_message_before_its_time_hides_until_then() {
    let shop = Shop::with(&[("JOB_RETRY_BASE_MS", "800000")]).await;
    let job = shop.start(shop.draft(), json!({"failTimes": 1})).await;
    shop.step().await;
    let waiting = shop.read(&job).await;
    let from = run(&waiting).not_before.unwrap();
    assert!(from.since(shop.now()) > Duration::from_secs(10), "the dice fell badly");
    shop.send(&job, run(&job).id, Duration::ZERO).await;
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!(shop.read(&job).await, waiting);
    let wait = u64::try_from(from.since(shop.now()).as_millis().div_ceil(1_000)).unwrap();
    shop.pass(wait);
    // The retry's own message and this one; of two claims one wins, and the other waits or settles.
    shop.step().await;
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2));
}

#[tokio::test]
async fn if_a_retry_cannot_be_sent_the_message_serves_again() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({"failTimes": 1})).await;
    shop.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!(shop.depth(), (0, 1, 0));
    shop.bed.faults.clear();
    shop.pass(5);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

#[tokio::test]
async fn an_edit_that_takes_retries_away_counts_from_the_next_failure() {
    let shop = Shop::new().await;
    let job = shop.start(Job { max_retries: 9, ..shop.draft() }, json!({"fail": true})).await;
    shop.step().await;
    let mut edited = domain::life::touched(&shop.read(&job).await, shop.now());
    edited.max_retries = 0;
    shop.replace(&edited).await;
    let job = next_attempt(&shop, &job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Failed, 2));
}

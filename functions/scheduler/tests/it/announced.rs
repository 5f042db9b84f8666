//! What is announced, when, and what it looks like on the wire.

use std::time::Duration;

use domain::job::{Job, Priority, Status};
use domain::life::{self, Present};
use scheduler::Ticked;
use serde_json::{Value, json};
use store::Shards;

use crate::tower::{Tower, message_of, runs};

#[tokio::test]
async fn all_that_is_due_within_the_time_read_ahead_is_sent_to_its_queue() {
    let tower = Tower::new().await;
    let mut wanted = Vec::new();
    for n in 0..45 {
        let job = tower.urgent_job(n * 4, Priority::ALL[n as usize % 3]).await;
        wanted.push(message_of(&job));
    }
    wanted.push(message_of(&tower.job(280).await));
    tower.job(281).await;
    tower
        .write(
            &tower.store,
            testkit::job(&tower.bed, domain::id::UserId::fresh(tower.now(), tower.bed.ambient.entropy())),
        )
        .await;
    // Nobody ticked for 100 seconds: a part of them is late.
    tower.pass(100);
    let ticked = tower.tick().await;
    let expected = Ticked { read: 46, sent: 46, moved: 46, late: 25, late_ms: 100_000, ..Ticked::default() };
    assert_eq!(ticked, expected);
    assert_eq!(ticked.finished(), Ok(expected));
    let mut received = Vec::new();
    for (seconds, count) in [(0, 26), (3, 0), (1, 1), (175, 18), (1, 1)] {
        tower.pass(seconds);
        let now = tower.received().await;
        assert_eq!(now.len(), count, "{seconds}");
        received.extend(now);
    }
    assert!(received.iter().all(|message| wanted.contains(message)));
    assert_eq!(runs(&received).len(), 46);
}

#[tokio::test]
async fn an_occurrence_that_nobody_started_is_announced_again() {
    let tower = Tower::new().await;
    let job = tower.job(60).await;
    let message = message_of(&job);
    let tick = async |seconds: u64, wanted: Ticked| {
        tower.pass(seconds);
        assert_eq!(tower.tick().await, wanted, "{}", tower.now());
    };
    let nothing = Ticked::default();
    let waiting = Ticked { read: 1, waiting: 1, ..nothing.clone() };
    let again = Ticked { read: 1, sent: 1, again: 1, moved: 1, ..nothing.clone() };
    tick(0, Ticked { read: 1, sent: 1, moved: 1, ..nothing.clone() }).await;
    tick(0, waiting.clone()).await;
    tick(60, waiting.clone()).await;
    assert_eq!(tower.received().await.as_slice(), std::slice::from_ref(&message));
    tick(119, waiting.clone()).await;
    tick(1, again.clone()).await;
    tick(119, waiting).await;
    tick(1, again).await;
    assert_eq!(tower.received().await, [message.clone(), message]);
    // It is a matter of the index alone.
    assert_eq!(tower.store.job(job.id, tower.now()).await.unwrap(), Some(job));
}

#[tokio::test]
async fn a_job_that_waits_for_nothing_is_left_alone() {
    let tower = Tower::new().await;
    let now = tower.now();
    let at = Present { now, keep: None };
    let paused = tower.job(10).await;
    tower.replace(life::pause(&paused, now).unwrap().unwrap()).await;
    let ended = tower.job(10).await;
    tower
        .replace(Job {
            status: Status::Failed,
            run: Some(domain::job::Run::new(domain::id::RunId::of_occurrence(ended.id, now), now)),
            ..life::touched(&ended, now)
        })
        .await;
    let deleted = tower.job(10).await;
    tower.replace(life::delete(&deleted, now, Duration::from_secs(60))).await;
    assert_eq!(tower.tick().await, Ticked::default());
    let paused = tower.store.job(paused.id, now).await.unwrap().unwrap();
    let resumed = tower.replace(life::resume(&paused, at).unwrap().unwrap()).await;
    assert_eq!(tower.tick().await.sent, 1);
    tower.pass(10);
    assert_eq!(tower.received().await, [message_of(&resumed)]);
}

#[tokio::test]
async fn a_recurring_job_is_announced_occurrence_by_occurrence() {
    let tower = Tower::new().await;
    let minutely = json!({"type": "recurring", "recurrence": {"interval": "minutely"}});
    let mut job = tower.write(&tower.store, tower.draft(&minutely)).await;
    let mut announced = Vec::new();
    for _ in 0..3 {
        assert_eq!(tower.tick().await.sent, 1);
        tower.pass(60);
        assert_eq!(tower.received().await, [message_of(&job)]);
        announced.push(message_of(&job));
        // What a worker does: it starts the occurrence, and ends the run.
        let (table, run) = (job.timetable.clone().unwrap(), runs(&announced[announced.len() - 1..]));
        let trigger = life::Trigger::Fire { rev: table.rev, due_at: table.due().unwrap() };
        let at = Present { now: tower.now(), keep: None };
        let verdict = life::accept(&job, *run.first().unwrap(), trigger, 7, std::time::Duration::ZERO, at);
        let life::Verdict::Claim { next } = verdict else { panic!("{verdict:?}") };
        let held = tower.replace(*next).await;
        let attempt = life::Attempt { run: *run.first().unwrap(), number: 1 };
        let done = life::Ending::Done { result: None };
        job = tower.replace(life::finish(&held, attempt, &done, at).unwrap()).await;
    }
    assert_eq!(runs(&announced).len(), 3);
}

#[tokio::test]
async fn whatever_the_setting_was_when_a_job_was_written_it_is_not_late() {
    let tower = Tower::new().await;
    for count in [1, 5, 64] {
        let store = tower.bed.store().with_shards(Shards::new(count).unwrap());
        for n in 0..20 {
            let once = json!({"type": "one-time", "startTime": tower.later(61 + n).to_string()});
            tower.write(&store, tower.draft(&once)).await;
        }
    }
    let scheduler = tower.scheduler(&[("DUE_SHARDS", "5")]);
    let first = scheduler.handle(Value::Null).await;
    assert!(first.sent >= 40 && first.sent < 60, "{first:?}");
    assert_eq!(tower.calls("Query"), 5);
    tower.pass(60);
    tower.bed.faults.clear();
    let second = scheduler.handle(Value::Null).await;
    assert_eq!((first.sent + second.sent, second.late), (60, 0));
    assert_eq!(tower.calls("Query"), 64);
    tower.pass(20);
    assert_eq!(runs(&tower.received().await).len(), 60);
}

#[tokio::test]
async fn the_requests_are_a_contract() {
    let tower = Tower::new().await;
    let scheduler = tower.scheduler(&[("DUE_SHARDS", "1"), ("TICK_PARALLELISM", "1")]);
    let store = tower.bed.store().with_shards(Shards::new(1).unwrap());
    let once = json!({"type": "one-time", "startTime": tower.later(30).to_string()});
    let job = tower.write(&store, tower.draft(&once)).await;
    tower.bed.faults.clear();
    tower.bed.advance(Duration::from_millis(1));
    scheduler.handle(json!({"source": "aws.events"})).await;
    let calls = tower.bed.faults.calls();
    let operations: Vec<_> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(
        operations,
        ["DynamoDB_20120810.Query", "AmazonSQS.SendMessageBatch", "DynamoDB_20120810.UpdateItem"]
    );
    let body: Value = serde_json::from_str(&calls[1].body).unwrap();
    let message = serde_json::to_string(&message_of(&job).1).unwrap();
    let entry = json!({
        "Id": "0",
        "MessageBody": message,
        "MessageGroupId": job.user_id.to_string(),
        "DelaySeconds": 29,
    });
    assert_eq!(body, json!({"QueueUrl": tower.bed.queue("jobs-low"), "Entries": [entry]}));
    let due = job.timetable.unwrap().due().unwrap().as_millis();
    let text = format!(
        r#"{{"kind":"fire","jobId":"{}","runId":"{}","scheduleRev":1,"dueAt":{due}}}"#,
        job.id,
        domain::id::RunId::of_occurrence(job.id, domain::time::Moment::from_millis(due)),
    );
    assert_eq!(message, text);
}

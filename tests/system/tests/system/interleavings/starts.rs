//! A start is a message and a write: whatever comes between the two.

use domain::job::{Job, Status};
use http::StatusCode;
use queue::topology::JOBS_LOW;
use serde_json::json;

use super::gate::Gate;
use crate::world::World;

/// A request that waits before its write: its message is sent.
async fn begun(world: &World, job: &Job, what: &str) -> (Gate, tokio::task::JoinHandle<StatusCode>) {
    // A rerun puts the run before it aside with its write.
    let (hands, gate) = world.held_up(if what == "rerun" { "TransactWriteItems" } else { "PutItem" }, 0);
    let request = world.request("POST", &format!("/jobs/{}/{what}", job.id), "");
    let asking = tokio::spawn(async move { hands.send(request).await });
    gate.reached().await;
    (gate, asking)
}

#[tokio::test]
async fn a_run_that_ends_before_its_start_is_written() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    let (gate, asking) = begun(&world, &job, "run").await;
    world.work_off().await;
    let ended = world.assert_completed(job.id, 1).await;
    gate.open();
    assert_eq!(asking.await.unwrap(), StatusCode::ACCEPTED);
    world.settle().await;
    assert_eq!(world.read(job.id).await, ended);
    assert_eq!(world.asked.borrow().len(), 1);
}

#[tokio::test]
async fn a_rerun_that_ends_before_its_start_is_written() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::ACCEPTED));
    world.settle().await;
    let first = world.read(job.id).await.run.unwrap();
    let (gate, asking) = begun(&world, &job, "rerun").await;
    world.work_off().await;
    let ended = world.assert_completed(job.id, 1).await;
    gate.open();
    assert_eq!(asking.await.unwrap(), StatusCode::ACCEPTED);
    world.settle().await;
    let second = ended.run.as_ref().unwrap();
    assert_eq!(world.read(job.id).await, ended);
    assert_ne!(second.id, first.id);
    assert_eq!(world.store.archived_run(job.id, first.id).await.unwrap().as_ref(), Some(&first));
    world.assert_told(&ended, &first, "the first run");
    assert_eq!(world.asked.borrow().len(), 2);
}

#[tokio::test]
async fn of_two_who_start_at_once_the_first_to_write_has_started_it() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    let (gate, slow) = begun(&world, &job, "run").await;
    assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::ACCEPTED));
    gate.open();
    assert_eq!(slow.await.unwrap(), StatusCode::CONFLICT);
    assert_eq!(world.depth(JOBS_LOW), (2, 0, 0));
    world.settle().await;
    world.assert_completed(job.id, 1).await;
    assert_eq!(world.asked.borrow().len(), 1);
}

#[tokio::test]
async fn of_two_who_start_at_once_the_one_whose_run_was_claimed_has_started_it() {
    let world = World::new().await;
    let job = world.job(&json!({"failTimes": 1}), 3).await;
    let (gate, first) = begun(&world, &job, "run").await;
    world.step(JOBS_LOW).await;
    assert_eq!(world.read(job.id).await.status, Status::Running);
    assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::CONFLICT));
    gate.open();
    assert_eq!(first.await.unwrap(), StatusCode::ACCEPTED);
    world.settle().await;
    world.assert_completed(job.id, 2).await;
}

#[tokio::test]
async fn whoever_comes_after_the_end_is_told_so_and_its_message_is_stale() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    let (gate, slow) = begun(&world, &job, "run").await;
    // The slow one's message waits behind; the other's run ends first.
    let sqs = world.bed.sound_clients().sqs();
    let url = world.bed.queue(JOBS_LOW.name);
    let taken = sqs.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::ACCEPTED));
    world.work_off().await;
    let ended = world.assert_completed(job.id, 1).await;
    gate.open();
    assert_eq!(slow.await.unwrap(), StatusCode::CONFLICT);
    world.settle().await;
    assert_eq!(world.read(job.id).await, ended);
    assert_eq!(world.asked.borrow().len(), 1);
}

#[tokio::test]
async fn a_creation_that_was_cut_after_its_message_leaves_nothing() {
    let world = World::new().await;
    let (hands, gate) = world.held_up("PutItem", 0);
    let request = world.request("POST", "/jobs", r#"{"taskName": "a", "run": true}"#);
    let creating = tokio::spawn(async move { hands.send(request).await });
    gate.reached().await;
    assert_eq!(world.depth(JOBS_LOW), (1, 0, 0));
    creating.abort();
    assert!(creating.await.unwrap_err().is_cancelled());
    let begun = world.bed.now();
    world.settle().await;
    // It was waited for, and not for long.
    let waited = world.bed.now().since(begun).as_secs();
    assert!((72..200).contains(&waited), "{waited}");
    let page = world.store.list_jobs(world.owner, &Default::default(), None, 0, 10, world.bed.now()).await;
    assert!(page.unwrap().jobs.is_empty() && world.asked.borrow().is_empty());
}

#[tokio::test]
async fn a_creation_that_is_slower_than_its_message_runs() {
    let world = World::new().await;
    let (hands, gate) = world.held_up("PutItem", 0);
    let body = r#"{"taskName": "a", "run": true, "webhookUrl": "https://example.com/hook", "webhookSecret": "sixteen letters or more"}"#;
    let request = world.request("POST", "/jobs", body);
    let creating = tokio::spawn(async move { hands.send(request).await });
    gate.reached().await;
    world.step(JOBS_LOW).await;
    gate.open();
    assert_eq!(creating.await.unwrap(), StatusCode::CREATED);
    world.settle().await;
    let page = world.store.list_jobs(world.owner, &Default::default(), None, 0, 10, world.bed.now()).await;
    let id = page.unwrap().jobs[0].id;
    world.assert_completed(id, 1).await;
}

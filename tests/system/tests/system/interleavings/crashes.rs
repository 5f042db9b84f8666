//! Every flow, cut or disturbed at every call that it makes to AWS. Whatever was cut, the queues hold what is
//! left to do; when they are empty the job has ended, its owner is told, and nothing runs.

use std::cell::Cell;
use std::time::Duration;

use domain::job::{Job, Status};
use domain::life;
use domain::message::JobMessage;
use http::StatusCode;
use queue::topology::JOBS_DLQ;
use serde_json::{Value, json};
use store::Replaced;
use testkit::Fault;

use super::world::World;

const FAULTS: [Fault; 6] = [
    Fault::Unreached,
    Fault::AnswerLost,
    Fault::Throttled,
    Fault::ConditionFailed,
    Fault::DiesBefore,
    Fault::DiesAfter,
];
/// No flow makes more calls.
const MOST_CALLS: usize = 60;

/// Runs the flow once for each fault and each call, and once more for each fault that came too late to strike.
async fn disturb(least: usize, flow: impl AsyncFn(&World, &dyn Fn(), &str)) {
    disturb_by(&FAULTS, least, flow).await;
}

/// The same with some faults only.
pub(super) async fn disturb_by(faults: &[Fault], least: usize, flow: impl AsyncFn(&World, &dyn Fn(), &str)) {
    for &fault in faults {
        let (mut world, mut calls) = (World::new().await, 0);
        loop {
            world.renew().await;
            let struck = Cell::new(false);
            // Once the queues are empty whatever a check asks for is undisturbed.
            let undisturbed = || {
                struck.set(world.has_struck());
                world.bed.faults.clear();
            };
            world.plan(calls, fault);
            flow(&world, &undisturbed, &format!("{fault:?} at call {calls}")).await;
            if !struck.get() {
                break;
            }
            calls += 1;
            assert!(calls < MOST_CALLS, "{fault:?}: the calls do not end");
        }
        let least = if fault == Fault::ConditionFailed { 1 } else { least };
        assert!(calls >= least, "{fault:?} struck only {calls} times");
    }
}

/// `run`, and everything that follows from it.
async fn run_to_its_end(payload: Value, max_retries: u32, wanted: Status, least: usize) {
    disturb(least, async |world, undisturbed, case| {
        // The plan counts from the request on.
        let job = world.job(&payload, max_retries).await;
        let told = world.ask(job.id, "run").await;
        world.settle().await;
        undisturbed();
        if world.read(job.id).await.status == Status::Pending {
            assert_ne!(told, Some(StatusCode::ACCEPTED), "{case}");
            assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::ACCEPTED), "{case}");
            world.settle().await;
        }
        let ended = world.assert_ended(job.id, case).await;
        assert_eq!(ended.status, wanted, "{case}");
        assert_eq!(world.events(ended.run.as_ref().unwrap().id).len(), 1, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_run_that_completes() {
    // A payload that stands apart is one call more.
    run_to_its_end(json!({"text": "x".repeat(2_000)}), 3, Status::Completed, 12).await;
}

#[tokio::test]
async fn a_run_that_completes_at_its_second_attempt() {
    run_to_its_end(json!({"failTimes": 1}), 3, Status::Completed, 15).await;
}

#[tokio::test]
async fn a_run_that_fails_for_good() {
    run_to_its_end(json!({"fail": true}), 1, Status::Failed, 15).await;
}

#[tokio::test]
async fn a_rerun() {
    disturb(10, async |world, undisturbed, case| {
        let (job, first) = completed(world).await;
        let told = world.ask(job.id, "rerun").await;
        world.settle().await;
        undisturbed();
        if world.read(job.id).await == first {
            assert_ne!(told, Some(StatusCode::ACCEPTED), "{case}");
            assert_eq!(world.ask(job.id, "rerun").await, Some(StatusCode::ACCEPTED), "{case}");
            world.settle().await;
        }
        let second = world.assert_ended(job.id, case).await;
        let (then, now) = (first.run.as_ref().unwrap(), second.run.as_ref().unwrap());
        assert!(second.status == Status::Completed && now.id != then.id, "{case}");
        assert_eq!(world.store.archived_run(job.id, then.id).await.unwrap().as_ref(), Some(then), "{case}");
    })
    .await;
}

/// A job that has completed without any of the functions.
async fn completed(world: &World) -> (Job, Job) {
    let job = world.job(&json!({}), 3).await;
    let held = claimed(world, &job, 1).await;
    let run = held.run.as_ref().unwrap().id;
    let done = life::Ending::Done { result: None };
    let next = life::finish(&held, life::Attempt { run, number: 1 }, &done, world.present()).unwrap();
    replace(world, &next).await;
    (job, next)
}

/// The job in the hands of a worker who will never answer, in that attempt.
async fn claimed(world: &World, job: &Job, attempt: u32) -> Job {
    let run = domain::id::RunId::fresh(world.bed.now(), world.bed.ambient.entropy());
    let mut held = job.clone();
    for _ in 0..attempt {
        held = life::claim(&held, run, 7, world.bed.now());
        replace(world, &held).await;
    }
    held
}

async fn replace(world: &World, next: &Job) {
    assert!(matches!(world.store.replace_job(next).await.unwrap(), Replaced::Written));
}

/// Puts the job's run message into a queue.
async fn send(world: &World, job: &Job, queue: queue::topology::Queue) {
    let message = JobMessage::run(job.id, job.run.as_ref().unwrap().id, job.version);
    let body = serde_json::to_string(&message).unwrap();
    let url = world.bed.queue(queue.name);
    world.bed.sound_clients().sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
}

#[tokio::test]
async fn a_cancellation_during_a_run() {
    disturb(4, async |world, undisturbed, case| {
        let job = world.job(&json!({}), 3).await;
        let held = claimed(world, &job, 1).await;
        send(world, &held, queue::topology::JOBS_LOW).await;
        let told = world.ask(job.id, "cancel").await;
        world.settle().await;
        undisturbed();
        let ended = world.assert_ended(job.id, case).await;
        if told == Some(StatusCode::OK) {
            assert_eq!(ended.status, Status::Cancelled, "{case}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_cancellation_before_any_run() {
    disturb(4, async |world, undisturbed, case| {
        let job = world.job(&json!({}), 3).await;
        world.ask(job.id, "cancel").await;
        world.settle().await;
        undisturbed();
        if world.read(job.id).await.status == Status::Pending {
            assert_eq!(world.ask(job.id, "cancel").await, Some(StatusCode::OK), "{case}");
            world.settle().await;
        }
        assert_eq!(world.assert_ended(job.id, case).await.status, Status::Cancelled, "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_deletion_during_a_run() {
    disturb(5, async |world, undisturbed, case| {
        let job = world.job(&json!({"text": "x".repeat(2_000)}), 3).await;
        let held = claimed(world, &job, 1).await;
        send(world, &held, queue::topology::JOBS_LOW).await;
        let told = world.ask(job.id, "delete").await;
        world.settle().await;
        undisturbed();
        let now = world.bed.now();
        if world.store.job(job.id, now).await.unwrap().is_some() {
            assert_ne!(told, Some(StatusCode::OK), "{case}");
            world.assert_ended(job.id, case).await;
            assert_eq!(world.ask(job.id, "delete").await, Some(StatusCode::OK), "{case}");
            world.settle().await;
        }
        let mark = world.store.job_even_deleted(job.id, now).await.unwrap().expect("a mark");
        assert_eq!(world.store.payload(&mark).await.unwrap().as_str(), "{}", "{case}");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter() {
    disturb(8, async |world, undisturbed, case| {
        let job = world.job(&json!({}), 1).await;
        let held = claimed(world, &job, 2).await;
        send(world, &held, JOBS_DLQ).await;
        world.bed.advance(Duration::from_secs(70));
        world.settle().await;
        undisturbed();
        let ended = world.assert_ended(job.id, case).await;
        let run = ended.run.as_ref().unwrap();
        assert_eq!((ended.status, run.dead_lettered, run.attempt), (Status::Failed, true, 2), "{case}");
    })
    .await;
}

//! Workers that die, freeze, or meet.

use domain::job::Status;
use http::StatusCode;
use queue::JobQueues;
use queue::topology::JOBS_LOW;
use serde_json::json;
use std::time::Duration;
use testkit::Fault;

use crate::world::World;

#[tokio::test]
async fn a_duplicate_waits_for_the_holder_and_takes_over_when_it_has_died() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    world.ask(job.id, "run").await;
    let run = world.read(job.id).await.run.unwrap().id;
    // The worker dies after its claim: it reads the job, and its second call on the table is the claim. The
    // first call of all is the receive.
    world.plan(2, Fault::DiesAfter);
    world.step(JOBS_LOW).await;
    assert!(world.has_struck());
    let held = world.read(job.id).await;
    let lease = held.run.as_ref().unwrap().lease.expect("a lease");
    let [high, medium, low] = world.bed.job_queues();
    let queues = JobQueues::new(world.bed.sound_clients().sqs(), high, medium, low);
    let message = domain::message::JobMessage::run(job.id, run, job.version);
    queues.send(job.priority, job.user_id, &message, Duration::ZERO).await.unwrap();
    world.work_off().await;
    assert_eq!(world.read(job.id).await, held);
    world.pass(lease.until.since(world.bed.now()).as_secs());
    world.work_off().await;
    assert_eq!(world.read(job.id).await, held);
    world.pass(1);
    world.work_off().await;
    let ended = world.assert_completed(job.id, 2).await;
    // The dead worker's own message comes again much later, and finds nothing to do.
    world.settle().await;
    assert_eq!(world.read(job.id).await, ended);
}

#[tokio::test]
async fn a_frozen_worker_that_wakes_after_the_end_commits_nothing() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    world.ask(job.id, "run").await;
    // Its second write is the end.
    let (frozen, gate) = world.held_up("PutItem", 1);
    let bed = &world.bed;
    let (_, ended) = tokio::join!(frozen.step(bed, JOBS_LOW), async {
        gate.reached().await;
        world.pass(361);
        world.work_off().await;
        let ended = world.assert_completed(job.id, 2).await;
        gate.open();
        ended
    });
    assert_eq!(world.read(job.id).await, ended);
    world.settle().await;
    assert_eq!(world.read(job.id).await, ended);
}

#[tokio::test]
async fn a_frozen_worker_that_wakes_while_another_works_commits_nothing() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    world.ask(job.id, "run").await;
    let (frozen, first) = world.held_up("PutItem", 1);
    let (working, second) = world.held_up("PutItem", 1);
    let bed = &world.bed;
    let awake = async {
        frozen.step(bed, JOBS_LOW).await;
        // It could not end what is no longer its own.
        let job = world.read(job.id).await;
        assert_eq!((job.status, job.run.as_ref().unwrap().attempt), (Status::Running, 2));
        second.open();
    };
    let other = async {
        first.reached().await;
        world.pass(361);
        working.step(bed, JOBS_LOW).await;
    };
    let hand = async {
        second.reached().await;
        first.open();
    };
    tokio::join!(awake, other, hand);
    world.assert_ended_after(job.id, 2).await;
}

impl World {
    async fn assert_ended_after(&self, id: domain::id::JobId, attempt: u32) {
        self.settle().await;
        self.assert_completed(id, attempt).await;
    }
}

#[tokio::test]
async fn a_late_message_about_an_earlier_run_sends_what_is_missing() {
    let world = World::new().await;
    let job = world.job(&json!({}), 3).await;
    world.ask(job.id, "run").await;
    // Receive, read, claim, look who hears of the start, end; it dies before it has asked for the webhook.
    world.plan(5, Fault::DiesBefore);
    world.step(JOBS_LOW).await;
    assert!(world.has_struck());
    let first = world.read(job.id).await;
    assert_eq!((first.status, world.asked.borrow().len()), (Status::Completed, 0));
    assert_eq!(world.ask(job.id, "rerun").await, Some(StatusCode::ACCEPTED));
    world.settle().await;
    let second = world.assert_completed(job.id, 1).await;
    world.assert_told(&second, first.run.as_ref().unwrap(), "the first run");
    assert_ne!(second.run.as_ref().unwrap().id, first.run.as_ref().unwrap().id);
}

#[tokio::test]
async fn a_worker_that_dies_at_every_message_ends_in_the_drain() {
    let world = World::new().await;
    let job = world.job(&json!({}), 25).await;
    world.ask(job.id, "run").await;
    // Before each claim: no attempt is used up, and only the drain can end it.
    let mut deaths = 0;
    for _ in 0..2_000 {
        if world.read(job.id).await.status != Status::Running {
            break;
        }
        if world.depth(JOBS_LOW).0 > 0 {
            // The second call after the receive, which never happens where the message is only buried.
            world.plan(1, Fault::DiesBefore);
            world.step(JOBS_LOW).await;
            deaths += 1;
            world.bed.faults.clear();
        } else {
            world.bed.advance(Duration::from_secs(60));
            world.step(queue::topology::JOBS_DLQ).await;
        }
    }
    assert!((20..=24).contains(&deaths), "{deaths}");
    world.settle().await;
    let ended = world.assert_ended(job.id, "dead-lettered").await;
    let run = ended.run.as_ref().unwrap();
    assert_eq!((ended.status, run.dead_lettered, run.attempt), (Status::Failed, true, 0));
    assert_eq!(world.events(run.id).into_iter().collect::<Vec<_>>(), ["\"job.failed\""]);
}

//! A table, a queue or a worker that fails in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use boot::Ambient;
use domain::job::{Job, Status};
use domain::time::Entropy;
use serde_json::json;
use testkit::{Fault, When};

use crate::shop::{Shop, run, told, worker};

#[tokio::test]
async fn while_the_table_is_out_of_reach_nothing_is_lost() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    for operation in ["GetItem", "PutItem"] {
        for fault in [Fault::Unreached, Fault::Throttled, Fault::ServerError] {
            shop.bed.faults.plan(When::Always, fault, Some(operation));
            assert_eq!(shop.step().await, (0, 1), "{operation} {fault:?}");
            assert_eq!(shop.read(&job).await, job);
            shop.pass(5);
        }
    }
    shop.bed.faults.clear();
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(run(&shop.read(&job).await).attempt, 1);
}

#[tokio::test]
async fn an_end_that_could_not_be_written_is_tried_again_after_the_lease() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    // The first write is the claim.
    shop.bed.faults.plan(When::Nth(1), Fault::Unreached, Some("PutItem"));
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!(shop.bed.faults.strikes(), 1);
    let held = shop.read(&job).await;
    assert_eq!((held.status, run(&held).attempt, run(&held).lease.is_some()), (Status::Running, 1, true));
    shop.bed.faults.clear();
    shop.pass(65);
    assert_eq!(shop.step().await, (0, 0));
    shop.pass(1);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!(
        (job.status, run(&job).attempt, run(&job).completed_at),
        (Status::Completed, 2, Some(shop.now()))
    );
    assert!(told(&job).contains(&"attempt 1 lost"));
}

#[tokio::test]
async fn an_end_that_stands_though_nobody_said_so_is_settled() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.bed.faults.plan(When::Nth(1), Fault::AnswerLost, Some("PutItem"));
    assert_eq!(shop.step().await, (0, 1));
    shop.bed.faults.clear();
    assert!(shop.asked().await.is_empty());
    shop.pass(66);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt, shop.asked().await.len()), (Status::Completed, 1, 1));
}

#[tokio::test]
async fn a_claim_that_stands_though_nobody_said_so_costs_an_attempt() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert_eq!(shop.step().await, (0, 1));
    shop.bed.faults.clear();
    shop.pass(5);
    assert_eq!(shop.step().await, (0, 1));
    shop.pass(61);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2));
}

#[tokio::test]
async fn a_record_that_is_not_shown_is_looked_for_again() {
    for write in [0, 1] {
        let shop = Shop::new().await;
        let job = shop.start(shop.draft(), json!({})).await;
        // A condition that fails without showing the record, as if there were none.
        let gone = Fault::Refused("ConditionalCheckFailedException");
        shop.bed.faults.plan(When::Nth(write), gone, Some("PutItem"));
        assert_eq!(shop.step().await, (0, 1), "write {write}");
        shop.bed.faults.clear();
        shop.pass(5);
        shop.step().await;
        shop.pass(66);
        shop.step().await;
        assert_eq!(shop.read(&job).await.status, Status::Completed);
        assert_eq!((shop.asked().await.len(), shop.depth()), (1, (0, 0, 0)));
    }
}

#[tokio::test]
async fn a_payload_that_cannot_be_read_costs_an_attempt() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({"text": "x".repeat(2_000)})).await;
    // The first read is that of the job.
    shop.bed.faults.plan(When::Nth(1), Fault::Unreached, Some("GetItem"));
    assert_eq!(shop.step().await, (1, 0));
    shop.bed.faults.clear();
    let waiting = shop.read(&job).await;
    assert_eq!((waiting.status, run(&waiting).attempt), (Status::Running, 1));
    assert!(run(&waiting).last_error.as_ref().unwrap().contains("the payload could not be read"));
    shop.pass(2);
    shop.step().await;
    let ended = shop.read(&job).await;
    assert_eq!((ended.status, run(&ended).attempt), (Status::Completed, 2));
    assert!(shop.asked().await[0].body.contains(&"x".repeat(2_000)));
}

/// Randomness that a worker dies of, after so many draws.
struct Trap {
    left: AtomicUsize,
    ambient: Ambient,
}

impl Entropy for Trap {
    fn fill(&self, buffer: &mut [u8]) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 0 {
            panic!("on purpose");
        }
        self.ambient.entropy().fill(buffer);
    }
}

#[tokio::test]
async fn a_worker_that_panics_fails_that_message_alone_and_the_next_attempt_follows() {
    let shop = Shop::new().await;
    // It draws once to claim and once to execute.
    let trap = Trap { left: AtomicUsize::new(1), ambient: shop.bed.ambient.clone() };
    let ambient = Ambient { entropy: Arc::new(trap), ..shop.bed.ambient.clone() };
    let faulty = worker(&shop.bed, &[], ambient);
    let job = shop.start(shop.draft(), json!({})).await;
    assert_eq!(shop.step_of(&faulty).await, (0, 1));
    assert_eq!(run(&shop.read(&job).await).attempt, 1);
    shop.pass(360);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2));
}

#[tokio::test]
async fn what_is_no_message_fails_alone() {
    let shop = Shop::new().await;
    let job: Job = shop.start(shop.draft(), json!({})).await;
    let url = shop.bed.queue("jobs-low");
    for body in ["{", r#"{"kind":"explode"}"#, r#"{"kind":"run","jobId":"job_1"}"#] {
        shop.bed
            .sound_clients()
            .sqs()
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .send()
            .await
            .unwrap();
    }
    assert_eq!(shop.step().await, (1, 3));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

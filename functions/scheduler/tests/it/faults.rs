//! A table or a queue that fails, and a tick that runs out of time.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use boot::Ambient;
use boot::clients::Clients;
use domain::job::Priority;
use domain::time::{Clock, Moment};
use scheduler::{Scheduler, Ticked};
use serde_json::Value;
use testkit::{Bed, Fault, ManualClock, When};

use crate::between::Between;
use crate::tower::{Tower, config, message_of, runs};

async fn due(tower: &Tower, many: u64) {
    for n in 0..many {
        tower.urgent_job(n % 60, if n < 12 { Priority::High } else { Priority::Low }).await;
    }
}

/// The next tick finds nothing wrong, and every occurrence was announced.
async fn is_made_up_for(tower: &Tower, many: usize) -> Ticked {
    tower.bed.faults.clear();
    let next = tower.tick().await;
    assert_eq!(next.clone().finished().as_ref(), Ok(&next));
    tower.pass(60);
    assert_eq!(runs(&tower.received().await).len(), many);
    next
}

#[tokio::test]
async fn a_shard_that_cannot_be_read_hides_no_other() {
    for (fault, what) in [
        (Fault::Throttled, "the table is busy or out of reach (ThrottlingException: injected)"),
        (Fault::Unreached, "the table is busy or out of reach (no answer)"),
    ] {
        let tower = Tower::new().await;
        due(&tower, 40).await;
        tower.bed.faults.plan(When::Nth(3), fault, Some("Query"));
        let ticked = tower.tick().await;
        assert_eq!((ticked.unread_shards, ticked.trouble.as_deref()), (1, Some(what)));
        assert!(ticked.sent > 20 && ticked.sent < 40 && ticked.moved == ticked.sent, "{ticked:?}");
        let told = ticked.clone().finished().unwrap_err().to_string();
        assert_eq!(
            told,
            format!("0 occurrences could not be announced, and 1 shards not be read to the end ({what})")
        );
        assert_eq!(is_made_up_for(&tower, 40).await.sent, 40 - ticked.sent);
    }
}

#[tokio::test]
async fn while_the_table_cannot_be_read_a_tick_fails_and_the_next_goes_on() {
    let tower = Tower::new().await;
    due(&tower, 5).await;
    tower.bed.faults.plan(When::Always, Fault::ServerError, Some("Query"));
    let ticked = tower.tick().await;
    assert_eq!((ticked.read, ticked.unread_shards), (0, 16));
    assert_eq!(is_made_up_for(&tower, 5).await.sent, 5);
}

#[tokio::test]
async fn what_a_queue_does_not_take_stays_for_the_next_tick() {
    let tower = Tower::new().await;
    due(&tower, 20).await;
    // Batches of 10 and 2 urgent jobs and of 8 others.
    tower.bed.faults.plan(When::Nth(0), Fault::Throttled, Some("SendMessageBatch"));
    let ticked = tower.tick().await;
    let trouble =
        "10 messages were not sent: the queue is busy or out of reach (ThrottlingException: injected)";
    assert_eq!((ticked.read, ticked.sent, ticked.moved, ticked.failed), (20, 10, 10, 10));
    assert_eq!(ticked.trouble.as_deref(), Some(trouble));
    assert!(ticked.finished().is_err());
    let next = is_made_up_for(&tower, 20).await;
    assert_eq!((next.sent, next.again, next.waiting), (10, 0, 10));
}

#[tokio::test]
async fn a_part_of_a_batch_that_is_refused_stays_alone() {
    let tower = Tower::new().await;
    due(&tower, 10).await;
    let scheduler = tower.scheduler_on(Between::refuse(&tower.bed, &[0, 7]), &[]);
    let ticked = scheduler.handle(Value::Null).await;
    assert_eq!((ticked.sent, ticked.moved, ticked.failed), (8, 8, 2));
    let trouble = ticked.trouble.as_deref();
    assert_eq!(trouble, Some("2 messages were not sent: the queue is busy or out of reach (InternalError)"));
    assert_eq!(tower.calls("UpdateItem"), 8);
    let next = is_made_up_for(&tower, 10).await;
    assert_eq!((next.sent, next.waiting), (2, 8));
}

#[tokio::test]
async fn a_row_that_cannot_be_moved_is_announced_once_more() {
    for fault in [Fault::Unreached, Fault::Throttled, Fault::ServerError, Fault::ConditionFailed] {
        let tower = Tower::new().await;
        due(&tower, 10).await;
        tower.bed.faults.plan(When::Nth(4), fault, Some("UpdateItem"));
        let ticked = tower.tick().await;
        let lost = usize::from(fault == Fault::ConditionFailed);
        assert_eq!(
            (ticked.sent, ticked.moved, ticked.unmoved, ticked.outrun),
            (10, 9, 1 - lost, lost),
            "{fault:?}"
        );
        // It was announced, so nothing is amiss but the bookkeeping.
        assert!(ticked.finished().is_ok());
        assert_eq!(is_made_up_for(&tower, 10).await.sent, 1, "{fault:?}");
    }
}

/// A clock on which every look takes a second.
struct Slow(ManualClock);

impl Clock for Slow {
    fn now(&self) -> Moment {
        self.0.advance(Duration::from_secs(1));
        self.0.now()
    }
}

fn slow(bed: &Bed) -> Scheduler {
    let clock = Arc::new(Slow(ManualClock::at(bed.now())));
    let sdk = bed.clients().config().to_builder().retry_config(RetryConfig::disabled()).build();
    let config = config(bed, &[("TICK_PARALLELISM", "1")]);
    Scheduler::new(&Clients::from_config(&sdk), config, Ambient { clock, ..bed.ambient.clone() })
}

#[tokio::test]
async fn when_the_time_is_up_no_more_pages_are_begun() {
    let tower = Tower::new().await;
    due(&tower, 40).await;
    tower.bed.faults.clear();
    // There is a look before each page, and some for each batch.
    let ticked = slow(&tower.bed).tick(tower.later(9)).await;
    let pages = tower.calls("Query");
    assert!(pages > 2 && pages < 9, "{pages}");
    assert_eq!((ticked.left_shards, ticked.unread_shards), (16 - pages, 0));
    assert!(ticked.sent > 0 && ticked.sent < 40, "{ticked:?}");
    assert_eq!((ticked.read, ticked.moved, ticked.failed), (ticked.sent, ticked.sent, 0));
    let told = ticked.clone().finished().unwrap_err().to_string();
    assert!(told.ends_with("shards not be read to the end (the time was up)"), "{told}");
    assert_eq!(is_made_up_for(&tower, 40).await.sent, 40 - ticked.sent);
}

#[tokio::test]
async fn a_lambda_that_is_stopped_keeps_time_for_its_last_words() {
    let tower = Tower::new().await;
    let job = tower.job(0).await;
    let scheduler = tower.scheduler(&[]);
    let told = scheduler.handle_until(Value::Null, tower.later(5)).await;
    assert!(told.unwrap_err().to_string().contains("16 shards"));
    assert_eq!(tower.calls("Query"), 0);
    let ticked = scheduler.handle_until(Value::Null, tower.later(6)).await.unwrap();
    assert_eq!(ticked.sent, 1);
    assert_eq!(tower.received().await, [message_of(&job)]);
}

//! Removing what a deleted account leaves behind.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use boot::Ambient;
use domain::job::{Job, Priority, Run, Status};
use domain::message::JobMessage;
use domain::time::{Clock, Moment};
use serde_json::json;
use testkit::{Fault, ManualClock, TABLE, When};

use crate::shop::{Shop, worker};

/// Twelve jobs of an account, of every priority, and one of somebody else.
async fn jobs(shop: &mut Shop) -> (Vec<Job>, Job) {
    let stranger = shop.write(shop.draft(), json!({})).await;
    shop.settle_in("ann").await;
    let mut jobs = Vec::new();
    for i in 0..12 {
        let draft = Job { priority: Priority::ALL[i % 3], ..shop.draft() };
        jobs.push(shop.write(draft, json!({"text": "x".repeat(200 * i)})).await);
    }
    (jobs, stranger)
}

async fn purge(shop: &Shop) {
    let message = JobMessage::PurgeUser { user_id: shop.owner(), round: 0 };
    shop.queues.send(Priority::Low, shop.owner(), &message, Duration::ZERO).await.unwrap();
}

async fn work_off(shop: &Shop) {
    for _ in 0..60 {
        while shop.depth().0 > 0 {
            shop.step().await;
        }
        if shop.depth() == (0, 0, 0) {
            return;
        }
        shop.pass(15);
    }
    panic!("the removal never ends: {:?}", shop.depth());
}

#[tokio::test]
async fn the_jobs_of_a_deleted_account_go_and_then_the_account() {
    let mut shop = Shop::new().await;
    let (jobs, stranger) = jobs(&mut shop).await;
    shop.delete_account().await;
    purge(&shop).await;
    work_off(&shop).await;
    for job in &jobs {
        assert!(shop.store.job(job.id, shop.now()).await.unwrap().is_none());
        assert!(shop.store.job_and_all(job.id, shop.now()).await.unwrap().is_none());
    }
    assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None);
    assert_eq!(shop.read(&stranger).await, stranger);
}

#[tokio::test]
async fn without_the_mark_nothing_is_removed() {
    let mut shop = Shop::new().await;
    let (jobs, _) = jobs(&mut shop).await;
    purge(&shop).await;
    work_off(&shop).await;
    assert_eq!(shop.read(&jobs[0]).await, jobs[0]);
    assert!(shop.store.user(shop.owner()).await.unwrap().is_some());
}

/// Whether the index shows a job of the owner's.
async fn shown(shop: &Shop) -> usize {
    shop.store.some_jobs_of(shop.owner(), 1_000).await.unwrap().len()
}

#[tokio::test]
async fn more_jobs_than_a_look_finds_go_with_one_message_and_each_is_purged_once() {
    let mut shop = Shop::new().await;
    shop.settle_in("ann").await;
    for _ in 0..510 {
        shop.write(Job { webhook: None, ..shop.draft() }, json!({})).await;
    }
    shop.delete_account().await;
    purge(&shop).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shown(&shop).await, 0);
    // A message for each job, and the one that looks again.
    assert_eq!(shop.depth(), (0, 0, 511));
    shop.pass(75);
    while shop.step().await != (0, 0) {}
    assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None);
    assert_eq!(shop.depth(), (0, 0, 0));
}

/// A clock that each look moves on.
struct Hurried(Arc<ManualClock>);

impl Clock for Hurried {
    fn now(&self) -> Moment {
        self.0.advance(Duration::from_secs(10));
        self.0.now()
    }
}

#[tokio::test]
async fn when_its_time_is_over_the_next_message_goes_on_at_once() {
    let mut shop = Shop::new().await;
    let (jobs, _) = jobs(&mut shop).await;
    shop.delete_account().await;
    purge(&shop).await;
    let clock = Arc::new(Hurried(shop.bed.clock.clone()));
    let hurried = worker(&shop.bed, &[], Ambient { clock, ..shop.bed.ambient.clone() });
    assert_eq!(shop.step_of(&hurried).await, (1, 0));
    let left = shown(&shop).await;
    assert!(left > 0 && left < jobs.len(), "{left}");
    assert_eq!(shop.depth().0, 1);
    work_off(&shop).await;
    assert_eq!((shown(&shop).await, shop.store.user_even_deleted(shop.owner()).await.unwrap()), (0, None));
}

#[tokio::test]
async fn a_job_that_was_created_after_the_mark_goes_too() {
    let mut shop = Shop::new().await;
    let (_, stranger) = jobs(&mut shop).await;
    shop.delete_account().await;
    purge(&shop).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shown(&shop).await, 0);
    // The request was under way when the account was deleted.
    shop.pass(30);
    let late = shop.write(shop.draft(), json!({"text": "x".repeat(3_000)})).await;
    work_off(&shop).await;
    assert_eq!(shown(&shop).await, 0);
    assert!(shop.store.job_and_all(late.id, shop.now()).await.unwrap().is_none());
    assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None);
    assert_eq!(shop.read(&stranger).await, stranger);
}

#[tokio::test]
async fn a_job_that_has_expired_and_still_stands_in_the_index_goes_with_all_it_has() {
    let mut shop = Shop::new().await;
    shop.settle_in("ann").await;
    let last = Run {
        outcome: Some(Status::Completed),
        completed_at: Some(shop.now()),
        ..Run::new(shop.run_id(), shop.now())
    };
    let expires_at = Some(shop.now());
    let ended = Job { status: Status::Completed, run: Some(last), expires_at, ..shop.draft() };
    let job = shop.write(ended, json!({"text": "x".repeat(3_000)})).await;
    let run = Run::new(shop.run_id(), shop.now());
    shop.store.archive_run(job.id, &run, None).await.unwrap();
    shop.pass(60);
    assert!(shop.store.job(job.id, shop.now()).await.unwrap().is_none());
    assert_eq!(shown(&shop).await, 1);
    shop.delete_account().await;
    purge(&shop).await;
    work_off(&shop).await;
    assert_eq!(shown(&shop).await, 0);
    assert_eq!(shop.store.archived_run(job.id, run.id).await.unwrap(), None);
    assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None);
}

#[tokio::test]
async fn a_job_that_cannot_be_removed_keeps_none_of_the_others() {
    let mut shop = Shop::new().await;
    jobs(&mut shop).await;
    shop.delete_account().await;
    purge(&shop).await;
    shop.bed.faults.plan(When::Nth(3), Fault::Unreached, Some("PutItem"));
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!((shop.bed.faults.strikes(), shown(&shop).await), (1, 1));
    shop.pass(5);
    work_off(&shop).await;
    assert_eq!((shown(&shop).await, shop.store.user_even_deleted(shop.owner()).await.unwrap()), (0, None));
}

#[tokio::test]
async fn an_index_that_is_behind_is_looked_at_again_before_the_account_goes() {
    let mut shop = Shop::new().await;
    shop.settle_in("ann").await;
    let removed = shop.draft().id;
    // A row of a job that is gone.
    let (dynamodb, text) = (shop.bed.sound_clients().dynamodb(), |text: String| AttributeValue::S(text));
    let ghost = [("pk", format!("JOB#{removed}")), ("sk", "GHOST".to_owned())];
    let cell = [("listPk", format!("{}#pending#low", shop.owner())), ("listSk", removed.to_string())];
    let key = ghost.clone().map(|(name, value)| (name.to_owned(), text(value)));
    let row = [ghost, cell].concat().into_iter().map(|(name, value)| (name.to_owned(), text(value)));
    dynamodb.put_item().table_name(TABLE).set_item(Some(row.collect())).send().await.unwrap();
    assert_eq!(shown(&shop).await, 1);
    shop.delete_account().await;
    purge(&shop).await;
    for _ in 0..3 {
        assert_eq!((shop.step().await, shop.depth()), ((1, 0), (0, 0, 1)));
        shop.pass(5);
    }
    assert!(shop.store.user_even_deleted(shop.owner()).await.unwrap().is_some());
    dynamodb.delete_item().table_name(TABLE).set_key(Some(key.into())).send().await.unwrap();
    work_off(&shop).await;
    assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None);
}

#[tokio::test]
async fn a_removal_that_fails_at_any_call_goes_on() {
    for nth in (0..80).step_by(3) {
        let mut shop = Shop::new().await;
        let (jobs, _) = jobs(&mut shop).await;
        shop.delete_account().await;
        purge(&shop).await;
        shop.bed.faults.plan(When::Nth(nth), [Fault::Unreached, Fault::AnswerLost][nth % 2], None);
        work_off(&shop).await;
        for job in &jobs {
            assert!(shop.store.job(job.id, shop.now()).await.unwrap().is_none(), "call {nth}");
        }
        assert_eq!(shop.store.user_even_deleted(shop.owner()).await.unwrap(), None, "call {nth}");
    }
}

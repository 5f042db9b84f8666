//! Removing what a deleted account leaves behind.

use std::time::Duration;

use domain::job::{Job, Priority};
use domain::message::JobMessage;
use serde_json::json;
use testkit::{Fault, When};

use crate::shop::Shop;

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

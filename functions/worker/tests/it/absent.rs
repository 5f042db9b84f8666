//! Jobs that are not there yet, or no more.

use std::time::Duration;

use domain::job::{Job, Priority, Run, Status};
use domain::life;
use domain::message::JobMessage;
use serde_json::json;

use crate::shop::Shop;

impl Shop {
    async fn send_purge(&self, job: &Job) {
        let purge = JobMessage::Purge { job_id: job.id };
        self.queues.send(Priority::Low, job.user_id, &purge, Duration::ZERO).await.unwrap();
    }

    /// The message comes again at 2, 10 and 60 seconds and then no more.
    async fn waits_three_times(&self) {
        for wait in [2, 10, 60] {
            assert_eq!(self.step().await, (0, 1));
            self.pass(wait - 1);
            assert_eq!(self.step().await, (0, 0));
            self.pass(1);
        }
        assert_eq!(self.step().await, (1, 0));
        assert_eq!(self.depth(), (0, 0, 0));
    }
}

#[tokio::test]
async fn a_job_that_is_not_there_is_waited_for_three_times() {
    let shop = Shop::new().await;
    shop.send(&shop.draft(), shop.run_id(), Duration::ZERO).await;
    shop.waits_three_times().await;
    assert!(shop.asked().await.is_empty());
}

#[tokio::test]
async fn a_job_that_is_written_late_runs() {
    let shop = Shop::new().await;
    // As a creation with `run` does it: the message goes first.
    let (draft, run) = (Job { version: 0, ..shop.draft() }, shop.run_id());
    shop.send(&draft, run, Duration::ZERO).await;
    assert_eq!(shop.step().await, (0, 1));
    let job = shop.write(life::start(&draft, run, shop.now()), json!({})).await;
    shop.pass(2);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

#[tokio::test]
async fn a_purge_waits_for_the_mark_and_removes_the_rest() {
    let shop = Shop::new().await;
    let job = shop.write(shop.draft(), json!({"text": "x".repeat(2_000)})).await;
    shop.store.archive_run(job.id, &Run::new(shop.run_id(), shop.now()), None).await.unwrap();
    shop.send_purge(&job).await;
    assert_eq!(shop.step().await, (0, 1));
    assert_eq!(shop.store.payload(&job).await.unwrap().as_str().len(), 2_011);
    shop.replace(&life::delete(&job, shop.now(), Duration::from_secs(999))).await;
    shop.pass(2);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.store.payload(&job).await.unwrap().as_str(), "{}");
    // And once more, after the mark itself is gone.
    shop.send_purge(&job).await;
    shop.pass(1_000);
    assert_eq!(shop.step().await, (1, 0));
}

#[tokio::test]
async fn a_purge_of_a_job_that_nobody_deleted_removes_nothing() {
    let shop = Shop::new().await;
    let job = shop.write(shop.draft(), json!({"text": "x".repeat(2_000)})).await;
    shop.send_purge(&job).await;
    shop.waits_three_times().await;
    assert_eq!(shop.store.payload(&job).await.unwrap().as_str().len(), 2_011);
    assert_eq!(shop.read(&job).await, job);
}

#[tokio::test]
async fn a_deleted_job_is_not_run() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    let mark = life::delete(&job, shop.now(), Duration::from_secs(999));
    shop.replace(&mark).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.store.job_even_deleted(job.id, shop.now()).await.unwrap(), Some(mark));
    assert!(shop.asked().await.is_empty());
}

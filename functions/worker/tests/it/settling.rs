//! What an ended run owes, and that it is paid.

use std::time::Duration;

use domain::delivery::Delivery;
use domain::event::EventType;
use domain::id::CancelId;
use domain::job::{Job, Status};
use domain::life::{self, Present};
use serde_json::json;
use testkit::{Fault, When};

use crate::shop::{Shop, run, told};

#[tokio::test]
async fn a_job_without_a_webhook_owes_nothing() {
    let shop = Shop::new().await;
    let job = shop.start(Job { webhook: None, ..shop.draft() }, json!({"text": "x".repeat(2_000)})).await;
    shop.bed.faults.clear();
    assert_eq!(shop.step().await, (1, 0));
    let made: Vec<_> = shop.bed.faults.calls().into_iter().map(|call| call.operation).collect();
    // Read the job, claim it, look who hears of its start, read its payload, end it and let the payload expire with
    // it, look who hears of its end: nothing more.
    let short: Vec<_> = made.iter().filter_map(|name| name.rsplit('.').next()).collect();
    assert_eq!(short, ["GetItem", "PutItem", "Query", "GetItem", "TransactWriteItems", "Query"]);
    assert_eq!(shop.read(&job).await.status, Status::Completed);
    assert!(shop.asked().await.is_empty());
}

#[tokio::test]
async fn what_could_not_be_sent_is_sent_when_the_message_comes_again() {
    for fault in [Fault::Unreached, Fault::AnswerLost] {
        let shop = Shop::new().await;
        let job = shop.start(shop.draft(), json!({})).await;
        shop.bed.faults.plan(When::Nth(0), fault, Some("SendMessageBatch"));
        assert_eq!(shop.step().await, (0, 1));
        let ended = shop.read(&job).await;
        assert_eq!(ended.status, Status::Completed);
        shop.bed.faults.clear();
        shop.pass(5);
        assert_eq!(shop.step().await, (1, 0));
        assert_eq!(shop.read(&job).await, ended);
        let asked = shop.asked().await;
        assert_eq!(asked.len(), if fault == Fault::AnswerLost { 2 } else { 1 });
        // The same id and the same bytes, however often it is asked for.
        assert!(asked.windows(2).all(|two| two[0] == two[1]));
    }
}

#[tokio::test]
async fn what_has_a_record_is_not_asked_for_again() {
    let shop = Shop::with(&[("WEBHOOK_URL", "https://example.com/all")]).await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.step().await;
    let asked = shop.asked().await;
    let record = Delivery { version: 1, ..Delivery::new(&asked[0], EventType::Completed, shop.now()) };
    shop.store.replace_delivery(&record, None).await.unwrap();
    shop.send(&job, run(&job).id, Duration::ZERO).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.asked().await, asked[1..]);
}

#[tokio::test]
async fn a_late_message_about_an_earlier_run_pays_what_that_run_owed() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessageBatch"));
    assert_eq!(shop.step().await, (0, 1));
    shop.bed.faults.clear();
    let first = shop.read(&job).await;
    // The run is put aside by a rerun whose own message is still under way.
    shop.store.archive_run(job.id, run(&first), None).await.unwrap();
    let rerun = life::start(&first, shop.run_id(), shop.now());
    shop.replace(&rerun).await;
    shop.pass(5);
    assert_eq!(shop.step().await, (1, 0));
    let asked = shop.asked().await;
    assert_eq!(asked.len(), 1);
    assert_eq!((asked[0].run_id, shop.read(&job).await), (run(&first).id, rerun));
}

#[tokio::test]
async fn a_message_of_a_cancelled_run_tells_of_the_cancellation() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    let cancel = CancelId::fresh(shop.now(), shop.bed.ambient.entropy());
    let cancelled =
        life::cancel(&job, cancel, shop.run_id(), Present { now: shop.now(), keep: None }).unwrap();
    shop.replace(&cancelled).await;
    assert_eq!(shop.step().await, (1, 0));
    let asked = shop.asked().await;
    assert_eq!((asked.len(), asked[0].cancel_id), (1, Some(cancel)));
    assert_eq!(shop.read(&job).await, cancelled);
}

#[tokio::test]
async fn the_message_waits_while_another_holds_the_job() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    let held = life::claim(&job, run(&job).id, 77, shop.now());
    shop.replace(&held).await;
    assert_eq!(shop.step().await, (0, 1));
    shop.pass(65);
    assert_eq!(shop.step().await, (0, 0));
    shop.pass(1);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2));
    assert!(told(&job).contains(&"attempt 1 lost"));
    assert_eq!(shop.asked().await.len(), 1);
}

#[tokio::test]
async fn after_the_last_lost_attempt_the_job_fails() {
    let shop = Shop::new().await;
    let job = shop.start(Job { max_retries: 0, ..shop.draft() }, json!({})).await;
    shop.replace(&life::claim(&job, run(&job).id, 77, shop.now())).await;
    shop.pass(66);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1));
    assert!(run(&job).last_error.as_ref().unwrap().starts_with("worker-lost"));
    let asked = shop.asked().await;
    assert!(asked.len() == 1 && asked[0].body.contains("worker-lost"));
}

//! Notices that SES does not take, for a while or for good.

use domain::job::Job;
use serde_json::json;
use testkit::{Fault, Faults, When};
use worker::Worker;

use crate::shop::{Shop, blunt, config_of, run};
use crate::tape::Tape;

const MAIL: [(&str, &str); 2] = [("MAIL_FROM", "nightjar@example.com"), ("NOTICE_RATE_MAX", "1")];

/// A shop with a notice in the queue, of the only failure that its owner is told of in an hour.
async fn failed() -> (Shop, Job) {
    let mut shop = Shop::with(&MAIL).await;
    shop.settle_in("ann").await;
    let job = shop.start(Job { max_retries: 0, ..shop.draft() }, json!({"fail": true})).await;
    assert_eq!((shop.step().await, shop.depth()), ((1, 0), (1, 0, 0)));
    (shop, job)
}

/// Lets that many minutes pass, and the worker take what comes.
async fn minutes(shop: &Shop, many: u64) {
    for _ in 0..many * 4 {
        shop.pass(15);
        let (_, again) = shop.step().await;
        assert_eq!(again, 0, "a notice that waits costs no receive");
    }
}

#[tokio::test]
async fn a_notice_outlives_hours_of_throttling_and_is_sent_once() {
    let (shop, job) = failed().await;
    shop.bed.faults.plan(When::Always, Fault::Throttled, Some("SendEmail"));
    assert_eq!(shop.step().await, (1, 0));
    minutes(&shop, 120).await;
    let tries = shop.bed.faults.strikes();
    assert!((8..=20).contains(&tries), "{tries}");
    assert_eq!((shop.bed.engine.sent_mail(), shop.depth()), (vec![], (0, 0, 1)));
    shop.bed.faults.clear();
    // Whoever asks in between finds that it is under way.
    shop.send(&job, run(&shop.read(&job).await).id, std::time::Duration::ZERO).await;
    minutes(&shop, 16).await;
    assert_eq!((shop.bed.engine.sent_mail().len(), shop.depth()), (1, (0, 0, 0)));
}

#[tokio::test]
async fn a_notice_that_is_never_taken_is_given_up_after_hours() {
    let (shop, _) = failed().await;
    shop.bed.faults.plan(When::Always, Fault::Refused("SendingPausedException"), Some("SendEmail"));
    let begun = shop.now();
    for _ in 0..2_000 {
        if shop.depth() == (0, 0, 0) {
            break;
        }
        shop.pass(15);
        shop.step().await;
    }
    let hours = shop.now().since(begun).as_secs() / 3_600;
    assert!((2..=5).contains(&hours), "{hours}");
    assert_eq!((shop.bed.faults.strikes(), shop.depth()), (27, (0, 0, 0)));
}

/// The worker of the shop, with two more layers of faults.
fn beneath(shop: &Shop) -> (Worker, Faults, Faults) {
    let second = Faults::new(shop.bed.faults.clone());
    let third = Faults::new(second.clone());
    let sdk = shop.bed.clients().config().to_builder().http_client(third.clone()).build();
    (Worker::new(&blunt(&sdk), config_of(&shop.bed, &MAIL), shop.bed.ambient.clone()), second, third)
}

#[tokio::test]
async fn where_the_next_message_cannot_be_sent_this_one_sends_the_notice() {
    let (shop, _) = failed().await;
    let (worker, queue, table) = beneath(&shop);
    shop.bed.faults.plan(When::Always, Fault::Throttled, Some("SendEmail"));
    queue.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    // The mark is removed at the second try.
    table.plan(When::Nth(0), Fault::Unreached, Some("DeleteItem"));
    assert_eq!(shop.step_of(&worker).await, (0, 1));
    assert_eq!((queue.strikes(), table.strikes()), (1, 1));
    for faults in [&shop.bed.faults, &queue, &table] {
        faults.clear();
    }
    shop.pass(5);
    assert_eq!(shop.step_of(&worker).await, (1, 0));
    assert_eq!((shop.bed.engine.sent_mail().len(), shop.depth()), (1, (0, 0, 0)));
}

#[tokio::test]
async fn the_mark_of_a_refused_notice_need_not_be_removed() {
    let (shop, _) = failed().await;
    let (worker, _, table) = beneath(&shop);
    shop.bed.faults.plan(When::Nth(0), Fault::Throttled, Some("SendEmail"));
    table.plan(When::Always, Fault::Unreached, Some("DeleteItem"));
    assert_eq!(shop.step_of(&worker).await, (1, 0));
    shop.pass(20);
    assert_eq!(shop.step_of(&worker).await, (1, 0));
    assert_eq!((shop.bed.engine.sent_mail().len(), shop.depth()), (1, (0, 0, 0)));
}

#[tokio::test]
async fn the_log_has_the_code_of_a_refusal_and_none_of_its_words() {
    for code in ["TooManyRequestsException", "MessageRejected"] {
        let (shop, _) = failed().await;
        let tape = Tape::start();
        shop.bed.faults.plan(When::Always, Fault::Refused(code), Some("SendEmail"));
        assert_eq!(shop.step().await, (1, 0));
        let told = tape.told();
        assert!(told.contains(code) && told.contains("notice"), "{told}");
        assert!(!told.contains("injected") && !told.contains("example.com"), "{told}");
    }
}

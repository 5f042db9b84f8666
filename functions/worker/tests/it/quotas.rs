//! How much mail a user may cause.

use std::time::Duration;

use domain::job::{Job, Priority, Status};
use domain::message::JobMessage;
use engine::SentMail;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::shop::{Shop, run};

const FROM: (&str, &str) = ("MAIL_FROM", "nightjar@example.com");

async fn open(name: &'static str, most: &'static str) -> Shop {
    let mut shop = Shop::with(&[FROM, (name, most), ("JOB_RETRY_BASE_MS", "1")]).await;
    shop.settle_in("ann").await;
    shop
}

fn sent(shop: &Shop) -> Vec<SentMail> {
    shop.bed.engine.sent_mail()
}

/// Lets the worker take all that is there.
async fn work_off(shop: &Shop) {
    for _ in 0..20 {
        if shop.depth().0 == 0 {
            return;
        }
        shop.step().await;
    }
    panic!("it never ends: {:?}", shop.depth());
}

/// That many jobs fail, and their owner's notices are seen to.
async fn fail(shop: &Shop, many: usize) -> Vec<Job> {
    let mut jobs = Vec::new();
    for _ in 0..many {
        jobs.push(shop.start(Job { max_retries: 0, ..shop.draft() }, json!({"fail": true})).await);
    }
    work_off(shop).await;
    jobs
}

#[tokio::test]
async fn an_owner_gets_so_many_notices_an_hour_and_the_next_one_tells_of_the_rest() {
    let mut shop = open("NOTICE_RATE_MAX", "2").await;
    let jobs = fail(&shop, 7).await;
    assert_eq!(sent(&shop).len(), 2);
    // The notice of one that was left out is not taken up again, and does not count again.
    for job in &jobs {
        let again = JobMessage::notice(job.id, run(job).id);
        shop.queues.send(Priority::Low, shop.owner(), &again, Duration::ZERO).await.unwrap();
    }
    work_off(&shop).await;
    assert_eq!(sent(&shop).len(), 2);
    let ann = shop.owner();
    shop.settle_in("bob").await;
    fail(&shop, 1).await;
    assert_eq!(sent(&shop).len(), 3);
    assert!(!sent(&shop)[2].text.as_ref().unwrap().contains("no e-mail"), "the others were not his");
    shop.pass(3_600);
    let failing = Job { user_id: ann, max_retries: 0, ..shop.draft() };
    for told in [true, false] {
        shop.start(Job { id: shop.draft().id, ..failing.clone() }, json!({"fail": true})).await;
        work_off(&shop).await;
        let last = sent(&shop).pop().unwrap();
        assert_eq!(last.to, ["ann@example.com"]);
        let text = last.text.unwrap();
        assert_eq!(text.ends_with("because an hour had too many: 5.\n"), told, "{text}");
    }
    assert_eq!(sent(&shop).len(), 5);
}

#[tokio::test]
async fn none_is_any_number_of_notices_and_ten_is_what_nobody_said() {
    for (most, mails) in [("0", 12), ("", 10)] {
        let shop = open("NOTICE_RATE_MAX", most).await;
        fail(&shop, 12).await;
        assert_eq!(sent(&shop).len(), mails, "{most:?}");
    }
}

#[tokio::test]
async fn a_table_that_cannot_count_loses_no_notice() {
    for operation in ["UpdateItem", "PutItem", "GetItem"] {
        let shop = open("NOTICE_RATE_MAX", "1").await;
        shop.start(Job { max_retries: 0, ..shop.draft() }, json!({"fail": true})).await;
        assert_eq!(shop.step().await, (1, 0));
        shop.bed.faults.plan(When::Nth(0), Fault::Unreached, Some(operation));
        assert_eq!(shop.step().await, (0, 1), "{operation}");
        assert_eq!(shop.bed.faults.strikes(), 1, "{operation}");
        shop.bed.faults.clear();
        shop.pass(5);
        assert_eq!(shop.step().await, (1, 0), "{operation}");
        assert_eq!(sent(&shop).len(), 1, "{operation}");
    }
}

/// The jobs after their first attempts, all at once.
async fn send(shop: &Shop, payloads: &[Value]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for payload in payloads {
        let draft = Job { task_type: "email".to_owned(), webhook: None, ..shop.draft() };
        jobs.push(shop.start(draft, payload.clone()).await);
    }
    shop.step().await;
    let mut after = Vec::new();
    for job in &jobs {
        after.push(shop.read(job).await);
    }
    after
}

fn one() -> Value {
    json!({"to": "a@example.com", "subject": "s", "body": "b"})
}

fn mails(shop: &Shop) -> usize {
    sent(shop).iter().filter(|mail| mail.subject == "s").count()
}

#[tokio::test]
async fn tasks_send_to_so_many_recipients_a_day_and_all_of_a_mail_count() {
    let shop = open("MAIL_RATE_MAX", "5").await;
    let mut three = one();
    three["cc"] = json!("b@example.com");
    three["bcc"] = json!(["c@example.com"]);
    let job = &send(&shop, &[three.clone()]).await[0];
    assert_eq!((job.status, sent(&shop)[0].cc.len()), (Status::Completed, 1));
    let job = &send(&shop, &[three.clone()]).await[0];
    assert_eq!((job.status, run(job).attempt), (Status::Failed, 1));
    let error = run(job).last_error.as_deref();
    let wanted = "MAIL_RATE_MAX allows e-mail to 5 recipients a day, and this one's 3 would be too many; the next \
                  day begins at 2026-03-02T00:00:00.000Z";
    assert_eq!(error, Some(wanted));
    work_off(&shop).await;
    // Two are left.
    let mut two = one();
    two["to"] = json!(["a@example.com", "b@example.com"]);
    assert_eq!(send(&shop, &[two]).await[0].status, Status::Completed);
    assert_eq!(send(&shop, &[one()]).await[0].status, Status::Failed);
    shop.pass(86_400);
    work_off(&shop).await;
    assert_eq!(send(&shop, &[three]).await[0].status, Status::Completed);
    assert_eq!(mails(&shop), 3);
}

#[tokio::test]
async fn however_many_are_sent_at_once_no_more_than_the_limit_go_out() {
    let mut shop = open("MAIL_RATE_MAX", "4").await;
    let jobs = send(&shop, &vec![one(); 10]).await;
    let done = jobs.iter().filter(|job| job.status == Status::Completed).count();
    assert_eq!((done, mails(&shop)), (4, 4));
    work_off(&shop).await;
    shop.settle_in("bob").await;
    assert_eq!(send(&shop, &[one()]).await[0].status, Status::Completed, "each user counts alone");
}

#[tokio::test]
async fn what_ses_did_not_take_does_not_count() {
    for fault in [Fault::Throttled, Fault::ServerError, Fault::Refused("MessageRejected")] {
        let shop = open("MAIL_RATE_MAX", "1").await;
        shop.bed.faults.plan(When::Always, fault, Some("SendEmail"));
        for _ in 0..3 {
            send(&shop, &[one()]).await;
            shop.pass(2);
        }
        shop.bed.faults.clear();
        work_off(&shop).await;
        shop.pass(2);
        work_off(&shop).await;
        send(&shop, &[one()]).await;
        assert_eq!(mails(&shop), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn what_may_have_been_sent_counts() {
    let shop = open("MAIL_RATE_MAX", "1").await;
    shop.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("SendEmail"));
    let job = &send(&shop, &[one()]).await[0];
    assert_eq!(job.status, Status::Running);
    shop.pass(2);
    work_off(&shop).await;
    assert_eq!((shop.read(job).await.status, mails(&shop)), (Status::Failed, 1));
}

#[tokio::test]
async fn none_is_any_number_of_recipients() {
    let shop = open("MAIL_RATE_MAX", "0").await;
    let many: Vec<String> = (0..50).map(|i| format!("a{i}@example.com")).collect();
    let payload = json!({"to": many, "subject": "s", "body": "b"});
    let jobs = send(&shop, &vec![payload.clone(); 5]).await;
    assert!(jobs.iter().all(|job| job.status == Status::Completed));
    // What nobody set is 200.
    let shop = open("MAIL_RATE_MAX", "").await;
    send(&shop, &vec![payload; 5]).await;
    assert_eq!(mails(&shop), 4);
}

#[tokio::test]
async fn a_mail_that_cannot_be_counted_is_tried_again_and_not_sent_before() {
    let shop = open("MAIL_RATE_MAX", "1").await;
    shop.bed.faults.plan(When::Always, Fault::Unreached, Some("UpdateItem"));
    let job = &send(&shop, &[one()]).await[0];
    assert_eq!((job.status, mails(&shop)), (Status::Running, 0));
    assert!(run(job).last_error.as_ref().unwrap().starts_with("the recipients could not be counted: "));
    shop.bed.faults.clear();
    shop.pass(2);
    work_off(&shop).await;
    assert_eq!((shop.read(job).await.status, mails(&shop)), (Status::Completed, 1));
}

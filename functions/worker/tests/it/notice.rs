//! The e-mail to the owner of a job that has failed for good.

use std::time::Duration;

use domain::job::Job;
use domain::message::JobMessage;
use engine::SentMail;
use serde_json::json;
use testkit::{Fault, When};

use crate::shop::{Shop, run};

const MAIL: [(&str, &str); 2] =
    [("MAIL_FROM", "nightjar@example.com"), ("PUBLIC_URL", "https://jobs.example.com")];

/// A job that has failed, whose owner is known, and its notice in the queue.
async fn failed(shop: &mut Shop) -> Job {
    shop.settle_in("ann").await;
    let draft = Job { task_name: "nightly report".to_owned(), max_retries: 0, ..shop.draft() };
    let job = shop.start(draft, json!({"fail": true})).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.depth(), (1, 0, 0));
    shop.read(&job).await
}

fn sent(shop: &Shop) -> Vec<SentMail> {
    shop.bed.engine.sent_mail()
}

#[tokio::test]
async fn the_owner_is_told_what_when_and_why() {
    let mut shop = Shop::with(&MAIL).await;
    let job = failed(&mut shop).await;
    assert_eq!(shop.step().await, (1, 0));
    let sent = sent(&shop);
    let [mail] = &sent[..] else { panic!("{sent:?}") };
    let (text, error) = (mail.text.as_deref().unwrap(), run(&job).last_error.as_deref().unwrap());
    assert_eq!(mail.to, ["ann@example.com"]);
    assert!(mail.subject.contains("nightly report"), "{}", mail.subject);
    for part in [error, "https://jobs.example.com/jobs/", &job.id.to_string()] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[tokio::test]
async fn a_notice_that_comes_twice_is_sent_once() {
    let mut shop = Shop::with(&MAIL).await;
    let job = failed(&mut shop).await;
    let again = JobMessage::notice(job.id, run(&job).id);
    shop.queues.send(job.priority, job.user_id, &again, Duration::ZERO).await.unwrap();
    assert_eq!(shop.step().await, (2, 0));
    // A late message about the run finds that its notice was begun.
    shop.send(&job, run(&job).id, Duration::ZERO).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!((shop.depth(), sent(&shop).len()), ((0, 0, 0), 1));
}

#[tokio::test]
async fn what_ses_did_not_take_is_sent_again_and_what_it_may_have_taken_is_not() {
    for (fault, mails) in [(Fault::Throttled, 1), (Fault::AnswerLost, 1), (Fault::DiesBefore, 0)] {
        let mut shop = Shop::with(&MAIL).await;
        failed(&mut shop).await;
        shop.bed.faults.plan(When::Nth(0), fault, Some("SendEmail"));
        let stepped = tokio::time::timeout(Duration::from_secs(2), shop.step()).await;
        assert_eq!(shop.bed.faults.strikes(), 1, "{fault:?}");
        shop.bed.faults.clear();
        if let Ok(stepped) = stepped {
            assert_eq!(stepped.0 + stepped.1, 1);
        }
        for _ in 0..4 {
            shop.pass(360);
            shop.step().await;
        }
        assert_eq!(sent(&shop).len(), mails, "{fault:?}");
        assert_eq!(shop.depth(), (0, 0, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn without_an_address_to_send_from_there_is_no_notice() {
    let mut shop = Shop::new().await;
    shop.settle_in("ann").await;
    shop.start(Job { max_retries: 0, ..shop.draft() }, json!({"fail": true})).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!((shop.depth(), sent(&shop).len()), ((0, 0, 0), 0));
}

#[tokio::test]
async fn nothing_is_sent_about_a_job_that_was_deleted_or_runs_again_well() {
    let mut shop = Shop::with(&MAIL).await;
    let job = failed(&mut shop).await;
    shop.replace(&domain::life::delete(&job, shop.now(), Duration::from_secs(60))).await;
    assert_eq!(shop.step().await, (1, 0));
    assert!(sent(&shop).is_empty());
}

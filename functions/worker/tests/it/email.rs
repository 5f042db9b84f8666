//! The task that sends an e-mail.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use boot::clients::Clients;
use domain::job::{Job, Status};
use serde_json::{Value, json};
use testkit::{Fault, When};
use worker::Worker;

use crate::shop::{Shop, config_of, run};

const FROM: (&str, &str) = ("MAIL_FROM", "Nightjar <nightjar@example.com>");

/// A shop that has an address to send from.
async fn open() -> Shop {
    Shop::with(&[FROM, ("JOB_RETRY_BASE_MS", "1")]).await
}

fn letter() -> Value {
    json!({"to": "ada@example.com", "subject": "Grüße", "body": "Line one\nline two"})
}

/// The job after its first attempt.
async fn send(shop: &Shop, payload: Value) -> Job {
    let job = shop.start(Job { task_type: "email".to_owned(), ..shop.draft() }, payload).await;
    assert_eq!(shop.step().await, (1, 0));
    shop.read(&job).await
}

#[tokio::test]
async fn a_mail_goes_out_and_its_id_is_the_result() {
    let shop = open().await;
    let job = send(&shop, letter()).await;
    let sent = shop.bed.engine.sent_mail();
    assert_eq!((job.status, sent.len()), (Status::Completed, 1));
    assert_eq!(run(&job).result, Some(json!({"messageId": sent[0].message_id})));
    assert_eq!((sent[0].from.as_str(), &sent[0].to[..]), (FROM.1, &["ada@example.com".to_owned()][..]));
    assert_eq!((sent[0].subject.as_str(), sent[0].text.as_deref()), ("Grüße", Some("Line one\nline two")));
    assert_eq!((sent[0].html.as_deref(), sent[0].at), (None, shop.now()));
    assert!(sent[0].cc.is_empty() && sent[0].bcc.is_empty() && sent[0].reply_to.is_empty());
}

#[tokio::test]
async fn every_member_of_the_payload_reaches_its_place() {
    let shop = open().await;
    let payload = json!({
        "to": ["ada@example.com", "bob@exämple.de"], "cc": "c@example.com", "bcc": ["d@example.com"],
        "replyTo": "r@example.com", "subject": "s", "text": "plain", "html": "<p>rich</p>",
    });
    assert_eq!(send(&shop, payload).await.status, Status::Completed);
    let sent = shop.bed.engine.sent_mail().remove(0);
    assert_eq!(sent.to, ["ada@example.com", "bob@xn--exmple-cua.de"]);
    assert_eq!((sent.cc, sent.bcc), (vec!["c@example.com".to_owned()], vec!["d@example.com".to_owned()]));
    assert_eq!(sent.reply_to, ["r@example.com"]);
    assert_eq!((sent.text.as_deref(), sent.html.as_deref()), (Some("plain"), Some("<p>rich</p>")));
    let wire = shop.bed.faults.calls().into_iter().find(|call| call.operation == "SESv2.SendEmail").unwrap();
    let wire: Value = serde_json::from_str(&wire.body).unwrap();
    for part in ["Subject", "Body/Text", "Body/Html"] {
        assert_eq!(wire.pointer(&format!("/Content/Simple/{part}/Charset")), Some(&json!("UTF-8")), "{part}");
    }
}

#[tokio::test]
async fn without_an_address_to_send_from_it_is_final_and_says_what_is_missing() {
    let shop = Shop::with(&[("MAIL_FROM", " ")]).await;
    let job = send(&shop, letter()).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1));
    let error = run(&job).last_error.as_deref();
    assert_eq!(error, Some("e-mail is not set up here: MAIL_FROM is not set"));
    assert_eq!(shop.bed.engine.sent_mail(), []);
}

#[tokio::test]
async fn a_payload_that_makes_no_mail_is_final() {
    let shop = open().await;
    let job =
        send(&shop, json!({"to": ["ada@example.com", "x\r\nBcc: y@example.com"], "subject": "s"})).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1));
    let error = run(&job).last_error.as_deref().unwrap();
    assert!(
        error.starts_with("/payload/to/1 must be an e-mail address") && error.contains("/payload/body"),
        "{error}"
    );
    assert_eq!(shop.bed.engine.sent_mail(), []);
}

#[tokio::test]
async fn what_ses_refuses_for_good_is_final() {
    for code in [
        "MessageRejected",
        "MailFromDomainNotVerifiedException",
        "BadRequestException",
        "AccountSuspendedException",
    ] {
        let shop = open().await;
        shop.bed.faults.plan(When::Always, Fault::Refused(code), Some("SendEmail"));
        let job = send(&shop, letter()).await;
        assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1), "{code}");
        assert_eq!(run(&job).last_error, Some(format!("SES: {code}: injected")));
        assert_eq!(shop.asked().await.len(), 1);
    }
}

#[tokio::test]
async fn what_passes_is_tried_again() {
    for fault in [
        Fault::Throttled,
        Fault::ServerError,
        Fault::Unreached,
        Fault::Refused("TooManyRequestsException"),
        Fault::Refused("LimitExceededException"),
        Fault::Refused("SendingPausedException"),
    ] {
        let shop = open().await;
        shop.bed.faults.plan(When::Always, fault, Some("SendEmail"));
        let job = send(&shop, letter()).await;
        assert_eq!((job.status, run(&job).attempt), (Status::Running, 1), "{fault:?}");
        assert!(run(&job).last_error.as_ref().unwrap().starts_with("SES: "), "{:?}", run(&job).last_error);
        assert_eq!(shop.bed.engine.sent_mail(), []);
        shop.bed.faults.clear();
        shop.pass(2);
        assert_eq!(shop.step().await, (1, 0));
        let job = shop.read(&job).await;
        assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2), "{fault:?}");
        assert_eq!(shop.bed.engine.sent_mail().len(), 1);
    }
}

#[tokio::test]
async fn a_lost_answer_may_send_twice() {
    let shop = open().await;
    shop.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("SendEmail"));
    let job = send(&shop, letter()).await;
    assert_eq!((job.status, shop.bed.engine.sent_mail().len()), (Status::Running, 1));
    shop.pass(2);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Completed);
    assert_eq!(shop.bed.engine.sent_mail().len(), 2);
}

#[tokio::test]
async fn an_attempt_calls_ses_once_however_patient_the_clients_are() {
    let shop = open().await;
    let patient = shop.bed.clients().config().to_builder().retry_config(RetryConfig::standard()).build();
    let config = config_of(&shop.bed, &[FROM]);
    let worker = Worker::new(&Clients::from_config(&patient), config, shop.bed.ambient.clone());
    shop.bed.faults.plan(When::Always, Fault::AnswerLost, Some("SendEmail"));
    let job = shop.start(Job { task_type: "email".to_owned(), ..shop.draft() }, letter()).await;
    assert_eq!(shop.step_of(&worker).await, (1, 0));
    assert_eq!((shop.bed.faults.strikes(), shop.bed.engine.sent_mail().len()), (1, 1));
    assert_eq!(shop.read(&job).await.status, Status::Running);
}

#[tokio::test]
async fn a_service_that_says_nothing_is_tried_again() {
    let shop = open().await;
    let hasty = TimeoutConfig::builder().operation_attempt_timeout(Duration::from_millis(100)).build();
    let hasty = shop.bed.clients().config().to_builder().timeout_config(hasty).build();
    let config = config_of(&shop.bed, &[FROM]);
    let worker = Worker::new(&Clients::from_config(&hasty), config, shop.bed.ambient.clone());
    shop.bed.faults.plan(When::Always, Fault::DiesBefore, Some("SendEmail"));
    let job = shop.start(Job { task_type: "email".to_owned(), ..shop.draft() }, letter()).await;
    assert_eq!(shop.step_of(&worker).await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Running, 1));
    assert!(run(&job).last_error.as_ref().unwrap().starts_with("SES: "));
}

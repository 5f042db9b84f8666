//! Sending runs and deliveries.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use domain::id::UserId;
use domain::job::Priority;
use domain::message::{Deliver, JobMessage, Target};
use queue::{JobQueues, QueueError, WebhookQueues};
use testkit::{Fault, When};

use crate::post::{Post, group};

fn jobs(post: &Post, client: &Client) -> JobQueues {
    let [high, medium, low] = post.bed.job_queues();
    JobQueues::new(client.clone(), high, medium, low)
}

fn webhooks(post: &Post, client: &Client) -> WebhookQueues {
    WebhookQueues::new(client.clone(), post.bed.queue("webhooks")).with_dead(post.bed.queue("webhooks-dlq"))
}

#[tokio::test]
async fn a_run_goes_to_the_queue_of_its_priority_in_its_owners_name() {
    let post = Post::new().await;
    let queues = jobs(&post, &post.sound);
    assert_eq!(queues.urls(), post.bed.job_queues().each_ref().map(String::as_str));
    for (priority, queue) in Priority::ALL.into_iter().zip(["jobs-high", "jobs-medium", "jobs-low"]) {
        let message = JobMessage::run(post.job_id(), post.run_id(), 7);
        queues.send(priority, post.owner, &message, Duration::ZERO).await.unwrap();
        let taken = post.take(queue).await;
        assert_eq!(taken.len(), 1);
        assert_eq!(group(&taken[0]), post.owner.to_string());
        assert_eq!(serde_json::from_str::<JobMessage>(taken[0].body().unwrap()).unwrap(), message);
    }
}

#[tokio::test]
async fn characters_that_sqs_refuses_arrive_all_the_same() {
    let post = Post::new().await;
    let queues = webhooks(&post, &post.sound);
    let body = "{\"taskName\":\"a\u{fffe}b\u{ffff}c\"}";
    let sent = post.delivery(Target::Job, body.to_owned());
    queues.send(std::slice::from_ref(&sent), Duration::ZERO).await.unwrap();
    queues.bury(&sent).await.unwrap();
    for queue in ["webhooks", "webhooks-dlq"] {
        let taken = post.take(queue).await;
        assert_eq!(serde_json::from_str::<Deliver>(taken[0].body().unwrap()).unwrap(), sent, "{queue}");
    }
}

#[tokio::test]
async fn a_delay_is_rounded_down_and_cut_to_the_longest() {
    let post = Post::new().await;
    let queues = jobs(&post, &post.sound);
    let message = JobMessage::Purge { job_id: post.job_id() };
    for (millis, seconds) in [(999, 0), (3_999, 3), (4_000, 4), (900_000, 900), (4_000_000, 900)] {
        let delay = Duration::from_millis(millis);
        queues.send(Priority::Low, post.owner, &message, delay).await.unwrap();
        if seconds > 0 {
            post.pass(seconds - 1);
            assert_eq!(post.take("jobs-low").await.len(), 0, "{millis}");
            post.pass(1);
        }
        let taken = post.take("jobs-low").await;
        assert_eq!(taken.len(), 1, "{millis}");
        let handle = taken[0].receipt_handle().unwrap();
        let gone = post.sound.delete_message().queue_url(post.bed.queue("jobs-low")).receipt_handle(handle);
        gone.send().await.unwrap();
    }
}

/// How many entries each request had.
fn batches(post: &Post) -> Vec<usize> {
    let calls = post.bed.faults.calls().into_iter();
    let entries = |body: &str| {
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["Entries"].as_array().unwrap().len()
    };
    calls.map(|call| entries(&call.body)).collect()
}

fn same(taken: &[aws_sdk_sqs::types::Message], sent: &[Deliver]) -> bool {
    let ids = |all: Vec<Deliver>| {
        let mut all: Vec<_> = all.into_iter().map(|one| (one.webhook_id, one.body)).collect();
        all.sort();
        all
    };
    let taken = taken.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect();
    ids(taken) == ids(sent.to_vec())
}

#[tokio::test]
async fn twenty_five_deliveries_go_in_three_requests() {
    let post = Post::new().await;
    let queues = webhooks(&post, &post.blunt);
    let all: Vec<_> = (0..25).map(|n| post.delivery(Target::Job, format!("{{\"n\":{n}}}"))).collect();
    post.bed.faults.clear();
    queues.send(&all, Duration::from_millis(2_500)).await.unwrap();
    assert_eq!(batches(&post), [10, 10, 5]);
    assert_eq!(post.depth("webhooks"), (0, 0, 25));
    post.pass(2);
    let taken = post.take("webhooks").await;
    assert!(same(&taken, &all));
    assert!(taken.iter().all(|message| group(message) == post.owner.to_string()));
    post.bed.faults.clear();
    queues.send(&[], Duration::ZERO).await.unwrap();
    assert!(post.bed.faults.calls().is_empty());
}

#[tokio::test]
async fn no_request_is_larger_than_sqs_takes() {
    let post = Post::new().await;
    let queues = webhooks(&post, &post.blunt);
    // What 256 KiB of quotation marks become: each is escaped in the body, and again in the message.
    let large = || post.delivery(Target::Deployment, format!("{{\"text\":\"{}\"}}", "x".repeat(400 * 1024)));
    let all: Vec<_> = (0..5).map(|_| large()).collect();
    post.bed.faults.clear();
    queues.send(&all, Duration::ZERO).await.unwrap();
    assert_eq!(batches(&post), [2, 2, 1]);
    let taken = post.take("webhooks").await;
    assert!(same(&taken, &all));
    assert!(taken.iter().all(|message| group(message) == "deployment"));
}

#[tokio::test]
async fn a_delivery_given_up_lies_in_the_dead_letter_queue() {
    let post = Post::new().await;
    let delivery = post.delivery(Target::Job, "{}".to_owned());
    webhooks(&post, &post.sound).bury(&delivery).await.unwrap();
    assert!(same(&post.take("webhooks-dlq").await, &[delivery]));
}

#[tokio::test]
async fn what_passes_by_itself_is_busy_and_what_does_not_is_broken() {
    let post = Post::new().await;
    let (jobs_, hooks) = (jobs(&post, &post.blunt), webhooks(&post, &post.blunt));
    let message = JobMessage::Purge { job_id: post.job_id() };
    let delivery = [post.delivery(Target::Job, "{}".to_owned())];
    for fault in [Fault::Unreached, Fault::AnswerLost, Fault::Throttled] {
        post.bed.faults.plan(When::Always, fault, None);
        let told = jobs_.send(Priority::Low, post.owner, &message, Duration::ZERO).await;
        assert!(matches!(told, Err(QueueError::Busy(_))), "{fault:?}: {told:?}");
        let told = hooks.send(&delivery, Duration::ZERO).await;
        assert!(matches!(told, Err(QueueError::Busy(_))), "{fault:?}: {told:?}");
    }
    let nowhere = WebhookQueues::new(post.sound.clone(), post.bed.engine.queue_url("nowhere"));
    let told = nowhere.send(&delivery, Duration::ZERO).await;
    assert!(matches!(told, Err(QueueError::Broken(_))), "{told:?}");
}

/// A service that takes a part of a batch.
#[derive(Clone, Debug)]
struct Partial {
    answer: String,
}

impl HttpConnector for Partial {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let body = SdkBody::from(self.answer.clone());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(200.try_into().unwrap(), body)))
    }
}

impl HttpClient for Partial {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[tokio::test]
async fn a_batch_that_was_taken_in_part_has_failed() {
    let post = Post::new().await;
    let all = [post.delivery(Target::Job, "{}".to_owned()), post.delivery(Target::Job, "{}".to_owned())];
    for sender_fault in [true, false] {
        let code = if sender_fault { "InvalidMessageContents" } else { "InternalError" };
        let refused = format!(r#"{{"Id":"0","Code":"{code}","SenderFault":{sender_fault}}}"#);
        let client = answering(&post, &format!(r#"{{"Successful":[SENT1],"Failed":[{refused}]}}"#));
        let told = webhooks(&post, &client).send(&all, Duration::ZERO).await;
        match told {
            Err(QueueError::Broken(code)) => {
                assert_eq!((code.as_str(), sender_fault), ("InvalidMessageContents", true))
            }
            Err(QueueError::Busy(code)) => {
                assert_eq!((code.as_str(), sender_fault), ("InternalError", false))
            }
            Ok(()) => panic!("it was taken"),
        }
    }
}

/// An occurrence, due after so many milliseconds.
fn fire(post: &Post, priority: Priority, millis: u64) -> (Priority, UserId, JobMessage, Duration) {
    let delay = Duration::from_millis(millis);
    (priority, post.owner, JobMessage::fire(post.job_id(), 1, post.bed.now().plus(delay)), delay)
}

#[tokio::test]
async fn many_messages_go_to_their_queues_ten_at_a_time() {
    let post = Post::new().await;
    let queues = jobs(&post, &post.blunt);
    let all: Vec<_> = (0..36).map(|n| fire(&post, Priority::ALL[n % 3], 2_999)).collect();
    post.bed.faults.clear();
    queues.send_many(all.clone()).await.unwrap();
    assert_eq!(batches(&post), [10, 2, 10, 2, 10, 2]);
    // The delay is rounded down.
    post.pass(1);
    assert_eq!(post.depth("jobs-high"), (0, 0, 12));
    post.pass(1);
    for (priority, queue) in Priority::ALL.into_iter().zip(["jobs-high", "jobs-medium", "jobs-low"]) {
        let taken = post.take(queue).await;
        assert!(taken.iter().all(|message| group(message) == post.owner.to_string()));
        let taken: Vec<JobMessage> =
            taken.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect();
        let sent: Vec<_> = all.iter().filter(|(of, ..)| *of == priority).collect();
        assert_eq!(taken.len(), sent.len());
        assert!(sent.iter().all(|(_, _, message, _)| taken.contains(message)));
    }
    post.bed.faults.clear();
    queues.send_many(Vec::new()).await.unwrap();
    assert!(post.bed.faults.calls().is_empty());
}

#[tokio::test]
async fn a_request_that_fails_keeps_no_other_from_being_sent() {
    let post = Post::new().await;
    let queues = jobs(&post, &post.blunt);
    let all: Vec<_> = (0..24).map(|n| fire(&post, Priority::ALL[n % 2], 0)).collect();
    for fault in [Fault::Unreached, Fault::Throttled, Fault::AnswerLost] {
        // The second request: the last two of the high ones.
        post.bed.faults.plan(When::Nth(1), fault, None);
        let told = queues.send_many(all.clone()).await.unwrap_err();
        assert_eq!((told.which.as_slice(), post.bed.faults.strikes()), (&[20, 22][..], 1), "{fault:?}");
        assert!(matches!(told.source, QueueError::Busy(_)), "{fault:?}");
        assert_eq!(told.to_string(), "2 messages were not sent");
        let taken = [post.take("jobs-high").await.len(), post.take("jobs-medium").await.len()];
        assert_eq!(taken, [if fault == Fault::AnswerLost { 12 } else { 10 }, 12], "{fault:?}");
    }
}

#[tokio::test]
async fn what_a_batch_does_not_take_is_told_one_by_one() {
    let post = Post::new().await;
    let all: Vec<_> = (0..3).map(|_| fire(&post, Priority::Low, 0)).collect();
    for (answer, which, broken) in [
        (
            r#"{"Successful":[SENT0,SENT2],"Failed":[{"Id":"1","Code":"X","SenderFault":true}]}"#,
            vec![1],
            true,
        ),
        (r#"{"Successful":[SENT1],"Failed":[{"Id":"2","Code":"X","SenderFault":false}]}"#, vec![0, 2], false),
        (r#"{"Successful":[],"Failed":[]}"#, vec![0, 1, 2], false),
    ] {
        let told = jobs(&post, &answering(&post, answer)).send_many(all.clone()).await.unwrap_err();
        assert_eq!((&told.which, matches!(told.source, QueueError::Broken(_))), (&which, broken), "{answer}");
    }
    let answer = r#"{"Successful":[SENT0,SENT1,SENT2],"Failed":[]}"#;
    jobs(&post, &answering(&post, answer)).send_many(all).await.unwrap();
}

/// A client of a service that always answers this.
fn answering(post: &Post, answer: &str) -> Client {
    let answer = (0..3).fold(answer.to_owned(), |answer, n| {
        let sent = format!(r#"{{"Id":"{n}","MessageId":"{n}","MD5OfMessageBody":"0"}}"#);
        answer.replace(&format!("SENT{n}"), &sent)
    });
    let config = post.bed.engine.sdk_config_with(SharedHttpClient::new(Partial { answer }));
    Client::new(&config.to_builder().retry_config(RetryConfig::disabled()).build())
}

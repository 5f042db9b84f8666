//! Driving a batch: each record for itself.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use engine::mapping::{Delivery, HandlerError, Mapping};
use queue::{Handled, Source, drive, drive_parsed};
use serde::Deserialize;
use testkit::{Fault, When};

use crate::post::Post;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Order {
    Succeed,
    Fail,
    Panic,
    Again(u64),
    /// Fails unless it is received for that time.
    Expect(u32),
}

async fn obey(order: Order, receives: u32) -> Handled {
    match order {
        Order::Succeed => Handled::Done,
        Order::Fail => Handled::Failed,
        Order::Panic => panic!("on purpose"),
        Order::Again(seconds) => Handled::Again { after: Duration::from_millis(seconds * 1_000 - 400) },
        Order::Expect(wanted) => {
            if receives == wanted {
                Handled::Done
            } else {
                Handled::Failed
            }
        }
    }
}

impl Post {
    async fn put(&self, body: &str) {
        let url = self.bed.queue("jobs-low");
        self.sound.send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    fn source(&self) -> Source {
        Source::new(self.blunt.clone(), self.bed.job_queues())
    }

    /// One batch: how many messages are done, and how many come again.
    async fn step(&self, source: &Source) -> (usize, usize) {
        let handler =
            |event: SqsEvent| async move { Ok::<_, HandlerError>(drive(event, source, obey).await) };
        self.mapping(&handler).await
    }

    async fn mapping<H, F>(&self, handler: &H) -> (usize, usize)
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<aws_lambda_events::event::sqs::SqsBatchResponse, HandlerError>>,
    {
        let mapping = Mapping {
            queue_url: self.bed.queue("jobs-low"),
            function: "test".to_owned(),
            batch_size: 10,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(30),
        };
        match mapping.step(&self.sound, handler).await.unwrap() {
            Delivery::Idle => (0, 0),
            Delivery::Settled { deleted, failed } => (deleted.len(), failed.len()),
            failed @ Delivery::Failed { .. } => panic!("{failed:?}"),
        }
    }
}

#[tokio::test]
async fn each_record_fails_alone() {
    let post = Post::new().await;
    for body in ["\"succeed\"", "\"panic\"", "no json", "\"unknown\"", "\"fail\"", "\"succeed\""] {
        post.put(body).await;
    }
    assert_eq!(post.step(&post.source()).await, (2, 4));
    // What is no message comes again soon, the others when their visibility ends.
    post.pass(1);
    assert_eq!(post.depth("jobs-low"), (2, 2, 0));
    post.pass(358);
    assert_eq!(post.depth("jobs-low"), (2, 2, 0));
    post.pass(1);
    assert_eq!(post.depth("jobs-low"), (4, 0, 0));
}

#[tokio::test]
async fn again_is_when_it_was_asked_for_and_never_before() {
    let post = Post::new().await;
    for seconds in [1, 90, 50_000] {
        post.put(&format!("{{\"again\":{seconds}}}")).await;
    }
    post.bed.faults.clear();
    assert_eq!(post.step(&post.source()).await, (0, 3));
    assert_eq!(post.bed.faults.calls().len(), 1);
    post.pass(1);
    assert_eq!(post.depth("jobs-low"), (1, 2, 0));
    post.pass(88);
    assert_eq!(post.depth("jobs-low"), (1, 2, 0));
    post.pass(1);
    assert_eq!(post.depth("jobs-low"), (2, 1, 0));
    // SQS hides nothing longer than 12 hours.
    post.pass(43_200 - 91);
    assert_eq!(post.depth("jobs-low"), (2, 1, 0));
    post.pass(1);
    assert_eq!(post.depth("jobs-low"), (3, 0, 0));
}

#[tokio::test]
async fn what_cannot_be_hidden_comes_again_when_its_visibility_ends() {
    let post = Post::new().await;
    let elsewhere = Source::new(post.blunt.clone(), [post.bed.queue("jobs-high")]);
    for (source, fault) in [(post.source(), Some(Fault::Unreached)), (elsewhere, None)] {
        post.put("{\"again\":5}").await;
        match fault {
            Some(fault) => post.bed.faults.plan(When::Always, fault, Some("ChangeMessageVisibilityBatch")),
            None => post.bed.faults.clear(),
        }
        assert_eq!(post.step(&source).await, (0, 1));
        post.pass(359);
        assert_eq!(post.depth("jobs-low"), (0, 1, 0));
        post.pass(1);
        assert_eq!(post.depth("jobs-low"), (1, 0, 0));
        post.sound.purge_queue().queue_url(post.bed.queue("jobs-low")).send().await.unwrap();
    }
}

#[tokio::test]
async fn a_handler_is_told_how_often_its_record_came() {
    let post = Post::new().await;
    post.put("{\"expect\":3}").await;
    for receive in 1..=3 {
        let wanted = if receive == 3 { (1, 0) } else { (0, 1) };
        assert_eq!(post.step(&post.source()).await, wanted);
        post.pass(360);
    }
    assert_eq!(post.depth("jobs-low"), (0, 0, 0));
}

#[tokio::test]
async fn what_comes_too_often_goes_to_the_dead_letters() {
    let post = Post::new().await;
    post.put("\"fail\"").await;
    for _ in 0..10 {
        assert_eq!(post.step(&post.source()).await, (0, 1));
        post.pass(360);
    }
    assert_eq!(post.step(&post.source()).await, (0, 0));
    assert_eq!((post.depth("jobs-low"), post.depth("jobs-dlq")), ((0, 0, 0), (1, 0, 0)));
}

#[tokio::test]
async fn who_parses_may_be_done_with_what_is_no_message() {
    let post = Post::new().await;
    let source = post.source();
    post.put("no json").await;
    post.put("\"succeed\"").await;
    let parse = |body: &str| serde_json::from_str::<Order>(body).map_err(|_| Handled::Done);
    let handler = |event: SqsEvent| {
        let source = &source;
        async move { Ok::<_, HandlerError>(drive_parsed(event, source, parse, obey).await) }
    };
    assert_eq!(post.mapping(&handler).await, (2, 0));
    assert_eq!(post.depth("jobs-low"), (0, 0, 0));
}

#[tokio::test]
async fn a_record_that_lacks_everything_fails_alone() {
    let post = Post::new().await;
    let mut event = SqsEvent::default();
    event.records = vec![Default::default()];
    let answer = drive(event, &post.source(), obey).await;
    assert_eq!(answer.batch_item_failures.len(), 1);
}

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use engine::mapping::{Delivery, Failure, HandlerError, Mapping};
use tokio::sync::{Semaphore, oneshot};

use crate::bed::{Bed, START};

fn mapping(url: &str, maximum_concurrency: usize) -> Mapping {
    let timeout = Duration::from_secs(5);
    Mapping {
        queue_url: url.to_owned(),
        function: "f".to_owned(),
        batch_size: 10,
        maximum_concurrency,
        timeout,
    }
}

fn failing(ids: &[&str]) -> SqsBatchResponse {
    let mut response = SqsBatchResponse::default();
    ids.iter().for_each(|id| response.add_failure(*id));
    response
}

fn body(record: &SqsMessage) -> &str {
    record.body.as_deref().unwrap()
}

#[tokio::test]
async fn a_record_is_what_lambda_gives() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let send = bed.sqs.send_message().queue_url(&url).message_body("a").message_group_id("g");
    let id = send.send().await.unwrap().message_id.unwrap();
    let delivery = mapping(&url, 1)
        .step(&bed.sqs, &|event: SqsEvent| async move {
            let record = &event.records[0];
            assert!(record.receipt_handle.is_some());
            assert_eq!(record.md5_of_body.as_deref(), Some("0cc175b9c0f1b6a831c399e269772661"));
            assert_eq!(record.event_source.as_deref(), Some("aws:sqs"));
            assert_eq!(record.event_source_arn.as_deref(), Some("arn:aws:sqs:us-east-1:123456789012:q"));
            assert_eq!(record.aws_region.as_deref(), Some("us-east-1"));
            assert_eq!(record.attributes["ApproximateReceiveCount"], "1");
            assert_eq!(record.attributes["SentTimestamp"], START.to_string());
            assert_eq!(record.attributes["MessageGroupId"], "g");
            Ok(SqsBatchResponse::default())
        })
        .await;
    assert_eq!(delivery.unwrap(), Delivery::Settled { deleted: vec![id], failed: vec![] });
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn what_is_reported_as_failed_stays_and_the_rest_goes() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let good = bed.send(&url, "good").await;
    let bad = bed.send(&url, "bad").await;
    let handler = |event: SqsEvent| async move {
        let failed = event.records.iter().filter(|record| body(record) == "bad");
        Ok(failing(&failed.map(|record| record.message_id.as_deref().unwrap()).collect::<Vec<_>>()))
    };
    let delivery = mapping(&url, 1).step(&bed.sqs, &handler).await.unwrap();
    assert_eq!(delivery, Delivery::Settled { deleted: vec![good], failed: vec![bad] });
    assert_eq!(bed.depth(&url).await, (0, 1, 0));
    assert_eq!(mapping(&url, 1).step(&bed.sqs, &handler).await.unwrap(), Delivery::Idle);
    bed.pass(30_000);
    assert_eq!(bed.depth(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn a_batch_that_fails_as_a_whole_comes_again_as_a_whole() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let mut ids = vec![bed.send(&url, "a").await, bed.send(&url, "b").await];
    ids.sort();
    let reason = async |handler: fn(SqsEvent) -> Result<SqsBatchResponse, HandlerError>| {
        let mut mapping = mapping(&url, 1);
        mapping.timeout = Duration::from_millis(20);
        let function = |event: SqsEvent| async move {
            match handler(event) {
                Err(error) if error.to_string() == "hang" => std::future::pending().await,
                other => other,
            }
        };
        let step = mapping.step(&bed.sqs, &function);
        let Delivery::Failed { mut messages, reason } = step.await.unwrap() else {
            panic!("it did not fail")
        };
        messages.sort();
        assert_eq!((messages, bed.depth(&url).await), (ids.clone(), (0, 2, 0)));
        bed.pass(30_000);
        reason
    };
    assert_eq!(reason(|_| Err("broken".into())).await, Failure::Error("broken".to_owned()));
    assert_eq!(reason(|_| panic!("on purpose")).await, Failure::Panic);
    assert_eq!(reason(|_| Err("hang".into())).await, Failure::Timeout);
    assert_eq!(reason(|_| Ok(failing(&["unknown"]))).await, Failure::UnknownItem("unknown".to_owned()));
    assert_eq!(reason(|_| Ok(failing(&[""]))).await, Failure::UnknownItem(String::new()));
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_an_error() {
    let bed = Bed::new();
    let url = bed.engine.queue_url("none");
    let step = mapping(&url, 1).step(&bed.sqs, &|_| async { Ok(SqsBatchResponse::default()) }).await;
    assert!(step.is_err());
}

/// A function that stays inside until it is let out, and counts.
#[derive(Clone)]
struct Gate {
    inside: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        let zero = || Arc::new(AtomicUsize::new(0));
        Self { inside: zero(), most: zero(), done: zero(), open: Arc::new(Semaphore::new(0)) }
    }

    async fn pass(self, event: SqsEvent) -> Result<SqsBatchResponse, HandlerError> {
        let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(inside, Ordering::SeqCst);
        self.open.acquire().await?.forget();
        self.inside.fetch_sub(1, Ordering::SeqCst);
        self.done.fetch_add(event.records.len(), Ordering::SeqCst);
        Ok(SqsBatchResponse::default())
    }
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..2000 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it did not come to that");
}

#[tokio::test]
async fn it_runs_as_many_as_it_may_and_finishes_them_before_it_stops() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let gate = Gate::new();
    let (stop, stopped) = oneshot::channel::<()>();
    let mut one_each = mapping(&url, 3);
    one_each.batch_size = 1;
    let (engine, sqs, handler) = (bed.engine.clone(), bed.sqs.clone(), gate.clone());
    let running = tokio::spawn(async move {
        let handler = move |event| handler.clone().pass(event);
        one_each.run(&engine, sqs, handler, async { drop(stopped.await) }).await;
    });

    // Idle at first; then sent messages wake it.
    tokio::task::yield_now().await;
    for index in 0..5 {
        bed.send(&url, &index.to_string()).await;
    }
    until(|| gate.inside.load(Ordering::SeqCst) == 3).await;
    assert_eq!(bed.depth(&url).await, (2, 3, 0));
    gate.open.add_permits(1);
    until(|| gate.done.load(Ordering::SeqCst) == 1 && gate.inside.load(Ordering::SeqCst) == 3).await;

    stop.send(()).unwrap();
    until(|| gate.inside.load(Ordering::SeqCst) == 3).await;
    assert!(!running.is_finished());
    gate.open.add_permits(10);
    running.await.unwrap();
    // What ran has finished and is deleted; the last was never begun.
    assert_eq!((gate.done.load(Ordering::SeqCst), gate.most.load(Ordering::SeqCst)), (4, 3));
    assert_eq!(bed.depth(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn it_waits_for_a_delay_and_for_a_queue_to_be_made() {
    let bed = Bed::new();
    let url = bed.engine.queue_url("later");
    let gate = Gate::new();
    gate.open.add_permits(10);
    let (engine, sqs, handler, source) =
        (bed.engine.clone(), bed.sqs.clone(), gate.clone(), mapping(&url, 1));
    let running = tokio::spawn(async move {
        let handler = move |event| handler.clone().pass(event);
        source.run(&engine, sqs, handler, std::future::pending()).await;
    });
    tokio::task::yield_now().await;
    bed.queue("later", &[]).await;
    bed.sqs.send_message().queue_url(&url).message_body("a").delay_seconds(900).send().await.unwrap();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(gate.done.load(Ordering::SeqCst), 0);
    bed.pass(900_000);
    until(|| gate.done.load(Ordering::SeqCst) == 1).await;
    running.abort();
}

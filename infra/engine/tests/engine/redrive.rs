use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::MessageSystemAttributeName::{
    ApproximateReceiveCount, DeadLetterQueueSourceArn, SentTimestamp,
};

use crate::bed::{Bed, START, attribute, bodies};

#[tokio::test]
async fn a_message_received_too_often_is_buried_as_it_was() {
    let bed = Bed::new();
    let (url, dead) = bed.queue_with_dlq("q", 2).await;
    let id = bed.send(&url, "poison").await;
    for count in ["1", "2"] {
        let message = bed.receive(&url).await.remove(0);
        assert_eq!(attribute(&message, ApproximateReceiveCount), Some(count));
        bed.pass(30_000);
    }
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((1, 0, 0), (0, 0, 0)));
    bed.send(&url, "healthy").await;
    assert_eq!(bodies(&bed.receive(&url).await), ["healthy"]);
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((0, 1, 0), (1, 0, 0)));

    let buried = bed.receive(&dead).await.remove(0);
    assert_eq!(buried.message_id(), Some(id.as_str()));
    assert_eq!(attribute(&buried, SentTimestamp), Some(START.to_string().as_str()));
    assert_eq!(attribute(&buried, ApproximateReceiveCount), Some("3"));
    assert_eq!(attribute(&buried, DeadLetterQueueSourceArn), Some(bed.engine.queue_arn("q").as_str()));
    let sources = bed.sqs.list_dead_letter_source_queues().queue_url(&dead).send().await.unwrap();
    assert_eq!(sources.queue_urls(), [url]);
}

#[tokio::test]
async fn a_policy_that_points_nowhere_buries_nothing() {
    let bed = Bed::new();
    let (url, dead) = bed.queue_with_dlq("q", 1).await;
    bed.sqs.delete_queue().queue_url(&dead).send().await.unwrap();
    bed.send(&url, "a").await;
    for _ in 0..3 {
        assert_eq!(bed.receive(&url).await.len(), 1);
        bed.pass(30_000);
    }
}

/// Buries so many messages.
async fn bury(bed: &Bed, url: &str, count: usize) {
    for index in 0..count {
        bed.send(url, &index.to_string()).await;
    }
    while !bed.receive(url).await.is_empty() {}
    bed.pass(30_000);
    while !bed.receive(url).await.is_empty() {}
}

#[tokio::test]
async fn a_move_task_brings_them_back_as_new_ones() {
    let bed = Bed::new();
    let (url, dead) = bed.queue_with_dlq("q", 1).await;
    bury(&bed, &url, 25).await;
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((0, 0, 0), (25, 0, 0)));

    let arn = bed.engine.queue_arn("q-dlq");
    bed.sqs.start_message_move_task().source_arn(&arn).send().await.unwrap();
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((25, 0, 0), (0, 0, 0)));
    let message = bed.receive(&url).await.remove(0);
    assert_eq!(attribute(&message, ApproximateReceiveCount), Some("1"));
    assert_eq!(attribute(&message, SentTimestamp), Some((START + 30_000).to_string().as_str()));

    let tasks = bed.sqs.list_message_move_tasks().source_arn(&arn).send().await.unwrap();
    let task = &tasks.results()[0];
    assert_eq!((task.status(), task.approximate_number_of_messages_moved()), (Some("COMPLETED"), 25));
    assert_eq!(task.task_handle(), None);
}

#[tokio::test]
async fn a_move_task_moves_elsewhere_when_told_and_needs_to_know_where() {
    let bed = Bed::new();
    let (_, dead) = bed.queue_with_dlq("q", 1).await;
    let other = bed.queue("other", &[]).await;
    let (source, destination) = (bed.engine.queue_arn("q-dlq"), bed.engine.queue_arn("other"));
    // Sent there by hand: nobody knows where it came from.
    bed.send(&dead, "a").await;
    bed.sqs.start_message_move_task().source_arn(&source).send().await.unwrap();
    let tasks = bed.sqs.list_message_move_tasks().source_arn(&source).send().await.unwrap();
    assert_eq!(tasks.results()[0].failure_reason(), Some("CouldNotDetermineMessageSource"));
    assert_eq!(bed.depth(&dead).await, (1, 0, 0));

    let start = bed.sqs.start_message_move_task().source_arn(&source).destination_arn(&destination);
    start.send().await.unwrap();
    assert_eq!((bed.depth(&dead).await, bed.depth(&other).await), ((0, 0, 0), (1, 0, 0)));

    let not_dead = bed.sqs.start_message_move_task().source_arn(&destination).send().await.unwrap_err();
    assert_eq!(not_dead.code(), Some("InvalidParameterValue"));
    let missing = bed.sqs.start_message_move_task().source_arn(bed.engine.queue_arn("none")).send().await;
    assert!(missing.unwrap_err().into_service_error().is_resource_not_found_exception());
}

#[tokio::test]
async fn a_rated_move_task_can_be_cancelled_half_way() {
    let bed = Bed::new();
    let (url, dead) = bed.queue_with_dlq("q", 1).await;
    bury(&bed, &url, 5).await;
    let arn = bed.engine.queue_arn("q-dlq");
    let start = bed.sqs.start_message_move_task().source_arn(&arn).max_number_of_messages_per_second(2);
    let handle = start.send().await.unwrap().task_handle.unwrap();
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((2, 0, 0), (3, 0, 0)));
    assert!(bed.sqs.start_message_move_task().source_arn(&arn).send().await.is_err());

    let cancelled = bed.sqs.cancel_message_move_task().task_handle(&handle).send().await.unwrap();
    assert_eq!(cancelled.approximate_number_of_messages_moved(), 2);
    let tasks = bed.sqs.list_message_move_tasks().source_arn(&arn).send().await.unwrap();
    assert_eq!(tasks.results()[0].status(), Some("CANCELLED"));
    assert!(bed.sqs.cancel_message_move_task().task_handle(handle).send().await.is_err());
}

#[tokio::test]
async fn a_large_move_goes_on_by_itself() {
    let bed = Bed::new();
    let (url, dead) = bed.queue_with_dlq("q", 1).await;
    bury(&bed, &url, 1200).await;
    bed.sqs.start_message_move_task().source_arn(bed.engine.queue_arn("q-dlq")).send().await.unwrap();
    for _ in 0..1000 {
        if bed.depth(&dead).await == (0, 0, 0) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    assert_eq!((bed.depth(&url).await, bed.depth(&dead).await), ((1200, 0, 0), (0, 0, 0)));
}

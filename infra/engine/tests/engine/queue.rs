use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityError;
use aws_sdk_sqs::operation::get_queue_url::GetQueueUrlError;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, MessageAttributeValue,
    MessageSystemAttributeName, QueueAttributeName, SendMessageBatchRequestEntry,
};

use crate::bed::{Bed, START, attribute, bodies};

#[tokio::test]
async fn a_message_is_hidden_while_in_flight_and_back_when_its_time_is_up() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let id = bed.send(&url, "a").await;
    assert_eq!(bed.depth(&url).await, (1, 0, 0));

    let first = bed.receive(&url).await.remove(0);
    assert_eq!(first.message_id(), Some(id.as_str()));
    assert_eq!(first.md5_of_body(), Some("0cc175b9c0f1b6a831c399e269772661"));
    assert_eq!(bed.depth(&url).await, (0, 1, 0));
    bed.pass(29_999);
    assert!(bed.receive(&url).await.is_empty());
    bed.pass(1);
    assert_eq!(bed.depth(&url).await, (1, 0, 0));

    let second = bed.receive(&url).await.remove(0);
    assert_eq!(attribute(&second, MessageSystemAttributeName::ApproximateReceiveCount), Some("2"));
    assert_eq!(
        attribute(&second, MessageSystemAttributeName::SentTimestamp),
        Some(START.to_string().as_str())
    );
    let first_received = attribute(&second, MessageSystemAttributeName::ApproximateFirstReceiveTimestamp);
    assert_eq!(first_received, Some(START.to_string().as_str()));

    // The handle of the earlier receive is taken and does nothing; the newest deletes; twice is no error.
    bed.delete(&url, &first).await;
    assert_eq!(bed.depth(&url).await, (0, 1, 0));
    bed.delete(&url, &second).await;
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
    bed.delete(&url, &second).await;
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn the_newest_handle_deletes_even_after_its_timeout() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    bed.send(&url, "a").await;
    let message = bed.receive(&url).await.remove(0);
    bed.pass(60_000);
    bed.delete(&url, &message).await;
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn a_delay_is_the_messages_own_or_the_queues() {
    let bed = Bed::new();
    let url = bed.queue("q", &[(QueueAttributeName::DelaySeconds, "5")]).await;
    bed.send(&url, "queue's").await;
    for (body, delay) in [("own", 2), ("none", 0)] {
        let send = bed.sqs.send_message().queue_url(&url).message_body(body).delay_seconds(delay);
        send.send().await.unwrap();
    }
    assert_eq!(bed.depth(&url).await, (1, 0, 2));
    assert_eq!(bodies(&bed.receive(&url).await), ["none"]);
    bed.pass(2000);
    assert_eq!(bodies(&bed.receive(&url).await), ["own"]);
    bed.pass(2999);
    assert!(bed.receive(&url).await.is_empty());
    bed.pass(1);
    assert_eq!(bed.depth(&url).await, (1, 2, 0));
    assert_eq!(bodies(&bed.receive(&url).await), ["queue's"]);
}

#[tokio::test]
async fn visibility_can_be_longer_shorter_or_over() {
    let bed = Bed::new();
    let url = bed.queue("q", &[(QueueAttributeName::VisibilityTimeout, "10")]).await;
    bed.send(&url, "a").await;
    let message = bed.receive(&url).await.remove(0);
    let change = |seconds: i32| {
        let change = bed.sqs.change_message_visibility().queue_url(&url).visibility_timeout(seconds);
        change.receipt_handle(message.receipt_handle.clone().unwrap()).send()
    };
    change(100).await.unwrap();
    bed.pass(99_999);
    assert_eq!(bed.depth(&url).await, (0, 1, 0));
    change(0).await.unwrap();
    assert_eq!(bed.depth(&url).await, (1, 0, 0));

    // It is no longer in flight, and once received again it is another's.
    let error = change(5).await.unwrap_err().into_service_error();
    assert!(matches!(error, ChangeMessageVisibilityError::MessageNotInflight(_)), "{error:?}");
    let again = bed.receive(&url).await.remove(0);
    assert_eq!(change(5).await.unwrap_err().code(), Some("InvalidParameterValue"));
    assert_eq!(change(43_201).await.unwrap_err().code(), Some("InvalidParameterValue"));
    bed.delete(&url, &again).await;
    assert_eq!(change(5).await.unwrap_err().code(), Some("InvalidParameterValue"));
}

#[tokio::test]
async fn a_receive_may_hide_for_no_time_at_all() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    bed.send(&url, "a").await;
    let receive = bed.sqs.receive_message().queue_url(&url).visibility_timeout(0).max_number_of_messages(10);
    assert_eq!(receive.send().await.unwrap().messages.unwrap().len(), 1);
    assert_eq!(bed.depth(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn a_batch_answers_for_each_entry() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let entry = |id: &str, body: &str| {
        SendMessageBatchRequestEntry::builder().id(id).message_body(body).build().unwrap()
    };
    let batch = bed.sqs.send_message_batch().queue_url(&url);
    let batch = batch.entries(entry("1", "a")).entries(entry("2", "")).entries(entry("3", "bad \u{1}"));
    let sent = batch.entries(entry("4", "b")).send().await.unwrap();
    let ids: Vec<_> = sent.successful().iter().map(|entry| entry.id()).collect();
    assert_eq!(ids, ["1", "4"]);
    let failed: Vec<_> = sent.failed().iter().map(|entry| (entry.id(), entry.code())).collect();
    assert_eq!(failed, [("2", "MissingParameter"), ("3", "InvalidMessageContents")]);
    assert_eq!(bed.depth(&url).await, (2, 0, 0));

    let received = bed.receive(&url).await;
    let mut delete = bed.sqs.delete_message_batch().queue_url(&url);
    for (id, handle) in [("1", received[0].receipt_handle.clone().unwrap()), ("2", "forged".to_owned())] {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id).receipt_handle(handle).build().unwrap();
        delete = delete.entries(entry);
    }
    let deleted = delete.send().await.unwrap();
    assert_eq!(deleted.successful().len(), 1);
    assert_eq!(deleted.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert_eq!(bed.depth(&url).await, (0, 1, 0));

    let mut change = bed.sqs.change_message_visibility_batch().queue_url(&url);
    for (id, message) in [("gone", &received[0]), ("here", &received[1])] {
        let handle = message.receipt_handle.clone().unwrap();
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id).receipt_handle(handle);
        change = change.entries(entry.visibility_timeout(0).build().unwrap());
    }
    let changed = change.send().await.unwrap();
    assert_eq!((changed.successful()[0].id(), changed.failed()[0].id()), ("here", "gone"));
    assert_eq!(bed.depth(&url).await, (1, 0, 0));
}

#[tokio::test]
async fn a_bad_batch_is_refused_whole() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let entry = |id: &str| SendMessageBatchRequestEntry::builder().id(id).message_body("a").build().unwrap();
    let code = async |ids: Vec<String>| {
        let entries = ids.iter().map(|id| entry(id)).collect();
        let batch = bed.sqs.send_message_batch().queue_url(&url).set_entries(Some(entries));
        batch.send().await.unwrap_err().code().unwrap().to_owned()
    };
    let prefix = |name: &str| format!("AWS.SimpleQueueService.{name}");
    assert_eq!(code(vec![]).await, prefix("EmptyBatchRequest"));
    assert_eq!(code(vec!["a".into(), "a".into()]).await, prefix("BatchEntryIdsNotDistinct"));
    assert_eq!(
        code((0..11).map(|id| id.to_string()).collect()).await,
        prefix("TooManyEntriesInBatchRequest")
    );
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn a_message_may_be_a_mebibyte_and_no_more() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let send = |bytes: usize| bed.sqs.send_message().queue_url(&url).message_body("x".repeat(bytes)).send();
    send(1024 * 1024).await.unwrap();
    assert_eq!(send(1024 * 1024 + 1).await.unwrap_err().code(), Some("InvalidParameterValue"));
    assert_eq!(bed.receive(&url).await[0].body().unwrap().len(), 1024 * 1024);
}

#[tokio::test]
async fn attributes_and_the_group_come_out_as_they_went_in() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let text = MessageAttributeValue::builder().data_type("String").string_value("v").build().unwrap();
    let bytes = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 255]))
        .build()
        .unwrap();
    let send = bed.sqs.send_message().queue_url(&url).message_body("a").message_group_id("tenant");
    let sent = send.message_attributes("text", text.clone()).message_attributes("bytes", bytes.clone());
    let sent = sent.send().await.unwrap();
    let message = bed.receive(&url).await.remove(0);
    assert_eq!(attribute(&message, MessageSystemAttributeName::MessageGroupId), Some("tenant"));
    assert_eq!(message.message_attributes().unwrap()["text"], text);
    assert_eq!(message.message_attributes().unwrap()["bytes"], bytes);
    assert_eq!(message.md5_of_message_attributes, sent.md5_of_message_attributes);

    // Who asks for nothing gets nothing.
    bed.pass(30_000);
    let plain = bed.sqs.receive_message().queue_url(&url).send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!((plain.attributes, plain.message_attributes), (None, None));
}

#[tokio::test]
async fn what_is_older_than_the_retention_is_gone() {
    let bed = Bed::new();
    let url = bed.queue("q", &[(QueueAttributeName::MessageRetentionPeriod, "60")]).await;
    bed.send(&url, "never seen").await;
    bed.send(&url, "seen").await;
    bed.pass(59_000);
    assert_eq!(bed.receive(&url).await.len(), 2);
    bed.pass(999);
    assert_eq!(bed.depth(&url).await, (0, 2, 0));
    bed.pass(40_000);
    assert!(bed.receive(&url).await.is_empty());
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
}

#[tokio::test]
async fn queues_are_made_changed_listed_emptied_and_deleted() {
    let bed = Bed::new();
    let url = bed.queue("one", &[(QueueAttributeName::DelaySeconds, "1")]).await;
    bed.queue("two", &[]).await;
    assert_eq!(bed.queue("one", &[]).await, url);
    let other = bed.sqs.create_queue().queue_name("one").attributes(QueueAttributeName::DelaySeconds, "2");
    assert!(other.send().await.unwrap_err().into_service_error().is_queue_name_exists());
    let fifo = bed.sqs.create_queue().queue_name("one.fifo").send().await.unwrap_err();
    assert_eq!(fifo.code(), Some("AWS.SimpleQueueService.UnsupportedOperation"));
    assert_eq!(
        bed.sqs.list_queues().queue_name_prefix("o").send().await.unwrap().queue_urls(),
        std::slice::from_ref(&url)
    );

    let set =
        bed.sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::DelaySeconds, "0");
    set.send().await.unwrap();
    let bad =
        bed.sqs.set_queue_attributes().queue_url(&url).attributes(QueueAttributeName::DelaySeconds, "x");
    assert_eq!(bad.send().await.unwrap_err().code(), Some("InvalidAttributeValue"));
    bed.sqs.tag_queue().queue_url(&url).tags("a", "1").tags("b", "2").send().await.unwrap();
    bed.sqs.untag_queue().queue_url(&url).tag_keys("a").send().await.unwrap();
    let tags = bed.sqs.list_queue_tags().queue_url(&url).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [("b".to_owned(), "2".to_owned())].into());

    bed.send(&url, "a").await;
    assert_eq!(bed.depth(&url).await, (1, 0, 0));
    bed.sqs.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(bed.depth(&url).await, (0, 0, 0));
    bed.sqs.delete_queue().queue_url(&url).send().await.unwrap();
    let gone = bed.sqs.get_queue_url().queue_name("one").send().await.unwrap_err().into_service_error();
    assert!(matches!(gone, GetQueueUrlError::QueueDoesNotExist(_)));
    assert!(bed.sqs.send_message().queue_url(&url).message_body("a").send().await.is_err());
}

#[tokio::test]
async fn a_long_poll_ends_when_a_message_is_sent() {
    let bed = Bed::new();
    let url = bed.queue("q", &[]).await;
    let poll = bed.sqs.receive_message().queue_url(&url).wait_time_seconds(20).send();
    let (received, _) = tokio::join!(poll, async {
        tokio::task::yield_now().await;
        bed.send(&url, "late").await
    });
    assert_eq!(received.unwrap().messages.unwrap().len(), 1);
}

#[tokio::test]
async fn a_waiter_wakes_when_the_clock_passes_the_delay() {
    let bed = Bed::new();
    let wake = bed.engine.queue_wake("q");
    let waiting = tokio::spawn(async move { wake.due().await });
    let url = bed.queue("q", &[]).await;
    bed.sqs.send_message().queue_url(&url).message_body("a").delay_seconds(900).send().await.unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    bed.pass(900_000);
    waiting.await.unwrap();
}

//! Whatever lies in a queue: a record that is no message fails alone, and a message comes out as it went in.

use std::sync::{Arc, Mutex};

use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use domain::message::{Deliver, JobMessage, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestRunner;
use queue::{Handled, WebhookQueues, drive};
use serde_json::json;
use tokio::runtime::Runtime;

use crate::post::Post;

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases, ..ProptestConfig::default() }
}

/// A body that is a message of a job queue.
fn message() -> impl Strategy<Value = String> {
    let kind = select(vec!["run", "fire", "notice", "purge", "purgeUser", "endpointNotice"]);
    let told = select(vec!["warning", "failing", "gone"]);
    (kind, any::<u128>(), any::<u64>(), any::<i64>(), any::<u32>(), told).prop_map(
        |(kind, id, version, at, count, told)| {
            let id = |prefix| format!("{prefix}_{id:032x}");
            json!({
                "kind": kind, "jobId": id("job"), "runId": id("run"), "userId": id("usr"), "endpointId": id("end"),
                "version": version, "scheduleRev": version, "dueAt": at, "at": at, "told": told, "round": count, "rescued": count
            })
            .to_string()
        },
    )
}

/// A body that is none; without one the record has no body at all.
fn poison() -> impl Strategy<Value = Option<String>> {
    let broken = (message(), any::<proptest::sample::Index>())
        .prop_map(|(text, place)| text[..place.index(text.len())].to_owned());
    let other = select(vec![
        "",
        "null",
        "[]",
        "{}",
        "7",
        "\"run\"",
        "{\"kind\":\"run\"}",
        "{\"kind\":7}",
        "[[[[[[[[",
    ])
    .prop_map(str::to_owned);
    let deep = (1usize..100_000).prop_map(|depth| "[".repeat(depth));
    let wrong = message().prop_map(|text| text.replace("job_", "usr_").replace("usr_", "run_"));
    prop::option::weighted(0.9, prop_oneof![broken, other, deep, wrong, any::<String>(), "\\{.{0,60}\\}"])
}

#[test]
fn a_poisoned_record_fails_alone() {
    let runtime = Runtime::new().unwrap();
    let source = runtime.block_on(async {
        let post = Post::new().await;
        queue::Source::new(post.sound.clone(), post.bed.job_queues())
    });
    let batch = vec(prop_oneof![message().prop_map(Ok), poison().prop_map(Err)], 0..10);
    TestRunner::new(config(256))
        .run(&batch, |batch| {
            let mut event = SqsEvent::default();
            for (place, body) in batch.iter().enumerate() {
                let mut record = SqsMessage::default();
                record.message_id = Some(place.to_string());
                record.body = body.clone().map_or_else(|poison| poison, Some);
                event.records.push(record);
            }
            let handled = Arc::new(Mutex::new(0));
            let count = Arc::clone(&handled);
            let answer = runtime.block_on(drive(event, &source, move |_: JobMessage, receives| {
                *count.lock().unwrap() += receives;
                async { Handled::Done }
            }));
            let failed: Vec<_> =
                answer.batch_item_failures.into_iter().map(|one| one.item_identifier).collect();
            let poisoned = batch.iter().enumerate().filter(|(_, body)| body.is_err());
            let poisoned: Vec<_> = poisoned.map(|(place, _)| place.to_string()).collect();
            prop_assert_eq!(&failed, &poisoned);
            prop_assert_eq!(usize::try_from(*handled.lock().unwrap()).unwrap(), batch.len() - poisoned.len());
            Ok(())
        })
        .unwrap();
}

/// A body of any text, and more often of what SQS takes in no message as it is.
fn body() -> impl Strategy<Value = String> {
    let odd = select(vec![
        '\0',
        '\u{8}',
        '\u{1f}',
        '\u{7f}',
        '\u{85}',
        '\u{fdd0}',
        '\u{fffd}',
        '\u{fffe}',
        '\u{ffff}',
        '\u{10ffff}',
        '"',
        '\\',
    ]);
    let character = prop_oneof![1 => odd, 1 => any::<char>()];
    vec(character, 0..40).prop_map(String::from_iter)
}

#[test]
fn a_body_comes_out_of_the_queue_byte_by_byte() {
    let runtime = Runtime::new().unwrap();
    let post = runtime.block_on(Post::new());
    let queues = WebhookQueues::new(post.sound.clone(), post.bed.queue("webhooks"));
    TestRunner::new(config(48))
        .run(&vec(body(), 1..4), |bodies| {
            let sent: Vec<_> = bodies.into_iter().map(|body| post.delivery(Target::Job, body)).collect();
            let taken = runtime.block_on(async {
                queues.send(&sent, std::time::Duration::ZERO).await.unwrap();
                post.take("webhooks").await
            });
            let mut taken: Vec<Deliver> =
                taken.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect();
            let mut sent = sent;
            for all in [&mut taken, &mut sent] {
                all.sort_by_key(|deliver| deliver.webhook_id);
            }
            prop_assert_eq!(taken, sent);
            Ok(())
        })
        .unwrap();
}

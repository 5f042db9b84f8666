//! Driving a batch: each record by itself, and only those that failed come again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::ChangeMessageVisibilityBatchRequestEntry;
use serde::de::DeserializeOwned;
use tracing::Instrument;

/// SQS hides no message longer (12 hours).
const LONGEST_HIDING: Duration = Duration::from_secs(43_200);
/// What is no message of ours is looked at again soon, so that it reaches the dead-letter queue soon.
const MALFORMED_AGAIN: Duration = Duration::from_secs(1);

/// What became of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done with, and is deleted.
    Done,
    /// It comes again after a while.
    Again {
        /// How long it hides.
        after: Duration,
    },
    /// It could not be handled, and comes again when its visibility timeout ends.
    Failed,
}

/// Where the records of a function come from: needed to change how long one hides.
#[derive(Clone, Debug)]
pub struct Source {
    client: Client,
    urls: Vec<String>,
}

impl Source {
    /// The queues at these URLs.
    pub fn new(client: Client, urls: impl IntoIterator<Item = String>) -> Self {
        Self { client, urls: urls.into_iter().collect() }
    }

    /// The URL of the queue with that ARN: both end with the queue's name.
    fn url(&self, arn: &str) -> Option<&str> {
        let name = arn.rsplit(':').next()?;
        self.urls.iter().map(String::as_str).find(|url| url.rsplit('/').next() == Some(name))
    }

    /// Sets how long these records hide. A record whose hiding cannot be changed comes again when its
    /// visibility timeout ends: later, but not lost.
    async fn hide(&self, arn: &str, records: &[(&SqsMessage, Duration)]) {
        let Some(url) = self.url(arn) else {
            tracing::error!(arn, "a record came from a queue that is not configured");
            return;
        };
        let entries = records.iter().enumerate().filter_map(|(i, (record, after))| {
            let seconds = after.min(&LONGEST_HIDING).as_millis().div_ceil(1000);
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(i.to_string())
                .receipt_handle(record.receipt_handle.clone().unwrap_or_default())
                .visibility_timeout(i32::try_from(seconds).unwrap_or(i32::MAX))
                .build()
                .ok()
        });
        let sent = self
            .client
            .change_message_visibility_batch()
            .queue_url(url)
            .set_entries(Some(entries.collect()))
            .send()
            .await;
        match sent {
            Ok(answer) if answer.failed.is_empty() => {}
            Ok(answer) => tracing::warn!(count = answer.failed.len(), "could not hide some records"),
            Err(e) => tracing::warn!(error = %crate::QueueError::sdk(e), "could not hide records"),
        }
    }
}

/// Handles each record of a batch in a task of its own and answers which of them failed.
///
/// A record that is no message of this kind fails alone, and so does one whose handler panics: the others of
/// its batch are innocent.
pub async fn drive<M, H, F>(event: SqsEvent, source: &Source, handle: H) -> SqsBatchResponse
where
    M: DeserializeOwned + Send + 'static,
    H: Fn(M, u32) -> F + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    drive_parsed(event, source, |body| serde_json::from_str::<M>(body).map_err(malformed), handle).await
}

/// As [`drive`], for a function that must take what is no message of ours too.
pub async fn drive_parsed<M, P, H, F>(
    event: SqsEvent,
    source: &Source,
    parse: P,
    handle: H,
) -> SqsBatchResponse
where
    M: Send + 'static,
    P: Fn(&str) -> Result<M, Handled>,
    H: Fn(M, u32) -> F + Send + Sync + 'static,
    F: Future<Output = Handled> + Send + 'static,
{
    let handle = Arc::new(handle);
    let running: Vec<_> = event
        .records
        .into_iter()
        .map(|record| {
            let handle = Arc::clone(&handle);
            let receives = receives(&record);
            // At the highest level, or the lines of a log that tells of errors alone would have no ids.
            let span = tracing::error_span!(
                "record",
                messageId = record.message_id.as_deref().unwrap_or(""),
                receives,
                job = tracing::field::Empty,
            );
            let parsed = span.in_scope(|| parse(record.body.as_deref().unwrap_or_default()));
            let task = async move {
                match parsed {
                    Ok(message) => handle(message, receives).await,
                    Err(handled) => handled,
                }
            };
            (record, span.clone(), tokio::spawn(task.instrument(span)))
        })
        .collect();

    let mut failures = Vec::new();
    let mut hidings: HashMap<String, Vec<(SqsMessage, Duration)>> = HashMap::new();
    for (record, span, task) in running {
        let handled = task.await.unwrap_or_else(|panic| {
            span.in_scope(|| tracing::error!(error = %panic, "a record's handler panicked"));
            Handled::Failed
        });
        if handled == Handled::Done {
            continue;
        }
        let mut failure = BatchItemFailure::default();
        failure.item_identifier = record.message_id.clone().unwrap_or_default();
        failures.push(failure);
        if let Handled::Again { after } = handled {
            hidings
                .entry(record.event_source_arn.clone().unwrap_or_default())
                .or_default()
                .push((record, after));
        }
    }
    for (arn, records) in &hidings {
        let records: Vec<_> = records.iter().map(|(record, after)| (record, *after)).collect();
        for ten in records.chunks(10) {
            source.hide(arn, ten).await;
        }
    }
    meter::emf::flush(true);
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = failures;
    response
}

fn malformed(error: serde_json::Error) -> Handled {
    tracing::error!(%error, "not a message of this queue");
    Handled::Again { after: MALFORMED_AGAIN }
}

/// How often the record has been received, this time included.
fn receives(record: &SqsMessage) -> u32 {
    record.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(1)
}

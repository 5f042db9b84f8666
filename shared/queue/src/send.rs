//! Sending.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use domain::id::UserId;
use domain::job::Priority;
use domain::message::{Deliver, Endpoint, JobMessage};
use serde::Serialize;

use crate::QueueError;

/// SQS delays no message longer.
const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// SQS takes no larger request, counting all bodies of a batch.
const LARGEST_BATCH: usize = 1024 * 1024;

/// The three queues of runs.
#[derive(Clone, Debug)]
pub struct JobQueues {
    client: Client,
    high: String,
    medium: String,
    low: String,
}

impl JobQueues {
    /// The queues at these URLs.
    pub fn new(client: Client, high: String, medium: String, low: String) -> Self {
        Self { client, high, medium, low }
    }

    /// The URLs, the most urgent first.
    pub fn urls(&self) -> [&str; 3] {
        [&self.high, &self.medium, &self.low]
    }

    /// Sends a message to the queue of a priority. The owner is its message group: SQS then keeps one owner's
    /// backlog from delaying the others (fair queues).
    ///
    /// The delay is cut to SQS's longest; whoever receives a message too early hides it again.
    pub async fn send(
        &self,
        priority: Priority,
        owner: UserId,
        message: &JobMessage,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let url = match priority {
            Priority::High => &self.high,
            Priority::Medium => &self.medium,
            Priority::Low => &self.low,
        };
        self.client
            .send_message()
            .queue_url(url)
            .message_body(json(message)?)
            .message_group_id(owner.to_string())
            .delay_seconds(whole_seconds(delay))
            .send()
            .await
            .map(|_| ())
            .map_err(QueueError::sdk)
    }
}

/// The queue of deliveries, and the one for those that nobody took.
#[derive(Clone, Debug)]
pub struct WebhookQueues {
    client: Client,
    url: String,
    dead: Option<String>,
}

impl WebhookQueues {
    /// The queue at this URL.
    pub fn new(client: Client, url: String) -> Self {
        Self { client, url, dead: None }
    }

    /// With the dead-letter queue, for the function that gives deliveries up.
    #[must_use]
    pub fn with_dead(self, url: String) -> Self {
        Self { dead: Some(url), ..self }
    }

    /// The URL of the queue of deliveries.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends deliveries, none before the delay. It fails if one of them was not taken; sending all of them
    /// again does no harm, for their ids are the same.
    pub async fn send(&self, deliveries: &[Deliver], delay: Duration) -> Result<(), QueueError> {
        let mut entries = Vec::new();
        let mut bytes = 0;
        for (i, delivery) in deliveries.iter().enumerate() {
            let body = json(delivery)?;
            if entries.len() == 10 || (bytes + body.len() > LARGEST_BATCH && !entries.is_empty()) {
                self.send_batch(std::mem::take(&mut entries)).await?;
                bytes = 0;
            }
            bytes += body.len();
            let entry = SendMessageBatchRequestEntry::builder()
                .id(i.to_string())
                .message_body(body)
                .message_group_id(group(delivery))
                .delay_seconds(whole_seconds(delay));
            entries.push(entry.build().map_err(|e| QueueError::Broken(e.to_string()))?);
        }
        if entries.is_empty() { Ok(()) } else { self.send_batch(entries).await }
    }

    /// Gives a delivery to the dead-letter queue.
    pub async fn bury(&self, delivery: &Deliver) -> Result<(), QueueError> {
        let dead = self.dead.as_deref().unwrap_or_default();
        let sent = self
            .client
            .send_message()
            .queue_url(dead)
            .message_body(json(delivery)?)
            .message_group_id(group(delivery))
            .send();
        sent.await.map(|_| ()).map_err(QueueError::sdk)
    }

    async fn send_batch(&self, entries: Vec<SendMessageBatchRequestEntry>) -> Result<(), QueueError> {
        let sent = self
            .client
            .send_message_batch()
            .queue_url(&self.url)
            .set_entries(Some(entries))
            .send()
            .await
            .map_err(QueueError::sdk)?;
        match sent.failed.first() {
            None => Ok(()),
            Some(failed) if failed.sender_fault => Err(QueueError::Broken(failed.code.clone())),
            Some(failed) => Err(QueueError::Busy(failed.code.clone())),
        }
    }
}

/// One slow receiver shall not delay the others.
fn group(delivery: &Deliver) -> String {
    match delivery.endpoint_id {
        Endpoint::Job => delivery.user_id.to_string(),
        Endpoint::Deployment => Endpoint::Deployment.id().to_owned(),
    }
}

/// SQS refuses a body with U+FFFE or U+FFFF in it. In JSON they can only stand inside a string, where an
/// escape says the same: what is read from the message, and signed, is unchanged.
fn json(message: &impl Serialize) -> Result<String, QueueError> {
    let text = serde_json::to_string(message).map_err(|e| QueueError::Broken(e.to_string()))?;
    if text.contains(['\u{fffe}', '\u{ffff}']) {
        return Ok(text.replace('\u{fffe}', "\\ufffe").replace('\u{ffff}', "\\uffff"));
    }
    Ok(text)
}

/// Rounded down: who receives a message early waits the rest of the second out, who receives it late is late.
fn whole_seconds(delay: Duration) -> i32 {
    i32::try_from(delay.min(LONGEST_DELAY).as_secs()).unwrap_or(0)
}

//! Sending.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::{BatchResultErrorEntry, SendMessageBatchRequestEntry};
use domain::id::UserId;
use domain::job::Priority;
use domain::message::{Deliver, JobMessage, Target};
use serde::Serialize;

use crate::QueueError;

/// SQS delays no message longer.
const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// SQS takes no larger request, counting all bodies of a batch.
const LARGEST_BATCH: usize = 1024 * 1024;
/// SQS takes no more messages in one request.
const MOST_AT_ONCE: usize = 10;

/// Some of many messages were not sent, or are not known to be.
#[derive(Debug, thiserror::Error)]
#[error("{} messages were not sent", .which.len())]
pub struct NotSent {
    /// Their places among all that were to be sent, in ascending order.
    pub which: Vec<usize>,
    /// What the first failure was.
    pub source: QueueError,
}

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
        self.client
            .send_message()
            .queue_url(self.url(priority))
            .message_body(json(message)?)
            .message_group_id(owner.to_string())
            .delay_seconds(whole_seconds(delay))
            .send()
            .await
            .map(|_| ())
            .map_err(QueueError::sdk)
    }

    /// As [`send`](Self::send), for many messages: each queue gets its own in requests of up to ten. One that
    /// fails keeps none of the others from being sent.
    pub async fn send_many(
        &self,
        messages: Vec<(Priority, UserId, JobMessage, Duration)>,
    ) -> Result<(), NotSent> {
        let mut failed = Failed::default();
        for priority in Priority::ALL {
            let (mut batch, mut places) = (Batch::default(), Vec::new());
            for (place, (_, owner, message, delay)) in
                messages.iter().enumerate().filter(|(_, (of, ..))| *of == priority)
            {
                let body = match json(message) {
                    Ok(body) => body,
                    Err(error) => {
                        failed.add(place, error);
                        continue;
                    }
                };
                if !batch.has_room(&body) {
                    self.send_batch(priority, &mut batch, &mut places, &mut failed).await;
                }
                match batch.add(body, owner.to_string(), *delay) {
                    Ok(()) => places.push(place),
                    Err(error) => failed.add(place, error),
                }
            }
            self.send_batch(priority, &mut batch, &mut places, &mut failed).await;
        }
        failed.told()
    }

    /// Sends what is in the batch and empties it. Whatever the answer does not name as taken has failed; where
    /// the answer was lost, it may have been sent all the same.
    async fn send_batch(
        &self,
        priority: Priority,
        batch: &mut Batch,
        places: &mut Vec<usize>,
        failed: &mut Failed,
    ) {
        let (batch, places) = (std::mem::take(batch), std::mem::take(places));
        if places.is_empty() {
            return;
        }
        match batch.send(&self.client, self.url(priority)).await {
            Ok(answer) => {
                let taken = |n: usize| answer.successful.iter().any(|entry| entry.id == n.to_string());
                for (n, place) in places.into_iter().enumerate().filter(|(n, _)| !taken(*n)) {
                    let named = answer.failed.iter().find(|entry| entry.id == n.to_string());
                    failed.add(place, named.map_or_else(unnamed, refusal));
                }
            }
            Err(error) => failed.add_all(places, error),
        }
    }

    fn url(&self, priority: Priority) -> &str {
        match priority {
            Priority::High => &self.high,
            Priority::Medium => &self.medium,
            Priority::Low => &self.low,
        }
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
        let mut batch = Batch::default();
        for delivery in deliveries {
            let body = json(delivery)?;
            if !batch.has_room(&body) {
                self.send_batch(std::mem::take(&mut batch)).await?;
            }
            batch.add(body, group(delivery), delay)?;
        }
        if batch.entries.is_empty() { Ok(()) } else { self.send_batch(batch).await }
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

    async fn send_batch(&self, batch: Batch) -> Result<(), QueueError> {
        let sent = batch.send(&self.client, &self.url).await?;
        sent.failed.first().map_or(Ok(()), |failed| Err(refusal(failed)))
    }
}

/// A request in the making. Its entries are known by their places in it.
#[derive(Default)]
struct Batch {
    entries: Vec<SendMessageBatchRequestEntry>,
    bytes: usize,
}

impl Batch {
    fn has_room(&self, body: &str) -> bool {
        self.entries.is_empty()
            || self.entries.len() < MOST_AT_ONCE && self.bytes + body.len() <= LARGEST_BATCH
    }

    fn add(&mut self, body: String, group: String, delay: Duration) -> Result<(), QueueError> {
        let bytes = body.len();
        let entry = SendMessageBatchRequestEntry::builder()
            .id(self.entries.len().to_string())
            .message_body(body)
            .message_group_id(group)
            .delay_seconds(whole_seconds(delay));
        self.entries.push(entry.build().map_err(|e| QueueError::Broken(e.to_string()))?);
        self.bytes += bytes;
        Ok(())
    }

    async fn send(self, client: &Client, url: &str) -> Result<SendMessageBatchOutput, QueueError> {
        let request = client.send_message_batch().queue_url(url).set_entries(Some(self.entries));
        request.send().await.map_err(QueueError::sdk)
    }
}

/// Which messages were not sent, and why the first of them was not.
#[derive(Default)]
struct Failed {
    which: Vec<usize>,
    why: Option<QueueError>,
}

impl Failed {
    fn add(&mut self, place: usize, error: QueueError) {
        self.add_all([place], error);
    }

    fn add_all(&mut self, places: impl IntoIterator<Item = usize>, error: QueueError) {
        self.which.extend(places);
        self.why.get_or_insert(error);
    }

    fn told(mut self) -> Result<(), NotSent> {
        self.which.sort_unstable();
        self.why.map_or(Ok(()), |source| Err(NotSent { which: self.which, source }))
    }
}

fn refusal(failed: &BatchResultErrorEntry) -> QueueError {
    let code = failed.code.clone();
    if failed.sender_fault { QueueError::Broken(code) } else { QueueError::Busy(code) }
}

fn unnamed() -> QueueError {
    QueueError::Busy("the answer does not tell of a message".to_owned())
}

/// One slow receiver shall not delay the others.
fn group(delivery: &Deliver) -> String {
    match delivery.endpoint_id {
        Target::Job => delivery.user_id.to_string(),
        own => own.to_string(),
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

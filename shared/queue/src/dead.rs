//! The dead letters of the webhooks queue: how many there are, what some of them are, and the way back.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use domain::message::Deliver;
use domain::time::Moment;

use crate::QueueError;

/// SQS gives no more messages in one answer.
const MOST_AT_ONCE: i32 = 10;

/// What SQS answers to who starts a second task on one queue.
const RUNS_ALREADY: &str = "UnsupportedOperation";

/// The queue of deliveries that nobody took, and the one that they go back to.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    client: Client,
    dead: String,
    back: String,
}

/// What lies in the queue.
#[derive(Clone, Debug)]
pub struct Heap {
    /// How many messages, roughly: SQS counts them eventually.
    pub depth: u64,
    /// Some of them.
    pub sample: Vec<DeadLetter>,
    /// The last time that they were moved, if that was lately.
    pub redrive: Option<Redrive>,
}

/// A message that lies there.
#[derive(Clone, Debug)]
pub struct DeadLetter {
    /// When it was sent there.
    pub since: Option<Moment>,
    /// What it was to deliver; `None` if it is no message of ours.
    pub delivery: Option<Deliver>,
}

/// A move of all messages back to the queue that they came from.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`.
    pub status: String,
    /// How many have been moved, roughly.
    pub moved: u64,
    /// When it was started.
    pub started_at: Moment,
    /// Why it failed.
    pub failure: Option<String>,
}

/// What became of a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It goes on.
    Begun,
    /// Another goes on already.
    RunsAlready,
}

impl DeadLetters {
    /// Those of the queue at `dead`, which came from the one at `back`.
    pub fn new(client: Client, dead: String, back: String) -> Self {
        Self { client, dead, back }
    }

    /// How many there are, roughly.
    pub async fn depth(&self) -> Result<u64, QueueError> {
        let depth = self.attribute(&self.dead, QueueAttributeName::ApproximateNumberOfMessages).await?;
        Ok(depth.parse().unwrap_or_default())
    }

    /// How many there are and what some of them are, without hiding them from anybody.
    ///
    /// Cost: four requests.
    pub async fn look(&self, most: i32) -> Result<Heap, QueueError> {
        let (depth, redrive) = tokio::try_join!(self.depth(), self.last_redrive())?;
        // A short poll asks only some of SQS's servers, and a long one waits at an empty queue.
        let sample = self.sample(most, i32::from(depth > 0)).await?;
        Ok(Heap { depth, sample, redrive })
    }

    /// Begins to move all of them back, at most so many a second if that is given. It names the destination: for what
    /// a function has buried SQS knows no source.
    ///
    /// Cost: three requests, and what SQS moves. A lost answer: the task runs, and asking again says so.
    pub async fn redrive(&self, per_second: Option<u32>) -> Result<Begun, QueueError> {
        let arn = QueueAttributeName::QueueArn;
        let (from, to) =
            tokio::try_join!(self.attribute(&self.dead, arn.clone()), self.attribute(&self.back, arn))?;
        let sent = self
            .client
            .start_message_move_task()
            .source_arn(from)
            .destination_arn(to)
            .set_max_number_of_messages_per_second(per_second.and_then(|rate| i32::try_from(rate).ok()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Begun::Begun),
            Err(error) if error.code().is_some_and(|code| code.ends_with(RUNS_ALREADY)) => {
                Ok(Begun::RunsAlready)
            }
            Err(error) => Err(QueueError::sdk(error)),
        }
    }

    async fn attribute(&self, url: &str, name: QueueAttributeName) -> Result<String, QueueError> {
        let asked = self.client.get_queue_attributes().queue_url(url).attribute_names(name.clone()).send();
        let found = asked.await.map_err(QueueError::sdk)?.attributes.and_then(|mut all| all.remove(&name));
        found.ok_or_else(|| QueueError::Broken(format!("{name} is missing in the queue's attributes")))
    }

    async fn sample(&self, most: i32, wait_seconds: i32) -> Result<Vec<DeadLetter>, QueueError> {
        if most < 1 {
            return Ok(Vec::new());
        }
        let received = self
            .client
            .receive_message()
            .queue_url(&self.dead)
            .max_number_of_messages(most.min(MOST_AT_ONCE))
            .visibility_timeout(0)
            .wait_time_seconds(wait_seconds)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await
            .map_err(QueueError::sdk)?;
        Ok(received.messages.unwrap_or_default().into_iter().map(letter).collect())
    }

    async fn last_redrive(&self) -> Result<Option<Redrive>, QueueError> {
        let arn = self.attribute(&self.dead, QueueAttributeName::QueueArn).await?;
        let listed = self.client.list_message_move_tasks().source_arn(arn).max_results(1).send();
        let last = listed.await.map_err(QueueError::sdk)?.results.unwrap_or_default().into_iter().next();
        Ok(last.map(|task| Redrive {
            status: task.status.unwrap_or_default(),
            moved: u64::try_from(task.approximate_number_of_messages_moved).unwrap_or_default(),
            started_at: Moment::from_millis(task.started_timestamp),
            failure: task.failure_reason,
        }))
    }
}

fn letter(message: Message) -> DeadLetter {
    let sent = message.attributes.and_then(|mut all| all.remove(&MessageSystemAttributeName::SentTimestamp));
    DeadLetter {
        since: sent.and_then(|sent| sent.parse().ok()).map(Moment::from_millis),
        delivery: message.body.and_then(|body| serde_json::from_str(&body).ok()),
    }
}

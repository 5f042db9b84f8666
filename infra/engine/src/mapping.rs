//! A queue's messages into a function, as Lambda's event source mapping does it.
//!
//! With `ReportBatchItemFailures`: what the function does not name as failed is deleted. An error, a panic
//! or a timeout fails the whole batch, and so does an answer that names a message that was not in it.

mod event;

use std::collections::HashSet;
use std::error::Error;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use futures::FutureExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::Engine;

/// After a call that failed, the next receive waits so long.
const PAUSE: Duration = Duration::from_millis(100);

/// Whatever a function may fail with.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// One queue, one function.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The queue to receive from.
    pub queue_url: String,
    /// The function's name, for the log.
    pub function: String,
    /// How many messages one invocation gets at most, 1 to 10.
    pub batch_size: usize,
    /// How many invocations run at once.
    pub maximum_concurrency: usize,
    /// How long an invocation may take.
    pub timeout: Duration,
}

/// What became of one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There was no message.
    Idle,
    /// The function answered: these messages are deleted, those come again. Both by message id.
    Settled {
        /// Messages deleted.
        deleted: Vec<String>,
        /// Messages the function reported as failed.
        failed: Vec<String>,
    },
    /// The whole batch comes again.
    Failed {
        /// The batch's message ids.
        messages: Vec<String>,
        /// Why.
        reason: Failure,
    },
}

/// Why a whole batch failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The function returned an error.
    #[error("the function failed: {0}")]
    Error(String),
    /// The function panicked.
    #[error("the function panicked")]
    Panic,
    /// The function took too long.
    #[error("the function took longer than its timeout")]
    Timeout,
    /// The function named a message that was not in the batch, or none.
    #[error("the function reported the unknown message {0:?}")]
    UnknownItem(String),
}

/// The queue could not be asked, or told.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// No messages could be received.
    #[error("receiving from the queue failed")]
    Receive(#[source] Box<aws_sdk_sqs::Error>),
    /// What the function has done could not be deleted; it will come again.
    #[error("deleting from the queue failed")]
    Delete(#[source] Box<aws_sdk_sqs::Error>),
}

impl Mapping {
    /// Delivers one batch, if there is one, and tells what happened.
    pub async fn step<H, F>(&self, sqs: &Client, handler: &H) -> Result<Delivery, MappingError>
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<SqsBatchResponse, HandlerError>>,
    {
        let messages = self.receive(sqs).await?;
        if messages.is_empty() {
            return Ok(Delivery::Idle);
        }
        self.deliver(sqs, handler, messages).await
    }

    /// Delivers batch after batch until `shutdown` is ready, then lets the running invocations finish.
    ///
    /// An empty queue costs nothing: the engine wakes this up when a message becomes visible.
    pub async fn run<H, F>(self, engine: &Engine, sqs: Client, handler: H, shutdown: impl Future<Output = ()>)
    where
        H: Fn(SqsEvent) -> F + Send + Sync + 'static,
        F: Future<Output = Result<SqsBatchResponse, HandlerError>> + Send + 'static,
    {
        let name = self.queue_url.rsplit('/').next().unwrap_or_default();
        let wake = engine.queue_wake(name);
        let slots = Arc::new(Semaphore::new(self.maximum_concurrency.max(1)));
        let (mapping, handler) = (Arc::new(self), Arc::new(handler));
        let mut running = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            // Only a receive is never cut short: what it has claimed would stay hidden for nothing.
            let slot = tokio::select! {
                biased;
                () = &mut shutdown => break,
                slot = Arc::clone(&slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { break };
            while running.try_join_next().is_some() {}
            let pause = match mapping.receive(&sqs).await {
                Ok(messages) if !messages.is_empty() => {
                    let (mapping, sqs, handler) = (Arc::clone(&mapping), sqs.clone(), Arc::clone(&handler));
                    running.spawn(async move {
                        let delivery = mapping.deliver(&sqs, &*handler, messages).await;
                        mapping.log(delivery);
                        drop(slot);
                    });
                    continue;
                }
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    mapping.log(Err(error));
                    PAUSE
                }
            };
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                () = async { tokio::time::sleep(pause).await; wake.due().await; } => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    async fn receive(&self, sqs: &Client) -> Result<Vec<Message>, MappingError> {
        let received = sqs
            .receive_message()
            .queue_url(&self.queue_url)
            .max_number_of_messages(i32::try_from(self.batch_size.clamp(1, 10)).unwrap_or(10))
            .wait_time_seconds(0)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        let received = received.map_err(|error| MappingError::Receive(Box::new(error.into())))?;
        Ok(received.messages.unwrap_or_default())
    }

    async fn deliver<H, F>(
        &self,
        sqs: &Client,
        handler: &H,
        messages: Vec<Message>,
    ) -> Result<Delivery, MappingError>
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<SqsBatchResponse, HandlerError>>,
    {
        let event = event::of(&self.queue_url, &messages);
        // The call itself may panic, not only the future it returns.
        let invocation = AssertUnwindSafe(async { handler(event).await }).catch_unwind();
        let outcome = match tokio::time::timeout(self.timeout, invocation).await {
            Err(_) => Err(Failure::Timeout),
            Ok(Err(_)) => Err(Failure::Panic),
            Ok(Ok(Err(error))) => Err(Failure::Error(error.to_string())),
            Ok(Ok(Ok(response))) => failed_items(&messages, &response),
        };
        match outcome {
            Err(reason) => {
                let messages = messages.into_iter().filter_map(|message| message.message_id).collect();
                Ok(Delivery::Failed { messages, reason })
            }
            Ok(failed) => self.settle(sqs, messages, &failed).await,
        }
    }

    async fn settle(
        &self,
        sqs: &Client,
        messages: Vec<Message>,
        failed: &HashSet<String>,
    ) -> Result<Delivery, MappingError> {
        let mut entries = Vec::with_capacity(messages.len());
        let (mut deleted, mut kept) = (Vec::new(), Vec::new());
        for (index, message) in messages.into_iter().enumerate() {
            let id = message.message_id.unwrap_or_default();
            if failed.contains(&id) {
                kept.push(id);
                continue;
            }
            let handle = message.receipt_handle.unwrap_or_default();
            let entry =
                DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(handle);
            // Both members are set, which is all that building asks for.
            entries.extend(entry.build().ok());
            deleted.push(id);
        }
        if !entries.is_empty() {
            let delete = sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries));
            delete.send().await.map_err(|error| MappingError::Delete(Box::new(error.into())))?;
        }
        Ok(Delivery::Settled { deleted, failed: kept })
    }

    fn log(&self, delivery: Result<Delivery, MappingError>) {
        let function = &self.function;
        match delivery {
            Ok(Delivery::Failed { messages, reason }) => {
                tracing::warn!(function, ?messages, error = &reason as &dyn Error, "a batch failed");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(function, error = &error as &dyn Error, "the event source failed"),
        }
    }
}

/// The ids that failed; an id that was not in the batch fails it all.
fn failed_items(messages: &[Message], response: &SqsBatchResponse) -> Result<HashSet<String>, Failure> {
    let known: HashSet<_> = messages.iter().filter_map(Message::message_id).collect();
    let reported = response.batch_item_failures.iter().map(|failure| failure.item_identifier.clone());
    reported
        .map(|id| if known.contains(id.as_str()) { Ok(id) } else { Err(Failure::UnknownItem(id)) })
        .collect()
}

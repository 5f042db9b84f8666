//! The JSON protocol of SQS: an operation's name and body in, an answer out.

mod messages;
mod queues;

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::store::Queues;

/// The account every queue belongs to.
const ACCOUNT: &str = "123456789012";
/// The region every queue is in.
pub(crate) const REGION: &str = "us-east-1";

/// An operation's answer: its body, or the refusal.
type Answer = Result<Vec<u8>, Fault>;

/// Carries out one operation.
pub(crate) async fn answer(queues: &Arc<Queues>, operation: &str, body: &[u8]) -> Answer {
    match operation {
        "SendMessage" => messages::send(queues, body),
        "SendMessageBatch" => messages::send_batch(queues, body),
        "ReceiveMessage" => messages::receive(queues, body).await,
        "DeleteMessage" => messages::delete(queues, body),
        "DeleteMessageBatch" => messages::delete_batch(queues, body),
        "ChangeMessageVisibility" => messages::change_visibility(queues, body),
        "ChangeMessageVisibilityBatch" => messages::change_visibility_batch(queues, body),
        _ => queues::answer(queues, operation, body),
    }
}

/// The URL of a queue.
pub(crate) fn url_of(name: &str) -> String {
    format!("https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}")
}

/// The ARN of a queue.
pub(crate) fn arn_of(name: &str) -> String {
    format!("arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
}

/// The name at the end of a queue's URL.
pub(crate) fn name_in(url: &str) -> Result<&str, Fault> {
    match url.rsplit('/').next() {
        Some(name) if !name.is_empty() => Ok(name),
        _ => Err(Fault::Missing("QueueUrl")),
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body)
        .map_err(|error| Fault::Invalid(format!("The request cannot be read: {error}.")))
}

fn write<T: Serialize>(answer: &T) -> Answer {
    Ok(serde_json::to_vec(answer)?)
}

/// What many operations answer.
fn nothing() -> Answer {
    Ok(b"{}".to_vec())
}

/// The entries of a batch, checked as a whole.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", bound = "E: DeserializeOwned")]
struct Batch<E> {
    queue_url: String,
    #[serde(default = "Vec::new")]
    entries: Vec<E>,
}

/// What every entry of a batch has.
trait Entry {
    fn id(&self) -> &str;
}

fn read_batch<E: Entry + DeserializeOwned>(body: &[u8]) -> Result<Batch<E>, Fault> {
    let batch: Batch<E> = read(body)?;
    match batch.entries.len() {
        0 => return Err(Fault::EmptyBatch),
        1..=10 => {}
        many => return Err(Fault::TooManyEntries(many)),
    }
    for (index, entry) in batch.entries.iter().enumerate() {
        if batch.entries[..index].iter().any(|earlier| earlier.id() == entry.id()) {
            return Err(Fault::RepeatedId(entry.id().to_owned()));
        }
    }
    Ok(batch)
}

/// A batch's answer: each entry in one of the two lists.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct BatchAnswer<S> {
    successful: Vec<S>,
    failed: Vec<FailedEntry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FailedEntry {
    id: String,
    sender_fault: bool,
    code: &'static str,
    message: String,
}

impl<S: Serialize> BatchAnswer<S> {
    /// Sorts the entries' outcomes.
    fn of(outcomes: impl Iterator<Item = (String, Result<S, Fault>)>) -> Self {
        let mut answer = Self { successful: Vec::new(), failed: Vec::new() };
        for (id, outcome) in outcomes {
            match outcome {
                Ok(done) => answer.successful.push(done),
                Err(fault) => answer.failed.push(FailedEntry {
                    id,
                    sender_fault: !fault.is_ours(),
                    code: fault.code(),
                    message: fault.to_string(),
                }),
            }
        }
        answer
    }
}

//! Send, receive, delete, change visibility, and their batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::fault::Fault;
use super::super::message::{
    Attribute, Extra, Outgoing, Received, Sent, md5_of_attributes, md5_of_text, out_of_range,
};
use super::super::settings::MAX_BYTES;
use super::super::store::Queues;
use super::{Answer, BatchAnswer, Entry, arn_of, name_in, nothing, read, read_batch, write};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendRequest {
    queue_url: String,
    #[serde(flatten)]
    message: SendEntry,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SendEntry {
    #[serde(default)]
    id: String,
    #[serde(default)]
    message_body: String,
    delay_seconds: Option<i64>,
    #[serde(default)]
    message_attributes: BTreeMap<String, Attribute>,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, Attribute>,
    message_group_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendAnswer {
    #[serde(skip_serializing_if = "String::is_empty")]
    id: String,
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    body_md5: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_md5: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveRequest {
    queue_url: String,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReceivedMessage {
    message_id: String,
    receipt_handle: String,
    #[serde(rename = "MD5OfBody")]
    body_md5: String,
    body: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<&'static str, String>,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    attributes_md5: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    message_attributes: BTreeMap<String, Attribute>,
}

/// One message in hand: of a delete or a change of visibility, alone or in a batch.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InHand {
    #[serde(default)]
    id: String,
    #[serde(default)]
    queue_url: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    visibility_timeout: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Done {
    id: String,
}

pub(super) fn send(queues: &Queues, body: &[u8]) -> Answer {
    let request: SendRequest = read(body)?;
    let message = request.message.into_outgoing();
    let sent = queues.send(name_in(&request.queue_url)?, &[message])?;
    match sent.into_iter().next() {
        Some(sent) => write(&SendAnswer::of(String::new(), sent?)),
        None => Err(Fault::EmptyBatch),
    }
}

pub(super) fn send_batch(queues: &Queues, body: &[u8]) -> Answer {
    let batch = read_batch::<SendEntry>(body)?;
    let ids: Vec<_> = batch.entries.iter().map(|entry| entry.id.clone()).collect();
    let messages: Vec<_> = batch.entries.into_iter().map(SendEntry::into_outgoing).collect();
    if messages.iter().map(Outgoing::bytes).sum::<usize>() > MAX_BYTES {
        return Err(Fault::BatchTooLong(MAX_BYTES));
    }
    let sent = queues.send(name_in(&batch.queue_url)?, &messages)?;
    let outcomes =
        ids.into_iter().zip(sent).map(|(id, sent)| (id.clone(), sent.map(|sent| SendAnswer::of(id, sent))));
    write(&BatchAnswer::of(outcomes))
}

pub(super) async fn receive(queues: &Arc<Queues>, body: &[u8]) -> Answer {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Messages {
        #[serde(skip_serializing_if = "Vec::is_empty")]
        messages: Vec<ReceivedMessage>,
    }

    let request: ReceiveRequest = read(body)?;
    let name = name_in(&request.queue_url)?;
    let max = request.max_number_of_messages.unwrap_or(1);
    if !(1..=10).contains(&max) {
        return Err(out_of_range("MaxNumberOfMessages", max, "1 and 10, if provided"));
    }
    if let Some(timeout) = request.visibility_timeout.filter(|timeout| !(0..=43_200).contains(timeout)) {
        return Err(out_of_range("VisibilityTimeout", timeout, "0 and 43200, if provided"));
    }
    let wait = match request.wait_time_seconds {
        Some(wait @ 0..=20) => wait.unsigned_abs(),
        Some(wait) => return Err(out_of_range("WaitTimeSeconds", wait, "0 and 20, if provided")),
        None => queues.shelf().queue(name)?.settings.wait_seconds,
    };
    let visibility = request.visibility_timeout.map(|seconds| seconds * 1000);
    let max = usize::try_from(max).unwrap_or(1);
    let received = match wait {
        0 => queues.receive(name, max, visibility)?,
        wait => queues.receive_within(name, max, visibility, Duration::from_secs(wait)).await?,
    };
    write(&Messages { messages: received.into_iter().map(|message| request.shape(message)).collect() })
}

pub(super) fn delete(queues: &Queues, body: &[u8]) -> Answer {
    let request: InHand = read(body)?;
    let answers = queues.delete(name_in(&request.queue_url)?, &[request.receipt_handle])?;
    answers.into_iter().collect::<Result<(), Fault>>()?;
    nothing()
}

pub(super) fn delete_batch(queues: &Queues, body: &[u8]) -> Answer {
    let batch = read_batch::<InHand>(body)?;
    let (ids, handles): (Vec<_>, Vec<_>) =
        batch.entries.into_iter().map(|entry| (entry.id, entry.receipt_handle)).unzip();
    let answers = queues.delete(name_in(&batch.queue_url)?, &handles)?;
    let outcomes =
        ids.into_iter().zip(answers).map(|(id, answer)| (id.clone(), answer.map(|()| Done { id })));
    write(&BatchAnswer::of(outcomes))
}

pub(super) fn change_visibility(queues: &Queues, body: &[u8]) -> Answer {
    let request: InHand = read(body)?;
    request.change(queues, name_in(&request.queue_url)?)?;
    nothing()
}

pub(super) fn change_visibility_batch(queues: &Queues, body: &[u8]) -> Answer {
    let batch = read_batch::<InHand>(body)?;
    let name = name_in(&batch.queue_url)?;
    queues.shelf().queue(name)?;
    let outcomes = batch
        .entries
        .iter()
        .map(|entry| (entry.id.clone(), entry.change(queues, name).map(|()| Done { id: entry.id.clone() })));
    write(&BatchAnswer::of(outcomes))
}

impl SendEntry {
    fn into_outgoing(mut self) -> Outgoing {
        let trace =
            self.message_system_attributes.remove("AWSTraceHeader").and_then(|trace| trace.string_value);
        Outgoing {
            body: self.message_body,
            delay: self.delay_seconds.map(|seconds| seconds.saturating_mul(1000)),
            group: self.message_group_id,
            extra: Extra { attributes: self.message_attributes, trace },
        }
    }
}

impl SendAnswer {
    fn of(id: String, sent: Sent) -> Self {
        Self {
            id,
            message_id: sent.id.to_string(),
            body_md5: sent.body_md5,
            attributes_md5: sent.attributes_md5,
        }
    }
}

impl InHand {
    fn change(&self, queues: &Queues, name: &str) -> Result<(), Fault> {
        queues.change_visibility(name, &self.receipt_handle, self.visibility_timeout.saturating_mul(1000))
    }
}

impl Entry for SendEntry {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Entry for InHand {
    fn id(&self) -> &str {
        &self.id
    }
}

impl ReceiveRequest {
    /// The message with the attributes that were asked for, and no others.
    fn shape(&self, message: Received) -> ReceivedMessage {
        let asked = |name: &str| {
            let mut names = self.attribute_names.iter().chain(&self.message_system_attribute_names);
            names.any(|asked| asked == "All" || asked == name)
        };
        let system = [
            ("SenderId", Some(super::ACCOUNT.to_owned())),
            ("SentTimestamp", Some(message.sent.to_string())),
            ("ApproximateReceiveCount", Some(message.count.to_string())),
            ("ApproximateFirstReceiveTimestamp", Some(message.first_received.to_string())),
            ("MessageGroupId", message.group),
            ("DeadLetterQueueSourceArn", message.source.as_deref().map(arn_of)),
            ("AWSTraceHeader", message.extra.trace),
        ];
        let attributes = system.into_iter().filter(|(name, _)| asked(name));
        let mut given = message.extra.attributes;
        given.retain(|name, _| self.message_attribute_names.iter().any(|pattern| matches(pattern, name)));
        ReceivedMessage {
            message_id: message.id.to_string(),
            receipt_handle: message.handle,
            body_md5: md5_of_text(&message.body),
            body: message.body,
            attributes: attributes.filter_map(|(name, value)| Some((name, value?))).collect(),
            attributes_md5: md5_of_attributes(&given),
            message_attributes: given,
        }
    }
}

/// Whether a message attribute is asked for: by its name, by `All`, or by what its name begins with.
fn matches(pattern: &str, name: &str) -> bool {
    pattern == "All"
        || pattern == name
        || pattern.strip_suffix(".*").is_some_and(|start| name.starts_with(start))
}

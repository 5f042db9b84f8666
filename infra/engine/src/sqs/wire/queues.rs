//! Everything about queues but their messages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::fault::Fault;
use super::super::redrive::MoveTask;
use super::super::settings::name_of_arn;
use super::super::store::Queues;
use super::{Answer, arn_of, name_in, nothing, read, url_of, write};

/// The parameters of all these operations; each takes the ones it knows.
#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Request {
    queue_name: String,
    queue_url: String,
    queue_name_prefix: String,
    attributes: BTreeMap<String, String>,
    attribute_names: Vec<String>,
    /// In `CreateQueue` the tags are the one name without a capital.
    #[serde(alias = "tags")]
    tags: BTreeMap<String, String>,
    tag_keys: Vec<String>,
    source_arn: String,
    destination_arn: Option<String>,
    max_number_of_messages_per_second: Option<i64>,
    task_handle: String,
    max_results: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TaskAnswer {
    #[serde(skip_serializing_if = "Option::is_none")]
    task_handle: Option<String>,
    status: String,
    source_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_number_of_messages_per_second: Option<i64>,
    approximate_number_of_messages_moved: i64,
    approximate_number_of_messages_to_move: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
    started_timestamp: i64,
}

pub(super) fn answer(queues: &Arc<Queues>, operation: &str, body: &[u8]) -> Answer {
    let request: Request = read(body)?;
    match operation {
        "CreateQueue" => {
            queues.create(&request.queue_name, request.attributes, request.tags)?;
            write(&json!({ "QueueUrl": url_of(&request.queue_name) }))
        }
        "GetQueueUrl" => {
            queues.shelf().queue(&request.queue_name)?;
            write(&json!({ "QueueUrl": url_of(&request.queue_name) }))
        }
        "ListQueues" => {
            let urls: Vec<_> =
                queues.names(&request.queue_name_prefix).iter().map(|name| url_of(name)).collect();
            write(&json!({ "QueueUrls": urls }))
        }
        "StartMessageMoveTask" => {
            let destination = request.destination_arn.as_deref().map(name_in_arn).transpose()?;
            let source = name_in_arn(&request.source_arn)?;
            let handle = queues.start_move(source, destination, request.max_number_of_messages_per_second)?;
            write(&json!({ "TaskHandle": handle }))
        }
        "CancelMessageMoveTask" => {
            let moved = queues.cancel_move(&request.task_handle)?;
            write(&json!({ "ApproximateNumberOfMessagesMoved": moved }))
        }
        "ListMessageMoveTasks" => {
            let max = request.max_results.unwrap_or(1).clamp(1, 10);
            let tasks = queues.moves(name_in_arn(&request.source_arn)?, max)?;
            let results: Vec<_> = tasks.into_iter().map(TaskAnswer::from).collect();
            write(&json!({ "Results": results }))
        }
        _ => about_one(queues, operation, request),
    }
}

/// The operations that name a queue by its URL.
fn about_one(queues: &Queues, operation: &str, request: Request) -> Answer {
    let name = name_in(&request.queue_url)?;
    match operation {
        "DeleteQueue" => queues.drop_queue(name)?,
        "PurgeQueue" => queues.purge(name)?,
        "SetQueueAttributes" => queues.set_attributes(name, request.attributes)?,
        "TagQueue" => queues.tag(name, request.tags, &[])?,
        "UntagQueue" => queues.tag(name, BTreeMap::new(), &request.tag_keys)?,
        "ListQueueTags" => return write(&json!({ "Tags": queues.tags(name)? })),
        "GetQueueAttributes" => {
            let mut all = queues.attributes(name, arn_of(name))?;
            let asked = &request.attribute_names;
            all.retain(|name, _| asked.iter().any(|asked| asked == "All" || asked == name));
            return write(&json!({ "Attributes": all }));
        }
        "ListDeadLetterSourceQueues" => {
            let urls: Vec<_> = queues.sources_of(name)?.iter().map(|name| url_of(name)).collect();
            // The one member of this protocol that begins with a small letter.
            return write(&json!({ "queueUrls": urls }));
        }
        _ => return Err(Fault::Unsupported(format!("This engine does not know the operation {operation}."))),
    }
    nothing()
}

fn name_in_arn(arn: &str) -> Result<&str, Fault> {
    name_of_arn(arn).ok_or_else(|| Fault::Invalid(format!("Value {arn} is no ARN of a queue.")))
}

impl From<MoveTask> for TaskAnswer {
    fn from(task: MoveTask) -> Self {
        Self {
            // As SQS does, the handle is shown only while it can be used.
            task_handle: (task.status == "RUNNING").then_some(task.handle),
            status: task.status,
            source_arn: arn_of(&task.source),
            destination_arn: task.destination.as_deref().map(arn_of),
            max_number_of_messages_per_second: task.rate,
            approximate_number_of_messages_moved: task.moved,
            approximate_number_of_messages_to_move: task.total,
            failure_reason: task.reason,
            started_timestamp: task.started,
        }
    }
}

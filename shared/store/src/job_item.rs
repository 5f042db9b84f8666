//! A job as an item, and back.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::{CancelId, JobId, RunId, UserId};
use domain::job::{
    Job, JobWebhook, LONGEST_TIMEOUT, Lease, PayloadPlace, Priority, Run, Status, Timetable, search_head,
};
use domain::log::Log;
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::seal::Sealed;
use domain::time::Moment;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};
use serde_json::Value;

use crate::due::{self, Shards};
use crate::{Item, StoreError, keys};

mod shown;

use shown::Shown;
pub(crate) use shown::write_over;

/// A write is billed by the KB: beyond this size the payload moves to an item of its own.
const ONE_WRITE_UNIT: usize = 1024;
/// What the log, the lease and the end will add to a job in the course of its first run.
const ROOM_TO_GROW: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobItem {
    id: JobId,
    user_id: UserId,
    task_name: String,
    #[serde(rename = "type")]
    task_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    search: String,
    priority: Priority,
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    max_retries: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<Schedule>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule_rev: Option<u64>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    next_run_at: Option<Moment>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    fired_through: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fires: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webhook_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<Sealed>,
    // The run's members stand among the job's, so that the index can carry some of them. Flattening would do
    // the same, but buffers every row once more and reads a damaged run as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<RunId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    started_at: Option<Moment>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    due_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    not_before: Option<Moment>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    completed_at: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<Status>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    dead_lettered: bool,
    #[serde(default)]
    log: Log,
    #[serde(with = "domain::time::millis")]
    created_at: Moment,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    updated_at: Option<Moment>,
    /// What the index shows in the place of the members of that name, which change with every write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    shown: Option<Shown>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cancel_id: Option<CancelId>,
    #[serde(default, with = "domain::time::millis::option", skip_serializing_if = "Option::is_none")]
    deleted_at: Option<Moment>,
    /// Seconds, as DynamoDB's TTL wants them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<i64>,
}

/// The item of a job. A deleted job leaves the indexes.
pub(crate) fn write(job: &Job, shards: Shards) -> Result<Item, StoreError> {
    let payload = match &job.payload {
        PayloadPlace::Here(payload) => Some(payload.as_str().to_owned()),
        PayloadPlace::Apart { .. } => None,
    };
    let (run, table) = (job.run.as_ref(), job.timetable.as_ref());
    let item = JobItem {
        id: job.id,
        user_id: job.user_id,
        task_name: job.task_name.clone(),
        task_type: job.task_type.clone(),
        payload,
        search: job.search_text(),
        priority: job.priority,
        status: job.status,
        version: Some(job.version),
        max_retries: job.max_retries,
        timeout_seconds: Some(job.timeout_seconds).filter(|seconds| *seconds != LONGEST_TIMEOUT),
        schedule: table.map(|table| table.schedule.clone()),
        schedule_rev: table.map(|table| table.rev),
        next_run_at: table.and_then(|table| table.next),
        fired_through: table.and_then(|table| table.fired_through),
        fires: table.map(|table| table.fires),
        webhook_url: job.webhook.as_ref().map(|webhook| webhook.url.clone()),
        webhook_secret: job.webhook.as_ref().and_then(|webhook| webhook.secret.clone()),
        run_id: run.map(|run| run.id),
        attempt: run.map(|run| run.attempt),
        started_at: run.map(|run| run.started_at),
        due_at: run.and_then(|run| run.due_at),
        lease: run.and_then(|run| run.lease),
        not_before: run.and_then(|run| run.not_before),
        completed_at: run.and_then(|run| run.completed_at),
        outcome: run.and_then(|run| run.outcome),
        result: run.and_then(|run| run.result.clone()),
        last_error: run.and_then(|run| run.last_error.clone()),
        dead_lettered: run.is_some_and(|run| run.dead_lettered),
        log: job.log.clone(),
        created_at: job.created_at,
        updated_at: Some(job.updated_at),
        shown: Some(Shown::of(job)),
        cancel_id: job.cancel_id,
        deleted_at: job.deleted_at,
        expires_at: job.expires_at.map(Moment::as_seconds_ceil),
    };
    let mut item: Item = to_item(item).map_err(|e| StoreError::unreadable("a job cannot be written", e))?;
    item.extend(keys::key(keys::job(job.id), keys::JOB));
    if job.deleted_at.is_none() {
        item.insert("listPk".to_owned(), keys::text(keys::job_cell(job.user_id, job.status, job.priority)));
        item.insert("listSk".to_owned(), keys::text(job.id.to_string()));
    }
    due::mark(&mut item, job, shards);
    Ok(item)
}

/// The job in an item of the table or in a row of the `list` index, which carries less.
pub(crate) fn read(mut item: Item) -> Result<Job, StoreError> {
    if !item.contains_key("userId") {
        let cell = item.get("listPk").and_then(|cell| cell.as_s().ok());
        let owner = cell.and_then(|cell| cell.split('#').next()).map(keys::text);
        item.extend(owner.map(|owner| ("userId".to_owned(), owner)));
    }
    let item: JobItem = from_item(item).map_err(|e| StoreError::unreadable("a job cannot be read", e))?;
    let shown = item.shown;
    let version = item.version.or(shown.map(|shown| shown.version));
    let updated_at = item.updated_at.or(shown.map(|shown| shown.updated_at));
    let (Some(version), Some(updated_at)) = (version, updated_at) else {
        return Err(StoreError::unreadable("a job cannot be read", format!("{} has no version", item.id)));
    };
    let run = match (item.run_id, item.started_at) {
        (Some(id), Some(started_at)) => Some(Run {
            id,
            attempt: item.attempt.or(shown.and_then(|shown| shown.attempt)).unwrap_or(0),
            started_at,
            due_at: item.due_at,
            lease: item.lease,
            not_before: item.not_before,
            completed_at: item.completed_at,
            outcome: item.outcome,
            result: item.result,
            last_error: item.last_error,
            dead_lettered: item.dead_lettered,
        }),
        (None, None) if item.status == Status::Pending => None,
        _ => return Err(StoreError::unreadable("a job cannot be read", format!("{} has no run", item.id))),
    };
    let payload = match item.payload {
        Some(text) => Payload::stored(text)
            .map(PayloadPlace::Here)
            .map_err(|e| StoreError::unreadable("a payload cannot be read", e))?,
        None => PayloadPlace::Apart {
            head: item.search.split_once('\n').map(|(_, head)| head.to_owned()).unwrap_or_default(),
        },
    };
    let (next, fired_through) = (item.next_run_at, item.fired_through);
    let (rev, fires) = (item.schedule_rev.unwrap_or(0), item.fires.unwrap_or(0));
    Ok(Job {
        id: item.id,
        user_id: item.user_id,
        task_name: item.task_name,
        task_type: item.task_type,
        payload,
        priority: item.priority,
        status: item.status,
        version,
        max_retries: item.max_retries,
        timeout_seconds: item.timeout_seconds.unwrap_or(LONGEST_TIMEOUT),
        timetable: item.schedule.map(|schedule| Timetable { schedule, rev, next, fired_through, fires }),
        webhook: item.webhook_url.map(|url| JobWebhook { url, secret: item.webhook_secret }),
        run,
        log: item.log,
        created_at: item.created_at,
        updated_at,
        cancel_id: item.cancel_id,
        deleted_at: item.deleted_at,
        expires_at: item.expires_at.map(|seconds| Moment::from_millis(seconds.saturating_mul(1000))),
    })
}

/// The job with its payload where it belongs, and the payload if that is an item of its own.
pub(crate) fn place_payload(
    mut job: Job,
    payload: Payload,
    shards: Shards,
) -> Result<(Job, Option<Payload>), StoreError> {
    let head = search_head(&payload);
    job.payload = PayloadPlace::Here(payload.clone());
    if size(&write(&job, shards)?) + ROOM_TO_GROW <= ONE_WRITE_UNIT {
        return Ok((job, None));
    }
    job.payload = PayloadPlace::Apart { head };
    Ok((job, Some(payload)))
}

/// The item that holds a payload.
pub(crate) fn write_payload(id: JobId, payload: &Payload) -> Item {
    let mut item = keys::key(keys::job(id), keys::PAYLOAD);
    item.insert("text".to_owned(), keys::text(payload.as_str()));
    item
}

/// The payload in an item.
pub(crate) fn read_payload(item: &Item) -> Result<Payload, StoreError> {
    let text = item.get("text").and_then(|text| text.as_s().ok());
    let text = text.ok_or_else(|| StoreError::unreadable("a payload cannot be read", "it has no text"))?;
    Payload::stored(text.clone()).map_err(|e| StoreError::unreadable("a payload cannot be read", e))
}

/// Whether two items say the same of a job. The tick moves a job about in the index of what falls due, which
/// says nothing of the job.
pub(crate) fn same(one: &Item, other: &Item) -> bool {
    let [one, other] = [one, other].map(|item| {
        let mut says = item.clone();
        due::ATTRIBUTES.iter().for_each(|name| drop(says.remove(*name)));
        says
    });
    same_members(&one, &other)
}

/// Numbers come back normalised (`1.0` as `1`), so they are compared as such.
fn same_members(one: &Item, other: &Item) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, value)| other.get(name).is_some_and(|there| same_value(value, there)))
}

fn same_value(one: &AttributeValue, other: &AttributeValue) -> bool {
    match (one, other) {
        (AttributeValue::N(a), AttributeValue::N(b)) => {
            a == b || a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).is_some_and(|(a, b)| a == b)
        }
        (AttributeValue::L(a), AttributeValue::L(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_value(a, b))
        }
        (AttributeValue::M(a), AttributeValue::M(b)) => same_members(a, b),
        _ => one == other,
    }
}

/// What DynamoDB bills an item as: names and values in bytes
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>).
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len().div_ceil(2) + 1,
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.iter().map(|(k, v)| 1 + k.len() + value_size(v)).sum::<usize>(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        _ => 1,
    }
}

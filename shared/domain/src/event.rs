//! What a webhook tells: the type of an event and the body that is signed.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::JobId;
use crate::job::{Job, Priority, Run, Status};
use crate::payload::Payload;
use crate::time::Moment;

/// What happened to the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// Its run ended well.
    #[serde(rename = "job.completed")]
    Completed,
    /// Its run ended badly and will not be tried again.
    #[serde(rename = "job.failed")]
    Failed,
    /// Somebody cancelled it.
    #[serde(rename = "job.cancelled")]
    Cancelled,
}

impl EventType {
    /// As it stands in the body's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "job.completed",
            Self::Failed => "job.failed",
            Self::Cancelled => "job.cancelled",
        }
    }

    /// The event that a job ending in this status causes; `None` while it has not ended.
    pub const fn of(status: Status) -> Option<Self> {
        match status {
            Status::Completed => Some(Self::Completed),
            Status::Failed => Some(Self::Failed),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Pending | Status::Running => None,
        }
    }
}

/// The body of a webhook, in the order in which it is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: EventType,
    timestamp: Moment,
    job_id: JobId,
    task_name: &'a str,
    priority: Priority,
    status: Status,
    payload: &'a RawValue,
    completed_at: Option<Moment>,
    run_duration_ms: Option<u64>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

/// The compact JSON that tells of `run`'s end; `None` if it has not ended.
///
/// It depends on the record alone: a message sent again carries the same bytes, unless the job was edited.
pub fn body(job: &Job, run: &Run, payload: &Payload) -> Option<String> {
    let status = run.outcome?;
    let body = Body {
        r#type: EventType::of(status)?,
        timestamp: run.completed_at?,
        job_id: job.id,
        task_name: &job.task_name,
        priority: job.priority,
        status,
        payload: payload.raw(),
        completed_at: run.completed_at,
        run_duration_ms: run.duration().map(|d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
        attempts: run.attempt,
        error: run.last_error.as_deref().filter(|_| status == Status::Failed),
    };
    serde_json::to_string(&body).ok()
}

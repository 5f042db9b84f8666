//! What a webhook tells: the type of an event and the body that is signed.

use std::str::FromStr;
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
    /// The first attempt of its run has begun.
    #[serde(rename = "job.started")]
    Started,
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

/// The text names no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be one of job.started, job.completed, job.failed and job.cancelled")]
pub struct NoEvent;

impl EventType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Started, Self::Completed, Self::Failed, Self::Cancelled];

    /// As it stands in the body's `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "job.started",
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

    /// The status that the job had then.
    pub const fn status(self) -> Status {
        match self {
            Self::Started => Status::Running,
            Self::Completed => Status::Completed,
            Self::Failed => Status::Failed,
            Self::Cancelled => Status::Cancelled,
        }
    }

    /// When it happened to `run`; `None` if it has not.
    pub fn moment(self, run: &Run) -> Option<Moment> {
        match self {
            Self::Started => (run.attempt > 0).then_some(run.started_at),
            ended => run.completed_at.filter(|_| run.outcome == Some(ended.status())),
        }
    }
}

impl FromStr for EventType {
    type Err = NoEvent;

    fn from_str(text: &str) -> Result<Self, NoEvent> {
        let text = text.trim();
        Self::ALL.into_iter().find(|event| event.as_str().eq_ignore_ascii_case(text)).ok_or(NoEvent)
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
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    test: bool,
}

/// The compact JSON that tells of what happened to `run`; `None` if it has not happened.
///
/// It depends on the record alone: a message sent again carries the same bytes, unless the job was edited. So a
/// start tells of the first attempt, whatever has come since.
pub fn body(event: EventType, job: &Job, run: &Run, payload: &Payload) -> Option<String> {
    let started = event == EventType::Started;
    let body = Body {
        r#type: event,
        timestamp: event.moment(run)?,
        job_id: job.id,
        task_name: &job.task_name,
        priority: job.priority,
        status: event.status(),
        payload: payload.raw(),
        completed_at: run.completed_at.filter(|_| !started),
        run_duration_ms: run
            .duration()
            .filter(|_| !started)
            .map(|d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX)),
        attempts: if started { 1 } else { run.attempt },
        error: run.last_error.as_deref().filter(|_| event == EventType::Failed),
        test: false,
    };
    serde_json::to_string(&body).ok()
}

/// The body of an event that never happened, to try an endpoint with: it says so in a member `test`.
pub fn sample(event: EventType, job: JobId, now: Moment) -> String {
    let ended = event != EventType::Started;
    let payload = Payload::empty();
    let body = Body {
        r#type: event,
        timestamp: now,
        job_id: job,
        task_name: "a job to try the endpoint with",
        priority: Priority::Low,
        status: event.status(),
        payload: payload.raw(),
        completed_at: ended.then_some(now),
        run_duration_ms: ended.then_some(3_000),
        attempts: 1,
        error: (event == EventType::Failed).then_some("what went wrong would stand here"),
        test: true,
    };
    serde_json::to_string(&body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_read_as_it_is_written() {
        for event in EventType::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        assert_eq!(" JOB.Failed ".parse(), Ok(EventType::Failed));
        assert_eq!("job.ended".parse::<EventType>(), Err(NoEvent));
    }

    #[test]
    fn a_sample_says_that_it_is_one() {
        let job = "job_018bcfe568007abcabababababababab".parse().unwrap();
        for event in EventType::ALL {
            let body = sample(event, job, Moment::from_millis(1_700_000_000_000));
            let body: serde_json::Value = serde_json::from_str(&body).unwrap();
            assert_eq!(body["type"], event.as_str());
            assert_eq!(body["test"], true);
            assert_eq!(body["completedAt"].is_null(), event == EventType::Started);
            assert_eq!(body["error"].is_null(), event != EventType::Failed);
        }
    }
}

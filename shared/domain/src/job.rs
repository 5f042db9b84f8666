//! The record of a job, and of one of its runs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::id::{CancelId, JobId, RunId, UserId};
use crate::log::Log;
use crate::payload::Payload;
use crate::schedule::Schedule;
use crate::seal::Sealed;
use crate::time::Moment;

mod words;

pub use words::{Priority, Status, Unknown};

/// A job, as read from the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Who owns it.
    pub user_id: UserId,
    /// What its owner calls it.
    pub task_name: String,
    /// What runs it.
    pub task_type: String,
    /// Its payload, or the fact that it is kept beside the record.
    pub payload: PayloadPlace,
    /// How urgent it is.
    pub priority: Priority,
    /// Where it stands.
    pub status: Status,
    /// Grows by one with each write, and fences each write.
    pub version: u64,
    /// How many attempts may follow a run's first.
    pub max_retries: u32,
    /// How long an attempt may take, in seconds.
    pub timeout_seconds: u32,
    /// When it runs by itself, and how far that has come.
    pub timetable: Option<Timetable>,
    /// Where to tell of its end.
    pub webhook: Option<JobWebhook>,
    /// The run that is on, or the last one.
    pub run: Option<Run>,
    /// What happened to it lately.
    pub log: Log,
    /// When it was created.
    pub created_at: Moment,
    /// When it was written last.
    pub updated_at: Moment,
    /// Which cancellation ended it.
    pub cancel_id: Option<CancelId>,
    /// Set when it was deleted: nobody sees it any more, and what hangs on it is being removed.
    pub deleted_at: Option<Moment>,
    /// When the table may forget it.
    pub expires_at: Option<Moment>,
}

/// The longest that an attempt may take, in seconds, and the default: a worker lives for 60.
pub const LONGEST_TIMEOUT: u32 = 50;

/// Where a job's payload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadPlace {
    /// In the record.
    Here(Payload),
    /// In a record of its own, for every write bills the whole item. Its beginning is kept for the search.
    Apart {
        /// What the search looks at.
        head: String,
    },
}

/// Where a job tells of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobWebhook {
    /// The URL.
    pub url: String,
    /// The secret that was given with it; without one the owner's own signs.
    pub secret: Option<Sealed>,
}

/// A job's schedule, and how far it has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Timetable {
    /// When the job runs by itself.
    pub schedule: Schedule,
    /// The job's version at the last change of the schedule: what was sent before it is void.
    pub rev: u64,
    /// The next occurrence; `None` when the last one has been dealt with. A pause keeps it.
    pub next: Option<Moment>,
    /// The last occurrence that was dealt with: it started a run, or was skipped.
    pub fired_through: Option<Moment>,
    /// How many occurrences have started a run.
    pub fires: u32,
}

impl Timetable {
    /// When it starts a run by itself: not while it is paused.
    pub fn due(&self) -> Option<Moment> {
        self.next.filter(|_| !self.schedule.paused)
    }

    /// Whether an occurrence is due already.
    pub fn is_due(&self, now: Moment) -> bool {
        self.due().is_some_and(|due| due <= now)
    }
}

/// One run: all attempts between a start and an end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its id.
    #[serde(rename = "runId")]
    pub id: RunId,
    /// How many attempts have begun.
    pub attempt: u32,
    /// When it was asked for.
    #[serde(with = "crate::time::millis")]
    pub started_at: Moment,
    /// Which occurrence of the schedule it is, if nobody started it by hand.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Moment>,
    /// Who works on it, and until when that is believed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// No attempt may begin before.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Moment>,
    /// When it ended.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Moment>,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Status>,
    /// What its task answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What went wrong last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// Whether it was given up because its workers kept dying.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dead_lettered: bool,
}

/// The right to work on a run for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When it lapses.
    #[serde(with = "crate::time::millis")]
    pub until: Moment,
    /// Tells two claims of the same moment apart.
    pub holder: u32,
}

impl Run {
    /// A run that nobody works on yet.
    pub fn new(id: RunId, started_at: Moment) -> Self {
        Self {
            id,
            attempt: 0,
            started_at,
            due_at: None,
            lease: None,
            not_before: None,
            completed_at: None,
            outcome: None,
            result: None,
            last_error: None,
            dead_lettered: false,
        }
    }

    /// How many attempts followed the first.
    pub fn retry_count(&self) -> u32 {
        self.attempt.saturating_sub(1)
    }

    /// From the start to the end, once it has ended.
    pub fn duration(&self) -> Option<Duration> {
        self.completed_at.map(|end| end.since(self.started_at))
    }
}

impl Job {
    /// What the search looks at: the task's name and the beginning of the payload, in lower case.
    pub fn search_text(&self) -> String {
        let head = match &self.payload {
            PayloadPlace::Here(payload) => search_head(payload),
            PayloadPlace::Apart { head } => head.clone(),
        };
        format!("{}\n{head}", self.task_name.to_lowercase())
    }

    /// The job without what its owner put into it and what came of it, any of which may be a secret. A payload
    /// beside the record is not in it anyway.
    #[must_use]
    pub fn without_contents(self) -> Self {
        let payload = match self.payload {
            PayloadPlace::Here(_) => PayloadPlace::Here(Payload::empty()),
            PayloadPlace::Apart { .. } => PayloadPlace::Apart { head: String::new() },
        };
        Self {
            task_name: String::new(),
            payload,
            timetable: None,
            webhook: None,
            run: self.run.map(|run| Run { result: None, last_error: None, ..run }),
            log: Log::default(),
            ..self
        }
    }
}

/// How much of a payload the search looks at.
pub const SEARCHED_BYTES: usize = 512;

/// The part of a payload that the search looks at.
pub fn search_head(payload: &Payload) -> String {
    let text = payload.as_str();
    let mut end = text.len().min(SEARCHED_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_sees_the_beginning_of_the_payload_in_lower_case() {
        let text = format!("\"{}\"", "É".repeat(400));
        let payload = Payload::stored(text).unwrap();
        let head = search_head(&payload);
        assert!(head.starts_with("\"éé") && head.len() <= SEARCHED_BYTES);
    }
}

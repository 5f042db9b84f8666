//! A job and its log.

use domain::id::JobId;
use domain::job::{Job, PayloadPlace, Run, Timetable};
use domain::log::LogEntry;
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::time::Moment;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::ScheduleShape;

/// A job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub struct JobView {
    /// Its id.
    #[schema(value_type = String, example = "job_0190f6d2c0de7abc8def0123456789ab")]
    pub id: JobId,
    /// The same.
    #[schema(value_type = String)]
    pub job_id: JobId,
    /// Whose it is.
    pub user_id: String,
    /// What its owner calls it.
    pub task_name: String,
    /// What runs it.
    #[serde(rename = "type")]
    #[schema(rename = "type", example = "simulate")]
    pub task_type: String,
    /// What it is run with, as it was given; rows of a list come without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub payload: Option<Payload>,
    /// The payload again, in the answer for one job.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    pub parameters: Option<Payload>,
    /// `high`, `medium` or `low`.
    #[schema(example = "low")]
    pub priority: &'static str,
    /// `pending`, `running`, `completed`, `failed` or `cancelled`.
    #[schema(example = "pending")]
    pub status: &'static str,
    /// How many attempts its run has begun.
    pub attempts: u32,
    /// How many attempts may follow the first.
    pub max_retries: u32,
    /// How many attempts have followed the first.
    pub retry_count: u32,
    /// How many seconds an attempt may take.
    pub timeout_seconds: u32,
    /// When it runs by itself.
    #[schema(value_type = Option<ScheduleShape>)]
    pub schedule: Option<Schedule>,
    /// When it runs by itself the next time; null while its schedule rests, and when that is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_run_at: Option<Moment>,
    /// Where it tells of its end.
    pub webhook_url: Option<String>,
    /// What went wrong last: a recurring job that waits tells here that its last run failed.
    pub last_error: Option<String>,
    /// What its task answered.
    #[schema(value_type = Option<Value>)]
    pub result: Option<Value>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When it changed last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
    /// When its run was asked for.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Moment>,
    /// When its run ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Moment>,
    /// How long its run took.
    pub run_duration_ms: Option<u64>,
    /// Grows with each change; the ETag is this number in quotes.
    pub version: u64,
}

impl From<&Job> for JobView {
    fn from(job: &Job) -> Self {
        let run = job.run.as_ref();
        let payload = match &job.payload {
            PayloadPlace::Here(payload) => Some(payload.clone()),
            PayloadPlace::Apart { .. } => None,
        };
        Self {
            id: job.id,
            job_id: job.id,
            user_id: job.user_id.to_string(),
            task_name: job.task_name.clone(),
            task_type: job.task_type.clone(),
            payload,
            parameters: None,
            priority: job.priority.as_str(),
            status: job.status.as_str(),
            attempts: run.map_or(0, |run| run.attempt),
            max_retries: job.max_retries,
            retry_count: run.map_or(0, Run::retry_count),
            timeout_seconds: job.timeout_seconds,
            schedule: job.timetable.as_ref().map(|table| table.schedule.clone()),
            next_run_at: job.timetable.as_ref().filter(|_| !job.status.is_end()).and_then(Timetable::due),
            webhook_url: job.webhook.as_ref().map(|webhook| webhook.url.clone()),
            last_error: run.and_then(|run| run.last_error.clone()),
            result: run.and_then(|run| run.result.clone()),
            created_at: job.created_at,
            updated_at: job.updated_at,
            started_at: run.map(|run| run.started_at),
            completed_at: run.and_then(|run| run.completed_at),
            run_duration_ms: run
                .and_then(Run::duration)
                .map(|length| u64::try_from(length.as_millis()).unwrap_or(u64::MAX)),
            version: job.version,
        }
    }
}

impl JobView {
    /// With the payload that was read from beside the record.
    #[must_use]
    pub fn with_payload(self, payload: Payload) -> Self {
        Self { payload: Some(payload), ..self }
    }

    /// Without its payload, as a row of a list.
    #[must_use]
    pub fn without_payload(self) -> Self {
        Self { payload: None, parameters: None, ..self }
    }

    /// With the payload repeated as `parameters`.
    #[must_use]
    pub fn with_parameters(self) -> Self {
        Self { parameters: self.payload.clone(), ..self }
    }
}

/// An entry of a job's log.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LogEntry)]
pub struct LogView {
    /// Its id: the job's, and its number in the job's life.
    pub log_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Moment,
    /// The job's status from then on.
    pub status: &'static str,
    /// What happened.
    pub message: String,
    /// What went wrong, if something did.
    pub error: Option<String>,
}

impl LogView {
    /// An entry of this job's log.
    pub fn new(job: JobId, entry: &LogEntry) -> Self {
        Self {
            log_id: format!("{job}-{}", entry.number),
            timestamp: entry.at,
            status: entry.status.as_str(),
            message: entry.message.clone(),
            error: entry.error.clone(),
        }
    }

    /// The whole log, oldest first.
    pub fn all(job: &Job) -> Vec<Self> {
        job.log.entries().iter().map(|entry| Self::new(job.id, entry)).collect()
    }
}

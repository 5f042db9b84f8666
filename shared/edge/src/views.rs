//! Records as the API shows them: never a hash, a secret or a lease.

use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::id::JobId;
use domain::job::{Job, PayloadPlace};
use domain::log::LogEntry;
use domain::payload::Payload;
use domain::time::Moment;
use domain::user::User;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

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
    /// When it runs by itself.
    #[schema(value_type = Option<Value>)]
    pub schedule: Option<Value>,
    /// When it runs by itself the next time.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_run_at: Option<Moment>,
    /// Where it tells of its end.
    pub webhook_url: Option<String>,
    /// What went wrong last.
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
            retry_count: run.map_or(0, domain::job::Run::retry_count),
            schedule: None,
            next_run_at: None,
            webhook_url: job.webhook.as_ref().map(|webhook| webhook.url.clone()),
            last_error: run.and_then(|run| run.last_error.clone()),
            result: run.and_then(|run| run.result.clone()),
            created_at: job.created_at,
            updated_at: job.updated_at,
            started_at: run.map(|run| run.started_at),
            completed_at: run.and_then(|run| run.completed_at),
            run_duration_ms: run
                .and_then(domain::job::Run::duration)
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

/// One attempt to deliver a webhook, or a delivery that has seen none.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// The `webhook-id`, the same for all attempts.
    pub id: String,
    /// The job it tells of.
    pub job_id: String,
    /// The run it tells of.
    pub run_id: String,
    /// `job` or `deployment`: whose URL it is.
    pub endpoint_id: &'static str,
    /// Where it went.
    pub url: String,
    /// What it told.
    #[schema(example = "job.completed")]
    pub event: &'static str,
    /// The attempt's number, from 1; 0 where there was none yet.
    pub attempt: u32,
    /// `pending`, `delivered`, `retrying`, `dead` or `skipped`.
    pub state: &'static str,
    /// What was sent; a text where it had to be cut.
    #[schema(value_type = Value)]
    pub request_body: Value,
    /// The status of the answer.
    pub response_status: Option<u16>,
    /// The beginning of the answer's body.
    pub response_body: Option<String>,
    /// What went wrong; empty if nothing did.
    pub error: String,
    /// What kind of thing went wrong.
    pub error_class: Option<String>,
    /// How long the answer took.
    pub duration_ms: Option<u64>,
    /// When it was sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Moment>,
    /// When the delivery was first tried.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Moment>,
}

impl DeliveryView {
    /// A row for each attempt that is kept, the newest first; one row where there was none yet.
    pub fn rows(delivery: &Delivery) -> Vec<Self> {
        let body = serde_json::from_str(&delivery.request_body)
            .unwrap_or_else(|_| Value::String(delivery.request_body.clone()));
        let (last, earlier) = match delivery.attempts.split_last() {
            None => return vec![Self::row(delivery, None, delivery.state, body)],
            Some(attempts) => attempts,
        };
        let mut rows = vec![Self::row(delivery, Some(last), delivery.state, body.clone())];
        rows.extend(earlier.iter().rev().map(|attempt| {
            let state =
                if attempt.error.is_none() { DeliveryState::Delivered } else { DeliveryState::Retrying };
            Self::row(delivery, Some(attempt), state, body.clone())
        }));
        rows
    }

    fn row(
        delivery: &Delivery,
        attempt: Option<&DeliveryAttempt>,
        state: DeliveryState,
        body: Value,
    ) -> Self {
        let is_last = attempt.is_none_or(|attempt| attempt.attempt == delivery.attempt_count);
        Self {
            id: delivery.id.to_string(),
            job_id: delivery.job_id.to_string(),
            run_id: delivery.run_id.to_string(),
            endpoint_id: delivery.endpoint_id.id(),
            url: delivery.url.clone(),
            event: delivery.event.as_str(),
            attempt: attempt.map_or(0, |attempt| attempt.attempt),
            state: state.as_str(),
            request_body: body,
            response_status: attempt.and_then(|attempt| attempt.response_status),
            response_body: attempt.and_then(|attempt| attempt.response_body.clone()),
            error: attempt.and_then(|attempt| attempt.error.clone()).unwrap_or_default(),
            error_class: attempt.and_then(|attempt| attempt.error_class.clone()),
            duration_ms: attempt.map(|attempt| attempt.duration_ms),
            sent_at: attempt.map(|attempt| attempt.sent_at),
            created_at: delivery.created_at,
            next_attempt_at: if is_last {
                delivery.next_attempt_at
            } else {
                attempt.and_then(|attempt| attempt.next_attempt_at)
            },
        }
    }
}

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    /// Its id.
    #[schema(example = "usr_0190f6d2c0de7abc8def0123456789ab")]
    pub id: String,
    /// The same.
    pub user_id: String,
    /// How it is called.
    pub name: String,
    /// Its address.
    pub email: String,
    /// `user` or `admin`.
    #[schema(value_type = String, example = "user")]
    pub role: domain::user::Role,
    /// When it registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            user_id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.clone(),
            role: user.role,
            created_at: user.created_at,
        }
    }
}

#[cfg(test)]
mod tests;

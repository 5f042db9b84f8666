//! A run of a job.

use domain::id::RunId;
use domain::job::{Run, Status};
use domain::time::Moment;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One run of a job: all attempts between a start and an end.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Run)]
pub struct RunView {
    /// Its id.
    #[schema(value_type = String, example = "run_0190f6d2c0de7abc8def0123456789ab")]
    pub run_id: RunId,
    /// How many attempts it has begun.
    pub attempts: u32,
    /// The occurrence of the schedule that it is; null if somebody started it.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scheduled_for: Option<Moment>,
    /// When it was asked for, or its occurrence was taken up.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Moment,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub completed_at: Option<Moment>,
    /// From the start to the end.
    pub duration_ms: Option<u64>,
    /// `running`, `completed`, `failed` or `cancelled`.
    #[schema(example = "completed")]
    pub outcome: &'static str,
    /// What went wrong last.
    pub error: Option<String>,
    /// What its task answered.
    #[schema(value_type = Option<Value>)]
    pub result: Option<Value>,
    /// Whether it was given up because its workers kept dying.
    pub dead_lettered: bool,
}

impl From<&Run> for RunView {
    fn from(run: &Run) -> Self {
        let millis = |length: std::time::Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
        Self {
            run_id: run.id,
            attempts: run.attempt,
            scheduled_for: run.due_at,
            started_at: run.started_at,
            completed_at: run.completed_at,
            duration_ms: run.duration().map(millis),
            outcome: run.outcome.unwrap_or(Status::Running).as_str(),
            error: run.last_error.clone(),
            result: run.result.clone(),
            dead_lettered: run.dead_lettered,
        }
    }
}

//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "JOBS_DLQ_URL",
    "RETENTION_DAYS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The URLs of the job queues: high, medium, low.
    pub job_queues: [String; 3],
    /// The URL of the queue that it drains.
    pub dead_queue: String,
    /// How long runs are kept; for ever if not set.
    pub retention: Option<Duration>,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        let days: u64 = vars.or("RETENTION_DAYS", 90);
        Self {
            table: vars.required("TABLE_NAME"),
            job_queues: [
                vars.required("JOBS_HIGH_QUEUE_URL"),
                vars.required("JOBS_MEDIUM_QUEUE_URL"),
                vars.required("JOBS_LOW_QUEUE_URL"),
            ],
            dead_queue: vars.required("JOBS_DLQ_URL"),
            retention: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
        }
    }
}

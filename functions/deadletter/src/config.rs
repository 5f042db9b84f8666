//! What the function is told by its environment.

use boot::Vars;

/// Every variable that it reads.
pub const VARIABLES: &[&str] =
    &["TABLE_NAME", "JOBS_HIGH_QUEUE_URL", "JOBS_MEDIUM_QUEUE_URL", "JOBS_LOW_QUEUE_URL", "JOBS_DLQ_URL"];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:GetItem",
    "dynamodb:PutItem",
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
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        Self {
            table: vars.required("TABLE_NAME"),
            job_queues: [
                vars.required("JOBS_HIGH_QUEUE_URL"),
                vars.required("JOBS_MEDIUM_QUEUE_URL"),
                vars.required("JOBS_LOW_QUEUE_URL"),
            ],
            dead_queue: vars.required("JOBS_DLQ_URL"),
        }
    }
}

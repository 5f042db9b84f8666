//! What the worker is told by its environment.

use std::time::Duration;

use boot::Vars;
use domain::retry::Backoff;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_URL",
    "JOB_RETRY_BASE_MS",
    "SIMULATED_TASK_MS",
    "SIMULATE_JOB_FAILURE",
    "EGRESS_ALLOW",
    "RETENTION_DAYS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchWriteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// The worker's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The URLs of the job queues: high, medium, low.
    pub job_queues: [String; 3],
    /// The URL of the queue of deliveries.
    pub webhook_queue: String,
    /// Where every event goes besides, if anywhere.
    pub webhook_url: Option<String>,
    /// How failed attempts wait.
    pub backoff: Backoff,
    /// How long a simulated task takes.
    pub simulated_task: Duration,
    /// Whether every simulated task fails.
    pub simulate_failure: bool,
    /// Private addresses that an `http` task may call.
    pub egress_allow: egress::Allow,
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
            webhook_queue: vars.required("WEBHOOK_QUEUE_URL"),
            webhook_url: vars.text(["WEBHOOK_URL", "OUTBOUND_WEBHOOK"]),
            backoff: Backoff::new(Duration::from_millis(vars.or("JOB_RETRY_BASE_MS", 1_000))),
            simulated_task: Duration::from_millis(vars.or("SIMULATED_TASK_MS", 3_000)),
            simulate_failure: vars.flag("SIMULATE_JOB_FAILURE", false),
            egress_allow: vars.or("EGRESS_ALLOW", egress::Allow::none()),
            retention: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
        }
    }
}

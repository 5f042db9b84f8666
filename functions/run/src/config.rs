//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use edge::CorsPolicy;
use store::Shards;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "AUTH_SECRET_ID",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_DLQ_URL",
    "WEBHOOK_URL",
    "RATE_LIMIT_MAX",
    "RATE_LIMIT_WINDOW_MS",
    "SIMULATED_TASK_MS",
    "RETENTION_DAYS",
    "DUE_SHARDS",
    "CORS_ORIGINS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ListMessageMoveTasks",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
    "sqs:StartMessageMoveTask",
];

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The id of the secret that signs tokens.
    pub auth_secret: String,
    /// The URLs of the job queues: high, medium, low.
    pub job_queues: [String; 3],
    /// The URL of the queue of deliveries.
    pub webhook_queue: String,
    /// The URL of the queue of deliveries that nobody took.
    pub webhook_dead: String,
    /// Where every event goes besides, if anywhere.
    pub webhook_url: Option<String>,
    /// How many runs a user may start in a window; 0 for any number.
    pub limit: u64,
    /// How long the window is.
    pub window: Duration,
    /// How long a simulated task takes.
    pub simulated_task: Duration,
    /// How long what has ended is kept; for ever if not set.
    pub retention: Option<Duration>,
    /// Over how many partitions of the index what falls due is spread.
    pub shards: Shards,
    /// Which origins a browser may call from.
    pub cors: CorsPolicy,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        let days: u64 = vars.or("RETENTION_DAYS", 90);
        Self {
            table: vars.required("TABLE_NAME"),
            auth_secret: vars.required("AUTH_SECRET_ID"),
            job_queues: [
                vars.required("JOBS_HIGH_QUEUE_URL"),
                vars.required("JOBS_MEDIUM_QUEUE_URL"),
                vars.required("JOBS_LOW_QUEUE_URL"),
            ],
            webhook_queue: vars.required("WEBHOOK_QUEUE_URL"),
            webhook_dead: vars.required("WEBHOOK_DLQ_URL"),
            webhook_url: vars.text(["WEBHOOK_URL", "OUTBOUND_WEBHOOK"]),
            limit: vars.or("RATE_LIMIT_MAX", 100),
            window: vars.duration(["RATE_LIMIT_WINDOW_MS", "RATE_LIMIT_WINDOW"], Duration::from_secs(900)),
            simulated_task: Duration::from_millis(vars.or("SIMULATED_TASK_MS", 3_000)),
            retention: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
            shards: vars.or("DUE_SHARDS", Shards::default()),
            cors: CorsPolicy::read(vars),
        }
    }
}

//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use boot::secrets::WebhookSecret;
use edge::CorsPolicy;
use store::Shards;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "AUTH_SECRET_ID",
    "DATA_SECRET_ID",
    "WEBHOOK_SECRET",
    "WEBHOOK_SECRET_ID",
    "RATE_LIMIT_MAX",
    "RATE_LIMIT_WINDOW_MS",
    "SIMULATED_TASK_MS",
    "UNKNOWN_TASK_TYPE",
    "DUE_SHARDS",
    "RETENTION_DAYS",
    "SCHEDULE_MIN_SECONDS",
    "CORS_ORIGINS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:Scan",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessage",
];

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The URLs of the job queues: high, medium, low.
    pub job_queues: [String; 3],
    /// The id of the secret that signs tokens and cursors.
    pub auth_secret: String,
    /// The id of the secret that seals the secrets in the table.
    pub data_secret: String,
    /// What signs the deployment's own webhooks, if it has any.
    pub webhook_secret: Option<WebhookSecret>,
    /// How long a simulated task takes.
    pub simulated_task: Duration,
    /// How many runs a user may start in a window; 0 for any number.
    pub limit: u64,
    /// How long the window is.
    pub window: Duration,
    /// Whether a job of an unknown type is refused; else it runs as `simulate`.
    pub refuse_unknown_types: bool,
    /// Over how many partitions of the index what falls due is spread.
    pub shards: Shards,
    /// How long ended jobs are kept; for ever if not set.
    pub retention: Option<Duration>,
    /// How close to each other the occurrences of a schedule may be.
    pub least_interval: Duration,
    /// Which web pages may call.
    pub cors: CorsPolicy,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        let unknown = vars.text("UNKNOWN_TASK_TYPE").map(|text| text.to_ascii_lowercase());
        if unknown.as_deref().is_some_and(|text| !matches!(text, "reject" | "simulate")) {
            vars.fault("UNKNOWN_TASK_TYPE", "must be simulate or reject");
        }
        let days: u64 = vars.or("RETENTION_DAYS", 90);
        Self {
            table: vars.required("TABLE_NAME"),
            job_queues: [
                vars.required("JOBS_HIGH_QUEUE_URL"),
                vars.required("JOBS_MEDIUM_QUEUE_URL"),
                vars.required("JOBS_LOW_QUEUE_URL"),
            ],
            auth_secret: vars.required("AUTH_SECRET_ID"),
            data_secret: vars.required("DATA_SECRET_ID"),
            webhook_secret: WebhookSecret::read(vars),
            simulated_task: Duration::from_millis(vars.or("SIMULATED_TASK_MS", 3_000)),
            limit: vars.or("RATE_LIMIT_MAX", 100),
            window: vars.duration(["RATE_LIMIT_WINDOW_MS", "RATE_LIMIT_WINDOW"], Duration::from_secs(900)),
            refuse_unknown_types: unknown.as_deref() == Some("reject"),
            shards: vars.or("DUE_SHARDS", Shards::default()),
            retention: (days > 0).then(|| Duration::from_secs(days.saturating_mul(86_400))),
            least_interval: Duration::from_secs(vars.or("SCHEDULE_MIN_SECONDS", 1)),
            cors: CorsPolicy::read(vars),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_it_lists_and_for_nothing_else() {
        let mut vars = Vars::new([("UNKNOWN_TASK_TYPE", "Explode")]);
        Config::read(&mut vars);
        let mut listed = VARIABLES.to_vec();
        listed.sort_unstable();
        assert_eq!(vars.names(), listed);
        let faults = vars.finish().unwrap_err();
        let named: Vec<_> = faults.faults().iter().map(|fault| fault.name).collect();
        assert_eq!(
            named,
            [
                "UNKNOWN_TASK_TYPE",
                "TABLE_NAME",
                "JOBS_HIGH_QUEUE_URL",
                "JOBS_MEDIUM_QUEUE_URL",
                "JOBS_LOW_QUEUE_URL",
                "AUTH_SECRET_ID",
                "DATA_SECRET_ID"
            ]
        );
    }
}

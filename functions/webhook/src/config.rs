//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use boot::secrets::WebhookSecret;
use domain::steps::Steps;
use egress::Allow;

/// Every variable that the function reads; a test holds the template to it.
pub const VARIABLES: &[&str] = &[
    "DATA_SECRET_ID",
    "EGRESS_ALLOW",
    "JOBS_LOW_QUEUE_URL",
    "LOG_LEVEL",
    "RETENTION_DAYS",
    "TABLE_NAME",
    "WEBHOOK_DISABLE_DAYS",
    "WEBHOOK_DLQ_URL",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_RETRY_SCHEDULE",
    "WEBHOOK_SECRET",
    "WEBHOOK_SECRET_ID",
];

/// Every AWS action that the function calls, or that is called in its name; a test holds its role to it.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
];

/// For how many days an endpoint may do nothing but fail, unless `WEBHOOK_DISABLE_DAYS` says otherwise.
const DISABLE_DAYS: u32 = 5;
/// How long delivery records are kept, unless `RETENTION_DAYS` says otherwise.
const RETENTION_DAYS: u32 = 90;
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The function's configuration.
#[derive(Debug)]
pub struct Config {
    /// The table.
    pub table: String,
    /// The name or ARN of the secret that seals the secrets in the table.
    pub data_secret: String,
    /// The queue of deliveries.
    pub queue_url: String,
    /// Where deliveries go that nobody took.
    pub dead_url: String,
    /// The queue of whoever tells owners by e-mail.
    pub low_queue_url: String,
    /// What signs the deployment's own webhooks, if it has any.
    pub secret: Option<WebhookSecret>,
    /// How long to wait between attempts.
    pub steps: Steps,
    /// What the address guard lets through.
    pub allow: Allow,
    /// How long an endpoint may do nothing but fail before it is switched off; `None` for ever.
    pub disable_after: Option<Duration>,
    /// How long a delivery's record is kept after its last attempt; `None` for ever.
    pub retention: Option<Duration>,
}

impl Config {
    /// Reads the variables; use it only if [`Vars::finish`] is content.
    pub fn read(vars: &mut Vars) -> Self {
        Self {
            table: vars.required("TABLE_NAME"),
            data_secret: vars.required("DATA_SECRET_ID"),
            queue_url: vars.required("WEBHOOK_QUEUE_URL"),
            dead_url: vars.required("WEBHOOK_DLQ_URL"),
            low_queue_url: vars.required("JOBS_LOW_QUEUE_URL"),
            secret: WebhookSecret::read(vars),
            steps: vars.optional("WEBHOOK_RETRY_SCHEDULE").unwrap_or_default(),
            allow: vars.optional("EGRESS_ALLOW").unwrap_or_default(),
            disable_after: match vars.or("WEBHOOK_DISABLE_DAYS", DISABLE_DAYS) {
                0 => None,
                days => Some(DAY * days),
            },
            retention: match vars.or("RETENTION_DAYS", RETENTION_DAYS) {
                0 => None,
                days => Some(DAY * days),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: [(&str, &str); 5] = [
        ("TABLE_NAME", "nightjar"),
        ("DATA_SECRET_ID", "data"),
        ("JOBS_LOW_QUEUE_URL", "http://sqs/jobs-low"),
        ("WEBHOOK_QUEUE_URL", "http://sqs/webhooks"),
        ("WEBHOOK_DLQ_URL", "http://sqs/webhooks-dlq"),
    ];

    fn with(more: &[(&'static str, &'static str)]) -> Vars {
        Vars::new(NEEDED.iter().chain(more).copied())
    }

    #[test]
    fn asks_for_no_variable_but_those_it_lists() {
        let mut vars = with(&[]);
        let config = Config::read(&mut vars);
        assert_eq!(vars.finish(), Ok(()));
        let mut asked = vars.names();
        // boot::telemetry reads it before anything else.
        asked.push("LOG_LEVEL");
        asked.sort_unstable();
        assert_eq!(asked, VARIABLES);
        assert_eq!(config.steps, Steps::default());
        assert_eq!(config.retention, Some(Duration::from_secs(90 * 24 * 3_600)));
        assert_eq!(config.disable_after, Some(Duration::from_secs(5 * 24 * 3_600)));
        assert!(config.allow.is_empty() && config.secret.is_none());
    }

    #[test]
    fn tells_of_every_fault_and_of_no_secret() {
        let mut vars = Vars::new([
            ("EGRESS_ALLOW", "home"),
            ("WEBHOOK_RETRY_SCHEDULE", "soon"),
            ("RETENTION_DAYS", "-1"),
            ("WEBHOOK_DISABLE_DAYS", "some"),
        ]);
        Config::read(&mut vars);
        assert_eq!(vars.finish().unwrap_err().faults().len(), 9);
        let config = Config::read(&mut with(&[("WEBHOOK_SECRET", "whsec_hidden"), ("RETENTION_DAYS", "0")]));
        assert!(config.secret.is_some());
        assert!(!format!("{config:?}").contains("hidden"));
        assert_eq!(config.retention, None);
    }
}

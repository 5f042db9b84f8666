//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use edge::CorsPolicy;
use egress::Allow;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "AUTH_SECRET_ID",
    "DATA_SECRET_ID",
    "WEBHOOK_QUEUE_URL",
    "WEBHOOK_URL",
    "EGRESS_ALLOW",
    "RATE_LIMIT_MAX",
    "RATE_LIMIT_WINDOW_MS",
    "REDELIVER_RATE_MAX",
    "CORS_ORIGINS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "secretsmanager:GetSecretValue",
    "sqs:SendMessage",
];

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The id of the secret that signs tokens and cursors.
    pub auth_secret: String,
    /// The id of the secret that seals the secrets in the table.
    pub data_secret: String,
    /// The URL of the queue of deliveries.
    pub webhook_queue: String,
    /// Where every event goes besides, if anywhere.
    pub webhook_url: Option<String>,
    /// What the address guard lets through.
    pub allow: Allow,
    /// How often a user may try endpoints in a window; 0 for any number.
    pub limit: u64,
    /// How many deliveries a user may have sent again in a window; 0 for any number.
    pub redeliver_limit: u64,
    /// How long the window is.
    pub window: Duration,
    /// Which origins a browser may call from.
    pub cors: CorsPolicy,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        Self {
            table: vars.required("TABLE_NAME"),
            auth_secret: vars.required("AUTH_SECRET_ID"),
            data_secret: vars.required("DATA_SECRET_ID"),
            webhook_queue: vars.required("WEBHOOK_QUEUE_URL"),
            webhook_url: vars.text(["WEBHOOK_URL", "OUTBOUND_WEBHOOK"]),
            allow: vars.optional("EGRESS_ALLOW").unwrap_or_default(),
            limit: vars.or("RATE_LIMIT_MAX", 100),
            redeliver_limit: vars.or("REDELIVER_RATE_MAX", 1_000),
            window: vars.duration(["RATE_LIMIT_WINDOW_MS", "RATE_LIMIT_WINDOW"], Duration::from_secs(900)),
            cors: CorsPolicy::read(vars),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_it_lists_and_for_nothing_else() {
        let mut vars = Vars::new([("EGRESS_ALLOW", "home"), ("REDELIVER_RATE_MAX", "many")]);
        Config::read(&mut vars);
        let mut listed = VARIABLES.to_vec();
        listed.sort_unstable();
        assert_eq!(vars.names(), listed);
        let faults = vars.finish().unwrap_err();
        let mut named: Vec<_> = faults.faults().iter().map(|fault| fault.name).collect();
        named.sort_unstable();
        assert_eq!(
            named,
            [
                "AUTH_SECRET_ID",
                "DATA_SECRET_ID",
                "EGRESS_ALLOW",
                "REDELIVER_RATE_MAX",
                "TABLE_NAME",
                "WEBHOOK_QUEUE_URL"
            ]
        );
    }
}

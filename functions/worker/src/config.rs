//! What the worker is told by its environment.

use std::time::Duration;

use boot::Vars;
use domain::retry::Backoff;
use domain::webhook_url::HttpUrl;
use store::Shards;
use tasks::Address;

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
    "DUE_SHARDS",
    "MAIL_FROM",
    "MAIL_RATE_MAX",
    "NOTICE_RATE_MAX",
    "PUBLIC_URL",
    "WEBHOOK_DISABLE_DAYS",
];

/// Every AWS action that it may take.
pub const ACTIONS: &[&str] = &[
    "dynamodb:BatchGetItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:Query",
    "dynamodb:UpdateItem",
    "ses:SendEmail",
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
    /// Over how many partitions of the index what falls due is spread.
    pub shards: Shards,
    /// Who e-mail comes from; without it none is sent.
    pub mail_from: Option<String>,
    /// To how many recipients a day a user's `email` tasks may send; 0 for any number.
    pub mail_rate_max: u64,
    /// Of how many failures an hour an owner is told; 0 for any number.
    pub notice_rate_max: u64,
    /// Where the web page is, without a slash at its end; e-mail links to it.
    pub public_url: Option<String>,
    /// After how many days an endpoint is switched off that does nothing but fail; `None` for never.
    pub disable_days: Option<u32>,
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
            shards: vars.or("DUE_SHARDS", Shards::default()),
            mail_from: mail_from(vars),
            mail_rate_max: vars.or("MAIL_RATE_MAX", 200),
            notice_rate_max: vars.or("NOTICE_RATE_MAX", 10),
            public_url: public_url(vars),
            disable_days: Some(vars.or("WEBHOOK_DISABLE_DAYS", 5)).filter(|days| *days > 0),
        }
    }
}

/// An address, or a name and an address in angle brackets.
fn mail_from(vars: &mut Vars) -> Option<String> {
    let text = vars.text("MAIL_FROM")?;
    let address = match text.strip_suffix('>').map(|text| text.rsplit_once('<')) {
        Some(Some((_, address))) => address,
        Some(None) | None => &text,
    };
    if Address::parse(address).is_err() || text.contains(char::is_control) {
        vars.fault(
            "MAIL_FROM",
            "must be an address, as nightjar@example.com or Nightjar <nightjar@example.com>",
        );
    }
    Some(text)
}

fn public_url(vars: &mut Vars) -> Option<String> {
    let text = vars.text("PUBLIC_URL")?;
    if HttpUrl::parse(&text).is_err() || text.contains(['?', '#']) {
        vars.fault("PUBLIC_URL", "must be an http:// or https:// URL without a query");
    }
    Some(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two settings, or the names of those that are wrong.
    fn read(from: &str, url: &str) -> Result<(Option<String>, Option<String>), Vec<&'static str>> {
        let mut vars = Vars::new([("MAIL_FROM", from), ("PUBLIC_URL", url)]);
        let read = (mail_from(&mut vars), public_url(&mut vars));
        let finished = vars.finish();
        finished.map(|()| read).map_err(|error| error.faults().iter().map(|fault| fault.name).collect())
    }

    #[test]
    fn a_sender_is_an_address_with_or_without_a_name() {
        for good in ["nightjar@example.com", "Nightjar <nightjar@example.com>", "<n@example.com>"] {
            assert_eq!(read(good, ""), Ok((Some(good.to_owned()), None)));
        }
        for bad in
            ["nightjar", "Nightjar <nightjar>", "Nightjar nightjar@example.com", "a@b.c>", "A\nB <a@b.c>"]
        {
            assert_eq!(read(bad, ""), Err(vec!["MAIL_FROM"]), "{bad}");
        }
        assert_eq!(read(" ", " "), Ok((None, None)));
    }

    #[test]
    fn the_public_url_ends_without_a_slash() {
        let read = |url: &str| read("", url).map(|(_, url)| url.unwrap_or_default());
        assert_eq!(read("https://jobs.example.com/app//").as_deref(), Ok("https://jobs.example.com/app"));
        for bad in
            ["jobs.example.com", "https://a.example/?x", "https://a.example/#x", "https://u:p@a.example"]
        {
            assert_eq!(read(bad), Err(vec!["PUBLIC_URL"]), "{bad}");
        }
    }
}

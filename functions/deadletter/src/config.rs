//! What the function is told by its environment.

use std::time::Duration;

use boot::Vars;
use store::Shards;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "JOBS_DLQ_URL",
    "RETENTION_DAYS",
    "DUE_SHARDS",
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
    /// Over how many partitions of the index what falls due is spread.
    pub shards: Shards,
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
            shards: vars.or("DUE_SHARDS", Shards::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_for_what_it_lists_and_for_nothing_else() {
        let mut vars = Vars::new([("DUE_SHARDS", "65"), ("RETENTION_DAYS", "0")]);
        let config = Config::read(&mut vars);
        let mut listed = VARIABLES.to_vec();
        listed.sort_unstable();
        assert_eq!(vars.names(), listed);
        assert_eq!((config.shards, config.retention), (Shards::default(), None));
        let faults = vars.finish().unwrap_err();
        let named: Vec<_> = faults.faults().iter().map(|fault| fault.name).collect();
        let queues = ["JOBS_HIGH_QUEUE_URL", "JOBS_MEDIUM_QUEUE_URL", "JOBS_LOW_QUEUE_URL", "JOBS_DLQ_URL"];
        assert_eq!(named, [&["TABLE_NAME"], &queues[..], &["DUE_SHARDS"]].concat());
    }
}

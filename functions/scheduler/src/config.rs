//! What the function is told by its environment.

use std::num::NonZeroUsize;

use boot::Vars;
use store::Shards;

/// Every variable that it reads.
pub const VARIABLES: &[&str] = &[
    "TABLE_NAME",
    "JOBS_HIGH_QUEUE_URL",
    "JOBS_MEDIUM_QUEUE_URL",
    "JOBS_LOW_QUEUE_URL",
    "DUE_SHARDS",
    "TICK_PARALLELISM",
];

/// Every AWS action that it may take. A batch is sent under the right to send a message.
pub const ACTIONS: &[&str] = &["dynamodb:Query", "dynamodb:UpdateItem", "sqs:SendMessage"];

/// Sixteen updates at once are some 3,000 a second: what a new table takes without throttling.
const PARALLELISM: NonZeroUsize = NonZeroUsize::MIN.saturating_add(15);
/// Beyond this the connections cost more than they bring.
const MOST_PARALLEL: usize = 256;

/// The function's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The table's name.
    pub table: String,
    /// The URLs of the job queues: high, medium, low.
    pub job_queues: [String; 3],
    /// Over how many shards the functions that write jobs spread what falls due.
    pub shards: Shards,
    /// How many shards are read at once, and how many batches are sent at once.
    pub parallelism: NonZeroUsize,
}

impl Config {
    /// Reads the settings; what is wrong with them is noted in `vars`.
    pub fn read(vars: &mut Vars) -> Self {
        let parallelism: NonZeroUsize = vars.or("TICK_PARALLELISM", PARALLELISM);
        if parallelism.get() > MOST_PARALLEL {
            vars.fault("TICK_PARALLELISM", format!("must be a number from 1 to {MOST_PARALLEL}"));
        }
        Self {
            table: vars.required("TABLE_NAME"),
            job_queues: [
                vars.required("JOBS_HIGH_QUEUE_URL"),
                vars.required("JOBS_MEDIUM_QUEUE_URL"),
                vars.required("JOBS_LOW_QUEUE_URL"),
            ],
            shards: vars.or("DUE_SHARDS", Shards::default()),
            parallelism,
        }
    }
}

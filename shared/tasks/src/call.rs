//! What a task is given, and what it answers.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use domain::job::Job;
use domain::life::Attempt;
use serde_json::Value;

use crate::{Mailer, Outbound};

/// What a task is given.
pub struct Call<'a> {
    /// The job, with its attempt claimed.
    pub job: &'a Job,
    /// Its payload. It need not pass the check: the job may have had another type when it was created.
    pub payload: Value,
    /// The attempt.
    pub attempt: Attempt,
    /// How long it may take. Whoever calls holds it to that; a task that knows may do with less.
    pub limit: Duration,
    /// What lies outside.
    pub world: &'a World,
}

/// What lies outside: the ways out, and the settings.
#[derive(Clone)]
pub struct World {
    /// The way out over HTTP.
    pub outbound: Arc<dyn Outbound>,
    /// The way out by e-mail.
    pub mailer: Arc<dyn Mailer>,
    /// How long a simulated task takes.
    pub simulated_task: Duration,
    /// Whether every simulated task fails.
    pub simulate_failure: bool,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("simulated_task", &self.simulated_task)
            .field("simulate_failure", &self.simulate_failure)
            .finish_non_exhaustive()
    }
}

/// How a task fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt may succeed.
    Again(String),
    /// No attempt would.
    Final(String),
}

/// What a task answers: a result to keep, or why there is none. A result is kept in the job's record, of which
/// every write is paid for by its size: a few hundred bytes are a good result, and a kilobyte is a large one.
pub type Answer = Result<Option<Value>, Failure>;

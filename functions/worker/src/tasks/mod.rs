//! The tasks: one file a type, and one line in the registry.

mod http;
mod simulate;

use std::time::Duration;

use domain::job::Job;
use domain::life::Attempt;
use futures::future::BoxFuture;
use serde_json::Value;

use crate::Config;

/// What a task is given.
pub struct Call<'a> {
    /// The job, with its attempt claimed.
    pub job: &'a Job,
    /// Its payload.
    pub payload: Value,
    /// The attempt.
    pub attempt: Attempt,
    /// The worker's settings.
    pub config: &'a Config,
    /// The way out.
    pub egress: &'a egress::Client,
    /// How long it may take.
    pub limit: Duration,
}

/// How a task fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt may succeed.
    Again(String),
    /// No attempt would.
    Final(String),
}

/// What a task answers: a result to keep, or why there is none.
pub type Answer = Result<Option<Value>, Failure>;

type Execute = for<'a> fn(&'a Call<'a>) -> BoxFuture<'a, Answer>;

/// Every type, by its name in `domain::task::TYPES`.
const REGISTRY: &[(&str, Execute)] =
    &[("simulate", |call| Box::pin(simulate::run(call))), ("http", |call| Box::pin(http::run(call)))];

/// Runs the task of the job's type; an unknown type runs as `simulate`.
pub async fn run(call: &Call<'_>) -> Answer {
    let find = |name: &str| REGISTRY.iter().find(|(known, _)| *known == name);
    match find(&call.job.task_type).or_else(|| find(domain::task::DEFAULT)) {
        Some((_, execute)) => execute(call).await,
        None => Err(Failure::Final("no task is registered".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_can_be_created_can_be_executed() {
        let created: Vec<_> = domain::task::TYPES.iter().map(|known| known.name).collect();
        let executed: Vec<_> = REGISTRY.iter().map(|(name, _)| *name).collect();
        assert_eq!(created, executed);
    }
}

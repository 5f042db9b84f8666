//! What a job can do: one file a task type.
//!
//! A type's file says what is wrong with a payload, before a job is created, and does the work, when the job
//! runs. Whoever creates jobs and whoever runs them both read it here, so that the two cannot disagree. What a
//! task needs of the outside world is handed to it ([`World`]): this crate calls no network by itself, and a
//! function that only checks payloads carries no client for it.
//!
//! `docs/ADDING_A_TASK.md` adds a type, step by step.

#[macro_use]
mod registry;

mod call;
mod mail;
mod outbound;
mod reading;
#[cfg(test)]
mod trial;

use std::time::Duration;

use domain::input::Fault;
use futures::future::BoxFuture;
use serde_json::Value;

pub use call::{Answer, Call, Failure, World};
pub use mail::{Address, Mail, MailFailure, Mailer, NotAnAddress, Why};
pub use outbound::{Outbound, Request, Response, is_reserved};

task_types! { simulate, http, email }

/// The type of a job that names none, and of one whose type nobody knows.
pub const DEFAULT: &str = "simulate";

/// A task type.
pub struct TaskType {
    /// As it stands in a job's `type`: the name of its file.
    pub name: &'static str,
    /// What is wrong with a payload, each fault with its place, from `/payload` on.
    pub check: fn(&Value) -> Vec<Fault>,
    /// Does it.
    pub run: for<'a> fn(&'a Call<'a>) -> BoxFuture<'a, Answer>,
}

/// The type of that name.
pub fn find(name: &str) -> Option<&'static TaskType> {
    TYPES.iter().find(|known| known.name == name)
}

/// Does what the job's type says; an unknown type is done as the default one.
pub async fn run(call: &Call<'_>) -> Answer {
    match find(&call.job.task_type).or_else(|| find(DEFAULT)) {
        Some(known) => (known.run)(call).await,
        None => Err(Failure::Final("no task type is known here".to_owned())),
    }
}

/// How long a run message of this type waits in its queue: the simulated task takes its time there and not in
/// a worker that is paid by the millisecond.
pub fn start_delay(name: &str, simulated: Duration) -> Duration {
    if name == DEFAULT || find(name).is_none() { simulated } else { Duration::ZERO }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_is_found_by_its_name_and_no_other_is() {
        for known in TYPES {
            assert_eq!(find(known.name).map(|found| found.name), Some(known.name));
        }
        assert!(find(DEFAULT).is_some());
        assert!(find("HTTP").is_none() && find("").is_none());
    }

    #[test]
    fn no_check_falls_over_a_payload_of_another_shape() {
        for known in TYPES {
            for payload in [json!(null), json!("text"), json!(7), json!([1]), json!({}), json!({"to": [[]]})]
            {
                let faults = (known.check)(&payload);
                assert!(faults.iter().all(|fault| fault.pointer.starts_with("/payload")), "{faults:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_type_that_nobody_knows_is_done_as_the_default() {
        let answer = trial::run("teleport", json!({})).await;
        assert_eq!(answer, Ok(Some(json!({"simulated": true, "attempt": 1}))));
    }

    #[test]
    fn only_simulated_work_waits_in_the_queue() {
        let three = Duration::from_secs(3);
        assert_eq!(start_delay("simulate", three), three);
        assert_eq!(start_delay("something unheard of", three), three);
        assert_eq!(start_delay("http", three), Duration::ZERO);
        assert_eq!(start_delay("email", three), Duration::ZERO);
    }
}

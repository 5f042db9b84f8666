//! A task that does nothing, for as long as it is told, and fails when it is told to.
//!
//! Its time passes in the queue, as the delay of its message. Here only what is less than a second is waited.
//! Payload: anything; `fail` and `failTimes` make it fail, always or so many times.

use std::time::Duration;

use domain::input::Fault;
use serde_json::{Value, json};

use crate::{Answer, Call, Failure};

pub(crate) fn check(_: &Value) -> Vec<Fault> {
    Vec::new()
}

pub(crate) async fn run(call: &Call<'_>) -> Answer {
    let rest = Duration::from_millis(u64::from(call.world.simulated_task.subsec_millis()));
    if !rest.is_zero() {
        tokio::time::sleep(rest).await;
    }
    let asked = call.payload.get("fail").and_then(Value::as_bool).unwrap_or(false);
    let times = call.payload.get("failTimes").and_then(Value::as_u64).unwrap_or(0);
    let number = u64::from(call.attempt.number);
    if call.world.simulate_failure {
        return Err(Failure::Again("simulated failure: SIMULATE_JOB_FAILURE is set".to_owned()));
    }
    if asked {
        return Err(Failure::Again("simulated failure: the payload says fail".to_owned()));
    }
    if number <= times {
        return Err(Failure::Again(format!("simulated failure {number} of {times}")));
    }
    Ok(Some(json!({ "simulated": true, "attempt": number })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial;

    #[tokio::test]
    async fn it_fails_when_it_is_told_to_and_takes_any_payload() {
        for payload in [json!(null), json!("text"), json!({"failTimes": "x"}), json!({"fail": false})] {
            assert_eq!(check(&payload), []);
            assert!(trial::run("simulate", payload).await.is_ok());
        }
        for (payload, why) in [
            (json!({"fail": true}), "simulated failure: the payload says fail"),
            (json!({"failTimes": 2}), "simulated failure 1 of 2"),
        ] {
            assert_eq!(trial::run("simulate", payload).await, Err(Failure::Again(why.to_owned())));
        }
    }
}

//! A task that does nothing, for as long as it is told, and fails when it is told to.
//!
//! Its time passes in the queue, as the delay of its message. Here only what is less than a second is waited.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Call, Failure};

pub(super) async fn run(call: &Call<'_>) -> Answer {
    let rest = Duration::from_millis(u64::from(call.config.simulated_task.subsec_millis()));
    if !rest.is_zero() {
        tokio::time::sleep(rest).await;
    }
    let asked = call.payload.get("fail").and_then(Value::as_bool).unwrap_or(false);
    let times = call.payload.get("failTimes").and_then(Value::as_u64).unwrap_or(0);
    let number = u64::from(call.attempt.number);
    if call.config.simulate_failure {
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

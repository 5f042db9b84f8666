//! The tick as a Lambda.

use domain::time::Moment;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use scheduler::Scheduler;
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::telemetry::init();
    let function = &Scheduler::init().await?;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let end = i64::try_from(event.context.deadline).unwrap_or(i64::MAX);
        // A tick that was left unfinished counts as an error of the function, which is what the alarm watches.
        Ok::<_, Error>(function.handle_until(event.payload, Moment::from_millis(end)).await?)
    }))
    .await
}

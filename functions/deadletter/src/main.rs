//! The drain of dead letters as a Lambda.

use aws_lambda_events::event::sqs::SqsEvent;
use deadletter::DeadLetter;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::telemetry::init();
    let function = DeadLetter::init().await?;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async {
        Ok::<_, Error>(function.handle(event.payload).await)
    }))
    .await
}

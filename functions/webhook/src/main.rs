//! The Lambda function that delivers webhooks.

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let webhook = &webhook::init().await?;
    run(service_fn(async |event: LambdaEvent<SqsEvent>| Ok::<_, Error>(webhook.handle(event.payload).await)))
        .await
}

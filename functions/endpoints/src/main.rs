//! Webhook endpoints as a Lambda.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::telemetry::init();
    edge::lambda::run(endpoints::init().await?).await
}

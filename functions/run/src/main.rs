//! `run`, `rerun` and `cancel` as a Lambda.

use lambda_http::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    boot::telemetry::init();
    edge::lambda::run(run::init().await?).await
}

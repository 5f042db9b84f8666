//! `nightjar-local`, for tests that start it, kill it and start it again.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    local::cli::main().await
}

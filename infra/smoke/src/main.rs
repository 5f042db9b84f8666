//! `smoke --url URL`: whether the deployment that answers there does what it is for.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// Registers a throwaway user, runs a job with a webhook to its end, and deletes the account again.
#[derive(Debug, Parser)]
#[command(name = "smoke")]
struct CommandLine {
    /// Where the deployment answers, such as the output ApiUrl of the stack
    #[arg(long)]
    url: String,
    /// How many seconds a job, its webhook and the lists may take each
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let asked = CommandLine::parse();
    match smoke::smoke(&asked.url, Duration::from_secs(asked.patience), tell).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failed) => {
            complain(&asked.url, &failed);
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout, reason = "it is what was asked for")]
fn tell(step: &str, took: Duration) {
    println!("{:>6} ms  {step}", took.as_millis());
}

#[allow(clippy::print_stderr, reason = "for the person at the terminal")]
fn complain(url: &str, failed: &smoke::Failed) {
    eprintln!("error: {url} does not do what it is for: {failed}");
}

//! Measures the system on one machine: a release build of it on a file, and a closed loop of requests from
//! this process beside it.

mod client;
mod load;
mod punctual;
mod report;
mod rows;
mod seed;
mod server;
mod sink;

use std::error::Error;

use clap::Parser;

/// What to measure.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench")]
struct Settings {
    /// How long each run of a row takes, in seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many runs a row gets; the median is shown.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How many connections ask at once.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// How many jobs are on their way at once in the row of the whole way.
    #[arg(long, default_value_t = 64)]
    in_flight: usize,
    /// How many jobs the largest list has; the smaller ones have a tenth and a thousandth.
    #[arg(long, default_value_t = 1_000_000)]
    largest: usize,
    /// Only rows whose name has this in it.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let settings = Settings::parse();
    let measured = rows::measure(&settings).await?;
    report::print(&settings, &measured);
    Ok(())
}

#[allow(clippy::print_stderr, reason = "for the person who waits")]
fn tell(text: &str) {
    eprintln!("{text}");
}

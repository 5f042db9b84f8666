//! `cargo xtask cost`: what a job of each kind costs in the cloud, and a month in which nobody does anything.

use crate::report::texts;
use crate::shell::Failure;
use crate::tests_run::{build_system, only};

/// The test that makes the bills.
const BILLS: &str = "cost::no_job_and_no_idle_month_costs_more_than_it_may";
/// How many jobs of each kind it runs.
const JOBS: &str = "NIGHTJAR_COST_JOBS";

/// How it is told.
#[derive(clap::Args)]
pub(crate) struct Cost {
    /// How many jobs of each kind are run
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(10..=100))]
    jobs: u64,
    /// Print the bills as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the jobs, prints the bills, and fails if one is higher than it may be.
pub(crate) fn cost(asked: &Cost) -> Result<(), Failure> {
    build_system()?;
    // Full batches only: it is them that the aims are about.
    let jobs = asked.jobs / 10 * 10;
    let (bills, ended) = texts("cost", only(BILLS).env(JOBS, jobs.to_string()))?;
    let bill = bills.get(if asked.json { "bills-json" } else { "bills" });
    print!("{}", bill.ok_or_else(|| Failure::new("nothing was billed"))?);
    ended
}

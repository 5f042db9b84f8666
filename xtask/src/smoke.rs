//! `cargo xtask smoke`: whether a deployment does what it is for.

use crate::local;
use crate::shell::{Failure, build_bins, cargo, program, run, target};

/// Which one.
#[derive(clap::Args)]
pub(crate) struct Smoke {
    /// Where it answers; without a URL, the system is started on this machine for it
    #[arg(long)]
    url: Option<String>,
    /// How many seconds a job, its webhook and the lists may take each
    #[arg(long, default_value_t = 60)]
    patience: u64,
}

/// Asks the deployment, from a program that is built alone: a pipeline has built nothing else.
pub(crate) fn smoke(asked: &Smoke) -> Result<(), Failure> {
    let Some(url) = &asked.url else { return here() };
    let mut command = cargo();
    command.args(["run", "--quiet", "--locked", "--package", "smoke", "--", "--url", url]);
    run(command.args(["--patience", &asked.patience.to_string()]))
}

/// Asks the system on this machine, with everything in memory.
pub(crate) fn here() -> Result<(), Failure> {
    // All binaries at once: so the step before it in CI has built them.
    build_bins()?;
    let log = target().join("smoke.log");
    let (address, _running) = local::start(&log, &["--ephemeral"], &[("LOG_LEVEL", "warn")])?;
    run(program(target().join("debug/smoke")).args(["--url", &format!("http://{address}")]))
        .map_err(|failure| Failure::new(format!("{failure}; what the system logged is in {}", log.display())))
}

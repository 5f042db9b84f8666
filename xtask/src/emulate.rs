//! `cargo xtask emulate`: the binaries that Lambda would run, under Lambda's own runtime interface emulator,
//! with the table, queues and secrets of `infra/local` behind them.

mod engine;
mod events;
pub(crate) mod host;
pub(crate) mod http;
mod receiver;
mod walk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::lambda;
use crate::shell::{Failure, target};
use crate::tidy::FUNCTIONS;
use crate::venv::{Venv, venv};

/// Builds the functions as SAM would, and walks a job through them.
pub(crate) fn emulate() -> Result<(), Failure> {
    let tools = venv()?;
    build(&tools)?;
    let emulator = emulator(&tools)?;
    let engine = engine::Engine::start()?;
    walk::walk(&emulator, &engine)
}

/// Builds all functions for this machine's own processor; the binaries need not be fast.
pub(crate) fn build(tools: &Venv) -> Result<(), Failure> {
    lambda::build(tools, &["--profile", "emulate"], FUNCTIONS.iter().copied())
}

/// The emulator that comes with the SAM CLI, as a copy that may be run.
fn emulator(tools: &Venv) -> Result<PathBuf, Failure> {
    let kind = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let packed = tools.package_file(&format!("samcli/local/rapid/aws-lambda-rie-{kind}"))?;
    let copy = target().join("venv/bin/aws-lambda-rie");
    if !copy.is_file() {
        let failed = || Failure::while_("target/venv/bin/aws-lambda-rie");
        // Put in place by a rename: a copy that was cut short must not be taken for one.
        let part = copy.with_extension("part");
        fs::copy(packed, &part).map_err(failed())?;
        fs::set_permissions(&part, fs::Permissions::from_mode(0o755)).map_err(failed())?;
        fs::rename(&part, &copy).map_err(failed())?;
    }
    Ok(copy)
}

/// The binary that cargo-lambda has built for a function.
fn bootstrap(function: &str) -> PathBuf {
    target().join(format!("lambda/nightjar-{function}/bootstrap"))
}

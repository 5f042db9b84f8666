//! `nightjar-local`, started to be asked.

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use crate::emulate::{host::Running, http};
use crate::shell::{Failure, program, target};

/// Starts it on a free port of this machine, with these arguments and variables, and waits until it listens. What it logs
/// goes to that file. It must have been built.
pub(crate) fn start(
    log: &Path,
    args: &[&str],
    variables: &[(&str, &str)],
) -> Result<(SocketAddr, Running), Failure> {
    let failed = || Failure::while_("nightjar-local");
    let address = http::free_address()?;
    let log = File::create(log).map_err(failed())?;
    let child = program(target().join("debug/nightjar-local"))
        .args(["--port", &address.port().to_string()])
        .args(args)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed())?)
        .stderr(log)
        .spawn()
        .map_err(failed())?;
    Ok((address, Running::once_it_listens(child, address, "nightjar-local")?))
}

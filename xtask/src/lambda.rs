//! Building functions as SAM would: with cargo-lambda and zig.

use crate::shell::{Failure, program, run, variable};
use crate::venv::Venv;

/// What is built for: the machine's own processor, on the operating system of Lambda.
pub(crate) fn triple() -> String {
    format!("{}-unknown-linux-gnu", std::env::consts::ARCH)
}

/// Builds these packages, all at once.
pub(crate) fn build<'a>(
    tools: &Venv,
    options: &[&str],
    packages: impl IntoIterator<Item = &'a str>,
) -> Result<(), Failure> {
    let mut command = program(variable("CARGO").unwrap_or_else(|| "cargo".into()));
    tools.enter(&mut command);
    command.args(["lambda", "build", "--locked", "--target", &triple()]).args(options);
    for package in packages {
        command.args(["--package", package]);
    }
    run(&mut command)
}

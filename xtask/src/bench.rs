//! `cargo xtask bench`: the system under load. `cargo xtask bench cold`: the functions at their start.

use crate::shell::{Failure, build_bins, cargo, program, replace, run, target};
use crate::venv::venv;
use crate::{lambda, tidy};

/// Measures what the first argument names, or the system.
pub(crate) fn bench(args: &[String]) -> Result<(), Failure> {
    match args {
        [first, rest @ ..] if first == "cold" => cold(rest),
        args => warm(args),
    }
}

fn warm(args: &[String]) -> Result<(), Failure> {
    // The benchmark starts the system's binary, which stands beside its own.
    let packages = ["--package", "local", "--package", "bench"];
    run(cargo().args(["build", "--profile", "fast", "--bins"]).args(packages))?;
    replace(program(target().join("fast/bench")).args(args))
}

/// What is measured is a release; what measures it does little, and need not be one.
fn cold(args: &[String]) -> Result<(), Failure> {
    let tools = venv()?;
    let packages = tidy::FUNCTIONS.iter().copied().chain(["bare"]);
    lambda::build(&tools, &["--release", "--output-format", "zip"], packages)?;
    build_bins()?;
    let mut bench = program(target().join("debug/cold"));
    bench.arg("--binaries").arg(target().join(lambda::triple()).join("release"));
    bench.arg("--zips").arg(target().join("lambda")).args(args);
    replace(&mut bench)
}

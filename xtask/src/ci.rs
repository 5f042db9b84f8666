//! `cargo xtask ci`: all checks, then all tests.

use std::fs;
use std::path::PathBuf;

use crate::shell::{Failure, cargo, program, root, run};
use crate::{emulate, iam, openapi, schemathesis, smoke, template, tests_run, tidy};

type Step = fn() -> Result<(), Failure>;

/// Does every step even if one before it failed, and ends with what the test runner says.
pub(crate) fn ci() -> Result<(), Failure> {
    let steps: [(&str, Step); 8] = [
        ("fmt", fmt),
        ("tidy", tidy::tidy),
        ("template", template::template),
        ("clippy", || {
            run(cargo().args(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"]))
        }),
        ("openapi", || openapi::openapi(true)),
        ("emulate", emulate::emulate),
        ("smoke", smoke::here),
        ("schemathesis", || schemathesis::schemathesis(&[])),
    ];
    let mut failed = Vec::new();
    for (name, step) in steps {
        if let Err(failure) = step() {
            eprintln!("error: {failure}");
            failed.push(name);
        }
    }
    let calls = iam::fresh_folder()?;
    let (tally, ended) = tests_run::count(&calls);
    if let Err(failure) = &ended {
        eprintln!("error: {failure}");
        failed.push("test");
    }
    if let Err(failure) = iam::judge(&calls) {
        eprintln!("error: {failure}");
        failed.push("iam");
    }
    if !failed.is_empty() {
        eprintln!("these steps failed: {}", failed.join(", "));
    }
    // A step that failed counts as a failed test: whoever reads only this line must not be misled.
    let other = failed.iter().filter(|name| **name != "test").count();
    let crashed = u64::from(ended.is_err() && tally.failed == 0);
    println!("{} passed, {} failed", tally.passed, tally.failed + other as u64 + crashed);
    if failed.is_empty() { Ok(()) } else { Err(Failure::new("the build is not fit to land")) }
}

fn fmt() -> Result<(), Failure> {
    run(cargo().args(["fmt", "--all", "--check"]))?;
    // A macro makes modules of the task types, and `cargo fmt` does not look into macros.
    let folder = root().join("shared/tasks/src");
    let entries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    let types: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "rs")).collect();
    run(program("rustfmt").args(["--check", "--edition", "2024"]).args(types))
}

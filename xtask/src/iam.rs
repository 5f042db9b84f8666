//! `cargo xtask iam`: what each function asks AWS for in the system tests, against what its role allows.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, run, target};
use crate::tests_run::{aloud, through_the_system};

/// The test that judges, and the variables by which tests know where calls are written down and which to judge.
const JUDGE: &str = "template::calls::functions_make_the_calls_that_their_roles_allow";
const CALLS: &str = "NIGHTJAR_CALLS";
const JUDGED: &str = "NIGHTJAR_JUDGED";

/// Runs every system test with its calls written down, and holds them against the roles in both directions.
pub(crate) fn iam() -> Result<(), Failure> {
    let folder = fresh_folder()?;
    run(&mut noted(through_the_system(), &folder))?;
    judge(&folder)
}

/// The same tests with their calls written down in that folder.
pub(crate) fn noted(mut tests: Command, folder: &Path) -> Command {
    tests.env(CALLS, folder);
    tests
}

/// A folder for the calls of tests, empty.
pub(crate) fn fresh_folder() -> Result<PathBuf, Failure> {
    let folder = target().join("calls");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    Ok(folder)
}

/// Holds the calls in that folder, and those of the last deployment if there was one, against the roles: no call without
/// a permission, no permission without a call or a reason.
pub(crate) fn judge(folder: &Path) -> Result<(), Failure> {
    let deployed = target().join("stack/calls");
    let mut folders = OsString::from(folder);
    if deployed.is_dir() {
        folders.push(":");
        folders.push(deployed);
    }
    run(aloud(JUDGE).env(JUDGED, folders))
}

/// Only that no call lacks a permission: the tests of a deployment do not go through everything.
pub(crate) fn judge_allowed(folder: &Path) -> Result<(), Failure> {
    run(aloud(JUDGE).env(JUDGED, folder).env("NIGHTJAR_JUDGED_IN_PART", "1"))
}

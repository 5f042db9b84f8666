//! Running other programs.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What ends a task: a sentence for the person who started it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// A failure that this sentence tells of.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }

    /// For `map_err`: what was tried, and then why it failed.
    pub(crate) fn while_<E: fmt::Display>(trying: impl fmt::Display) -> impl FnOnce(E) -> Self {
        move |error| Self(format!("{trying}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The folder that cargo builds in.
pub(crate) fn target() -> PathBuf {
    variable("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |path| root().join(path))
}

/// A variable of this process.
#[allow(clippy::disallowed_methods, reason = "a build tool has no configuration but its environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Cargo, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    program(variable("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program, in the workspace's folder.
pub(crate) fn program(name: impl Into<OsString>) -> Command {
    let mut command = Command::new(name.into());
    command.current_dir(root());
    command
}

/// Says what is run, runs it, and fails if it does.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let status = command.status().map_err(Failure::while_(describe(command)))?;
    if status.success() { Ok(()) } else { Err(Failure(format!("`{}` failed ({status})", describe(command)))) }
}

/// Builds the workspace's programs. With a test among what is built their dependencies have the features that they have
/// for the tests, and are built once for both.
pub(crate) fn build_bins() -> Result<(), Failure> {
    run(cargo().args(["build", "--quiet", "--workspace", "--bins", "--test", "system"]))
}

/// Runs it in place of this process, so that Ctrl-C and every other signal reach it alone.
pub(crate) fn replace(command: &mut Command) -> Result<(), Failure> {
    announce(command);
    let error = command.exec();
    Err(Failure(format!("{}: {error}", describe(command))))
}

/// Whether a program can be run at all.
pub(crate) fn answers(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// The program and its arguments, without its folder.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words.map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}

fn announce(command: &Command) {
    eprintln!("$ {}", describe(command));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_a_success_none() {
        assert!(run(&mut program("true")).is_ok());
        let failure = run(program("sh").args(["-c", "exit 3"])).unwrap_err();
        assert!(failure.to_string().starts_with("`sh -c exit 3` failed"), "{failure}");
        assert!(run(&mut program("/nowhere/at-all")).unwrap_err().to_string().starts_with("at-all:"));
    }

    #[test]
    fn the_root_is_the_workspace() {
        assert!(root().join("Cargo.lock").is_file());
    }
}

//! `cargo xtask test`: every test, ending with the runner's own closing line.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::iam::noted;
use crate::shell::{Failure, answers, cargo, describe, run};

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

/// Runs all tests with nextest where it is installed, else with cargo's own runner.
pub(crate) fn test(args: &[String]) -> Result<(), Failure> {
    run(runner().args(args))
}

/// Runs all tests, passes their output on, and counts; their calls to AWS are written down in that folder. The second
/// member tells how the runner ended.
pub(crate) fn count(calls: &Path) -> (Tally, Result<(), Failure>) {
    let mut command = noted(runner(), calls);
    let what = describe(&command);
    eprintln!("$ {what}");
    // One pipe for both streams: nextest closes on stderr, cargo's own runner on stdout.
    let (reader, writer) = match std::io::pipe() {
        Ok(pipe) => pipe,
        Err(error) => return (Tally::default(), Err(Failure::new(format!("no pipe: {error}")))),
    };
    let spawned = writer
        .try_clone()
        .and_then(|second| command.stdin(Stdio::null()).stdout(writer).stderr(second).spawn());
    // The command holds the writing ends until it is dropped, and the reader waits for them to close.
    drop(command);
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return (Tally::default(), Err(Failure::new(format!("{what}: {error}")))),
    };
    let tally = pass_on(reader);
    let ended = match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(format!("`{what}` failed ({status})"))),
        Err(error) => Err(Failure::new(format!("{what}: {error}"))),
    };
    (tally, ended)
}

/// The system tests whose names contain that. Built for the whole workspace, for a package alone would have its
/// dependencies built anew, with fewer features.
pub(crate) fn only(names: &str) -> Command {
    let mut command = with_options(&["--workspace", "--test", "system", "--no-fail-fast"]);
    command.arg(names);
    command
}

/// All tests that go through the system as a whole.
pub(crate) fn through_the_system() -> Command {
    with_options(&["--workspace", "--test", "system", "--test", "outbound", "--no-fail-fast"])
}

/// Builds the system tests, so that a time taken afterwards is that of the tests.
pub(crate) fn build_system() -> Result<(), Failure> {
    run(cargo().args(["test", "--workspace", "--test", "system", "--no-run"]))
}

/// As [`only`], with what the tests print as they print it.
pub(crate) fn aloud(names: &str) -> Command {
    let mut command = only(names);
    if has_nextest() {
        command.arg("--no-capture");
    } else {
        command.args(["--", "--nocapture", "--test-threads", "1"]);
    }
    command
}

fn runner() -> Command {
    with_options(&["--workspace", "--no-fail-fast"])
}

fn with_options(options: &[&str]) -> Command {
    let mut command = cargo();
    if has_nextest() {
        command.args(["nextest", "run"]);
    } else {
        command.arg("test");
    }
    command.args(options);
    command
}

fn has_nextest() -> bool {
    answers(cargo().args(["nextest", "--version"]))
}

fn pass_on(output: impl Read) -> Tally {
    let mut tally = Tally::default();
    for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        if let Some(found) = closing(&line) {
            tally.passed += found.passed;
            tally.failed += found.failed;
        }
    }
    tally
}

/// What a closing line of either runner counts.
fn closing(line: &str) -> Option<Tally> {
    let line = line.trim_start();
    let counts = line.strip_prefix("test result: ").or_else(|| line.strip_prefix("Summary ["))?;
    let mut tally = Tally::default();
    let words: Vec<&str> = counts.split([' ', ',', ';', '(', ')']).filter(|word| !word.is_empty()).collect();
    for pair in words.windows(2) {
        let [number, what] = pair else { continue };
        let Ok(number) = number.parse::<u64>() else { continue };
        match *what {
            "passed" => tally.passed += number,
            "failed" | "timed" | "exec" => tally.failed += number,
            _ => {}
        }
    }
    Some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_closing_lines_of_both_runners() {
        let passed = |passed, failed| Some(Tally { passed, failed });
        assert_eq!(closing("     Summary [   0.019s] 12 tests run: 12 passed, 0 skipped"), passed(12, 0));
        assert_eq!(
            closing(
                "     Summary [   3.2s] 9/12 tests run: 6 passed (1 slow), 2 failed, 1 timed out, 3 skipped"
            ),
            passed(6, 3)
        );
        assert_eq!(
            closing(
                "test result: FAILED. 5 passed; 2 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0s"
            ),
            passed(5, 2)
        );
        assert_eq!(closing("        PASS [   0.003s] domain retry::tests::waits"), None);
    }

    #[test]
    fn adds_up_what_several_binaries_say() {
        let output = "test result: ok. 2 passed; 0 failed\nnoise\ntest result: ok. 3 passed; 1 failed\n";
        assert_eq!(pass_on(output.as_bytes()), Tally { passed: 5, failed: 1 });
    }
}

//! `cargo xtask mutants`: deliberate bugs, each planted in a copy of the sources, and which test catches it.
//!
//! A mutant is a patch in `tests/mutants`, with two lines before it: `What:` is wrong with it, and which tests it is
//! `Caught by:`. The copy is built into the same target folder, so that only the workspace's own crates are built anew.

mod copy;

use std::fs;
use std::path::{Path, PathBuf};

use self::copy::Copy;
use crate::report::clock;
use crate::shell::{Failure, describe, root};

/// Where the mutants are.
const FOLDER: &str = "tests/mutants";
/// The seed to replay; the simulation knows it by the same name.
const SEED: &str = "NIGHTJAR_SEED";

/// A deliberate bug.
#[derive(Debug, PartialEq, Eq)]
struct Mutant {
    name: String,
    /// What is wrong with it.
    what: String,
    /// Which tests catch it: what their names contain.
    tests: String,
    patch: PathBuf,
}

#[derive(clap::Args)]
pub(crate) struct Mutants {
    /// Only the mutants of these names
    names: Vec<String>,
}

/// What tests came to.
struct Ran {
    failed: Vec<String>,
    seed: Option<u64>,
}

/// Plants each bug, and fails if a test that should catch it passes.
pub(crate) fn mutants(asked: &Mutants) -> Result<(), Failure> {
    let mut mutants = mutants_in(&root())?;
    if let Some(name) = asked.names.iter().find(|name| mutants.iter().all(|mutant| mutant.name != **name)) {
        return Err(Failure::new(format!("{FOLDER} has no mutant of the name {name:?}")));
    }
    mutants.retain(|mutant| asked.names.is_empty() || asked.names.contains(&mutant.name));
    let begun = clock();
    let copy = Copy::fresh()?;
    println!("without a mutant");
    let mut tests: Vec<&str> = mutants.iter().map(|mutant| mutant.tests.as_str()).collect();
    tests.sort_unstable();
    tests.dedup();
    build(&copy)?;
    let sound = test(&copy, &tests, None)?;
    if !sound.failed.is_empty() {
        return Err(Failure::new(format!("these fail without any mutant: {}", sound.failed.join(", "))));
    }
    let mut missed = Vec::new();
    for mutant in &mutants {
        println!("{}: {}", mutant.name, mutant.what);
        copy.plant(&mutant.patch)?;
        let caught = build(&copy).and_then(|()| catch(&copy, mutant));
        copy.restore()?;
        match caught? {
            Some(by) => println!("  caught by {by}"),
            None => {
                println!("  NOT CAUGHT by {}", mutant.tests);
                missed.push(mutant.name.as_str());
            }
        }
    }
    let (all, seconds) = (mutants.len(), begun.elapsed().as_secs());
    println!("{} of {all} caught, {seconds} s", all - missed.len());
    match missed.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(format!("not caught: {}", missed.join(", ")))),
    }
}

/// The mutants of a workspace.
fn mutants_in(root: &Path) -> Result<Vec<Mutant>, Failure> {
    let folder = root.join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut mutants: Vec<Mutant> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "patch"))
        .map(read)
        .collect::<Result<_, _>>()?;
    mutants.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(mutants)
}

fn read(patch: PathBuf) -> Result<Mutant, Failure> {
    let text = fs::read_to_string(&patch).map_err(Failure::while_(patch.display()))?;
    let line = |key: &str| {
        let found = text.lines().take(2).find_map(|line| line.strip_prefix(key));
        let found = found.map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        found.ok_or_else(|| Failure::new(format!("{}: its first two lines have no `{key}`", patch.display())))
    };
    let name = patch.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Mutant { name, what: line("What:")?, tests: line("Caught by:")?, patch })
}

/// Which test catches the mutant. A seed that does is replayed, and must do so again.
fn catch(copy: &Copy, mutant: &Mutant) -> Result<Option<String>, Failure> {
    let ran = test(copy, &[&mutant.tests], None)?;
    let Some(first) = ran.failed.first() else { return Ok(None) };
    let Some(seed) = ran.seed else {
        let others = ran.failed.len() - 1;
        return Ok(Some(if others == 0 { first.clone() } else { format!("{first} and {others} more") }));
    };
    let again = test(copy, &[&mutant.tests], Some(seed))?;
    match again.seed {
        Some(replayed) if replayed == seed => Ok(Some(format!("{first}, and {SEED}={seed} replays it"))),
        _ => Err(Failure::new(format!("{first} fails, but {SEED}={seed} does not replay it"))),
    }
}

fn build(copy: &Copy) -> Result<(), Failure> {
    let mut command = copy.cargo();
    command.args(["test", "--quiet", "--workspace", "--test", "system", "--no-run"]);
    let status = command.status().map_err(Failure::while_(describe(&command)))?;
    if status.success() { Ok(()) } else { Err(Failure::new("the copy cannot be built")) }
}

fn test(copy: &Copy, names: &[&str], seed: Option<u64>) -> Result<Ran, Failure> {
    let mut command = copy.cargo();
    command
        .args(["test", "--quiet", "--workspace", "--test", "system", "--"])
        .arg("--format=pretty")
        .args(names);
    match seed {
        Some(seed) => command.env(SEED, seed.to_string()),
        None => command.env_remove(SEED),
    };
    let output = command.output().map_err(Failure::while_(describe(&command)))?;
    let (said, erred) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let ran = Ran::of(&said);
    // Nothing ran, or it ended in another way than by a test that fails: that catches nothing.
    if ran.failed.is_empty() != output.status.success() || said.contains("running 0 tests") {
        return Err(Failure::new(format!(
            "`{}` ended without a test's failure:\n{said}\n{erred}",
            describe(&command)
        )));
    }
    Ok(ran)
}

impl Ran {
    /// What the test runner's output says.
    fn of(output: &str) -> Self {
        let failed = output.lines().filter_map(|line| {
            let (name, how) = line.strip_prefix("test ")?.rsplit_once(" ... ")?;
            (how == "FAILED").then(|| name.to_owned())
        });
        let seed = output.split_once("NIGHTJAR_SEED=").map(|(_, after)| after);
        let digits = seed.map(|after| after.chars().take_while(char::is_ascii_digit).collect::<String>());
        Self { failed: failed.collect(), seed: digits.and_then(|digits| digits.parse().ok()) }
    }
}

/// Which mutants could not be planted any more.
pub(crate) fn stale(root: &Path) -> Result<Vec<String>, Failure> {
    let mutants = mutants_in(root)?;
    let checks = mutants.iter().map(|mutant| copy::apply(root, &mutant.patch, &["--check"]));
    Ok(checks.filter_map(|check| check.err().map(|failure| failure.to_string())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_which_tests_failed_and_which_seed() {
        let output = "running 3 tests\ntest a::b ... ok\ntest a::c ... FAILED\n\nthese seeds went wrong: [4, 8]; NIGHTJAR_SEED=4 replays the first\n";
        let ran = Ran::of(output);
        assert_eq!((ran.failed, ran.seed), (vec!["a::c".to_owned()], Some(4)));
        let ran = Ran::of("test a::b ... ok\n");
        assert!(ran.failed.is_empty() && ran.seed.is_none());
    }

    #[test]
    fn every_mutant_says_what_it_is_and_who_catches_it() {
        let mutants = mutants_in(&root()).unwrap();
        assert!(mutants.len() >= 12, "{} mutants", mutants.len());
    }
}

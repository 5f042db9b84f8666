//! What tests have counted: a folder with a file for each that has something to say.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Instant;

use crate::shell::{Failure, run, target};

/// Where the tests leave what they have counted; they know it by the same name.
const FOLDER: &str = "NIGHTJAR_REPORT";

/// What one of them has counted, such as `calls=5 cases=31 violations=0`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report(BTreeMap<String, u64>);

/// What several have counted, by their names.
pub(crate) type Reports = BTreeMap<String, Report>;

/// What several have written, by their names.
pub(crate) type Texts = BTreeMap<String, String>;

/// Runs tests and gathers their reports by their names. The second member tells how the tests ended.
pub(crate) fn reports(name: &str, tests: &mut Command) -> Result<(Reports, Result<(), Failure>), Failure> {
    let (texts, ended) = texts(name, tests)?;
    let mut found = Reports::new();
    for (name, line) in texts {
        let report = Report::of(&line);
        let report = report.ok_or_else(|| Failure::new(format!("{name}: counts nothing: {line}")))?;
        found.insert(name, report);
    }
    Ok((found, ended))
}

/// The same for what is no count, as it was written.
pub(crate) fn texts(name: &str, tests: &mut Command) -> Result<(Texts, Result<(), Failure>), Failure> {
    let folder = target().join(name);
    // What an earlier run has left must not be counted.
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    let ended = run(tests.env(FOLDER, &folder));
    let entries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
    let mut found = Texts::new();
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let text = fs::read_to_string(&path).map_err(Failure::while_(path.display()))?;
        found.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned(), text);
    }
    Ok((found, ended))
}

/// For saying how long something took.
#[allow(clippy::disallowed_methods, reason = "a build tool tells how long it took")]
pub(crate) fn clock() -> Instant {
    Instant::now()
}

impl Report {
    /// The report of a line. A word that is no count is an error; what is reported has to be added up.
    pub(crate) fn of(line: &str) -> Option<Self> {
        let count = |word: &str| {
            let (name, value) = word.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let counts: BTreeMap<_, _> = line.split_whitespace().map(count).collect::<Option<_>>()?;
        (!counts.is_empty()).then_some(Self(counts))
    }

    /// How many of that were counted.
    pub(crate) fn number(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_counts_and_nothing_else() {
        let report = Report::of("calls=5 cases=31 violations=2\n").unwrap();
        assert_eq!(["calls", "cases", "violations", "seeds"].map(|what| report.number(what)), [5, 31, 2, 0]);
        for line in ["calls=5 cases=many", "five calls", ""] {
            assert_eq!(Report::of(line), None, "{line}");
        }
    }
}

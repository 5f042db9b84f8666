//! What stands in the files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::Failure;

/// Lines of a file, its tests left out, from which on it should be divided.
const LONG: usize = 300;
/// And from which on it must be.
const TOO_LONG: usize = 400;

/// What nobody may write, and why. Assembled, so that this file does not break its own rule.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("todo", "!("), "unfinished work belongs into an issue"),
    (concat!("unimplemented", "!("), "unfinished work belongs into an issue"),
    (concat!("dbg", "!("), "it was for your eyes only"),
    (concat!("#[ign", "ore"), "a test that does not run tests nothing"),
    (concat!("<<<<", "<<< "), "a merge is not finished"),
];

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &["target", "node_modules", ".git", ".aws-sam", ".nightjar", "dist"];

/// What a look at all files found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) warnings: Vec<String>,
    pub(super) breaches: Vec<String>,
}

/// Looks at every Rust file below the folder.
pub(super) fn survey(root: &Path) -> Result<Survey, Failure> {
    let mut survey = Survey::default();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
        let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !path.is_symlink() {
                if !SKIPPED.contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let text = fs::read_to_string(&path).map_err(Failure::while_(path.display()))?;
                look(path.strip_prefix(root).unwrap_or(&path), &text, &mut survey);
            }
        }
    }
    Ok(survey)
}

fn look(path: &Path, text: &str, survey: &mut Survey) {
    for (number, line) in text.lines().enumerate() {
        for (word, why) in FORBIDDEN {
            if line.contains(word) {
                survey.breaches.push(format!("{}:{}: {word}...: {why}", path.display(), number + 1));
            }
        }
    }
    if is_test(path) {
        return;
    }
    let lines = lines_of_code(text);
    let sentence = || format!("{} has {lines} lines without its tests", path.display());
    if lines > TOO_LONG {
        survey.breaches.push(format!("{}; {TOO_LONG} are the most", sentence()));
    } else if lines > LONG {
        survey.warnings.push(format!("{}; divide it", sentence()));
    }
}

/// Whether the whole file is tests.
fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests")
        || path.file_stem().is_some_and(|stem| stem == "tests")
}

/// Lines up to the tests at a file's end.
fn lines_of_code(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'));
    tests.unwrap_or(lines.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(path: &str, text: &str) -> Survey {
        let mut survey = Survey::default();
        look(Path::new(path), text, &mut survey);
        survey
    }

    #[test]
    fn forbidden_words_are_found_with_their_place() {
        for (word, _) in FORBIDDEN {
            let survey = seen("shared/a/src/b.rs", &format!("fn f() {{\n    {word}\n}}\n"));
            assert_eq!(survey.breaches.len(), 1, "{word}");
            assert!(survey.breaches[0].starts_with("shared/a/src/b.rs:2: "), "{word}");
        }
    }

    #[test]
    fn length_counts_without_tests() {
        let code = "// line\n".repeat(299);
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "// line\n".repeat(500));
        let survey = seen("a.rs", &format!("{code}{tests}"));
        assert!(survey.breaches.is_empty() && survey.warnings.is_empty());
        assert_eq!(seen("a.rs", &"// line\n".repeat(301)).warnings.len(), 1);
        assert_eq!(seen("a.rs", &"// line\n".repeat(401)).breaches.len(), 1);
        assert!(seen("shared/a/tests/long.rs", &"// line\n".repeat(900)).breaches.is_empty());
    }
}

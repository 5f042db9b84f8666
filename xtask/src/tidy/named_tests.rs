//! What the pages under `docs` call a proof must be one: a code span of the form `path/to/file.rs#name` names a file
//! of the repository and a test in it. `#name` after it on the same line names another test of that file.

use std::fs;
use std::path::Path;

use crate::shell::Failure;

/// What stands between the file and the test.
const MARK: &str = ".rs#";

/// Looks at every page below `docs`.
pub(super) fn breaches(root: &Path) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
        let mut paths: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                let page = fs::read_to_string(&path).map_err(Failure::while_(path.display()))?;
                let read = |file: &str| fs::read_to_string(root.join(file)).ok();
                found.extend(look(
                    &path.strip_prefix(root).unwrap_or(&path).display().to_string(),
                    &page,
                    read,
                ));
            }
        }
    }
    Ok(found)
}

/// What one page breaks; `read` gives the text of a file, if there is one.
fn look(page: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (line, named) in named(text) {
        let (stem, name) = named.split_once(MARK).unwrap_or_default();
        let wrong = match read(&format!("{stem}.rs")) {
            None => "there is no such file",
            Some(source) => match test(&source, name) {
                Some(true) => continue,
                Some(false) => "that function carries no test attribute",
                None => "the file has no function of that name",
            },
        };
        found.push(format!("{page}:{line}: `{named}`: {wrong}"));
    }
    found
}

/// The tests that a page names, each with its line. Fenced blocks are examples and not looked at.
fn named(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let mut file = "";
            for span in line.split('`').skip(1).step_by(2) {
                if let Some((stem, _)) = span.split_once(MARK) {
                    file = stem;
                    found.push((number + 1, span.to_owned()));
                } else if let Some(name) =
                    span.strip_prefix('#').filter(|name| is_name(name) && !file.is_empty())
                {
                    found.push((number + 1, format!("{file}{MARK}{name}")));
                }
            }
        }
    }
    found
}

/// Whether it could be a function's; `#1` and `#[test]` are something else.
fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
}

/// Whether the function of that name carries a test attribute; nothing if there is none of that name. Of several (in
/// modules of one file) one suffices.
fn test(source: &str, name: &str) -> Option<bool> {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let mut answer = None;
    for (number, line) in lines.iter().enumerate() {
        if declares(line, name) {
            // Up to the end of what stands before: attributes and comments have neither.
            let before = lines[..number].iter().rev();
            let mut own = before.take_while(|line| !line.is_empty() && !line.ends_with(['{', '}', ';']));
            answer = Some(answer == Some(true) || own.any(|line| is_test_attribute(line)));
        }
    }
    answer
}

fn declares(line: &str, name: &str) -> bool {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let rest = line.strip_prefix("fn ").and_then(|rest| rest.strip_prefix(name));
    !name.is_empty() && rest.is_some_and(|rest| rest.starts_with(['(', '<']))
}

/// `#[test]`, and those of a runtime such as `#[tokio::test(flavor = "multi_thread")]`.
fn is_test_attribute(line: &str) -> bool {
    let path = line.strip_prefix("#[").and_then(|rest| rest.split(['(', ']']).next());
    path.is_some_and(|path| path.rsplit("::").next() == Some("test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
fn helper() {}

#[cfg(test)]
mod tests {
    #[test]
    fn plain() {}

    /// It says why.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    #[allow(clippy::panic, reason = "it is a test")]
    async fn of_a_runtime() {}

    #[test_case(1)]
    fn nearly() {}
    fn plainly() {}
}
"#;

    fn seen(page: &str) -> Vec<String> {
        look("docs/X.md", page, |path| (path == "shared/a/src/b.rs").then(|| SOURCE.to_owned()))
    }

    #[test]
    fn a_test_that_is_there_is_fine() {
        let page = "| a | `shared/a/src/b.rs#plain`, `#of_a_runtime` |\nand `b.rs` without a name, `#[test]`, `#what`";
        assert_eq!(seen(page), Vec::<String>::new());
    }

    #[test]
    fn what_is_no_test_is_told_with_its_place() {
        for (named, told) in [
            ("shared/a/src/c.rs#plain", "no such file"),
            ("b.rs#plain", "no such file"),
            ("shared/a/src/b.rs#plai", "no function"),
            ("shared/a/src/b.rs#", "no function"),
            ("shared/a/src/b.rs#plain()", "no function"),
            ("shared/a/src/b.rs#tests::plain", "no function"),
            ("shared/a/src/b.rs#helper", "no test attribute"),
            ("shared/a/src/b.rs#nearly", "no test attribute"),
            ("shared/a/src/b.rs#plainly", "no test attribute"),
        ] {
            let found = seen(&format!("# X\n\nIt holds (`{named}`), as `plain` shows."));
            assert_eq!(found.len(), 1, "{named}: {found:?}");
            assert!(found[0].starts_with(&format!("docs/X.md:3: `{named}`: ")), "{found:?}");
            assert!(found[0].contains(told), "{found:?}");
        }
    }

    #[test]
    fn a_name_alone_is_of_the_file_before_it() {
        let found = seen("| `shared/a/src/b.rs#plain`, `#gone` |");
        assert_eq!(found, ["docs/X.md:1: `shared/a/src/b.rs#gone`: the file has no function of that name"]);
    }

    #[test]
    fn fenced_blocks_are_examples() {
        assert_eq!(seen("```\n`nowhere.rs#nothing`\n```\n"), Vec::<String>::new());
        assert_eq!(seen("```\nx\n```\n`nowhere.rs#nothing`\n").len(), 1);
    }
}

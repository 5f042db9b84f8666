//! Who may use whom.

use std::fs;
use std::path::Path;

use cargo_metadata::{DependencyKind, Package};

/// The functions. None uses another.
pub(crate) const FUNCTIONS: &[&str] =
    &["auth", "deadletter", "endpoints", "jobs", "run", "scheduler", "webhook", "worker"];
/// What a function may use.
const SHARED: &[&str] = &["boot", "courier", "domain", "edge", "egress", "meter", "queue", "store", "tasks"];
/// What only tests may use, anywhere.
const FOR_TESTS: &[&str] = &["engine", "testkit"];
/// The rooms that put the others together.
const WHOLES: &[&str] = &["bench", "local", "system"];

/// The rooms of this workspace that a room may use.
fn may_use(room: &str) -> Option<&'static [&'static str]> {
    Some(match room {
        // A pipeline builds the smoke test alone, on a machine that has built nothing else.
        "bare" | "domain" | "smoke" | "xtask" => &[],
        "egress" | "engine" | "meter" | "store" | "tasks" => &["domain"],
        "boot" | "queue" => &["domain", "meter"],
        "courier" => &["domain", "egress"],
        "edge" => &["boot", "domain", "meter", "store"],
        "testkit" => &["boot", "domain", "engine", "queue", "store"],
        _ if FUNCTIONS.contains(&room) => SHARED,
        _ => return None,
    })
}

/// Crates that only some rooms may use, by the start of their names.
const GUARDED: &[(&str, &[&str])] = &[
    // The SDK's types stay behind the adapters; the one for e-mail is a file of the worker.
    ("aws-sdk-sesv2", &["boot", "engine", "testkit", "worker"]),
    ("aws-sdk-", &["bare", "boot", "engine", "queue", "store", "testkit"]),
    // Every call to the outside passes the address guard. System tests call the system itself, and so does the smoke test,
    // at the address that its user names.
    ("reqwest", &["egress", "system", "bench", "smoke"]),
    // Lambda is one of two ways in; the other is `local`.
    (
        "lambda_",
        &[
            "auth",
            "bare",
            "deadletter",
            "edge",
            "endpoints",
            "jobs",
            "queue",
            "run",
            "scheduler",
            "webhook",
            "worker",
        ],
    ),
    ("argon2", &["auth"]),
];

/// What a room's manifest breaks.
pub(super) fn breaches(room: &Package) -> Vec<String> {
    let folder = room.manifest_path.parent().map(|path| path.as_std_path().to_owned()).unwrap_or_default();
    let name = room.name.as_str();
    let mut found: Vec<String> = room
        .dependencies
        .iter()
        .filter_map(|used| {
            let for_tests = used.kind == DependencyKind::Development;
            breach(name, &used.name, used.path.is_some(), for_tests)
        })
        .collect();
    let manifest = fs::read_to_string(&room.manifest_path).unwrap_or_default();
    if !manifest.contains("[lints]\nworkspace = true") {
        found.push(format!("{name} does not take the workspace's lints"));
    }
    let is_function = folder.parent().and_then(Path::file_name).is_some_and(|above| above == "functions");
    if is_function {
        found.extend(function_breaches(room, &folder));
    }
    found
}

fn breach(room: &str, used: &str, ours: bool, for_tests: bool) -> Option<String> {
    if !ours {
        let (_, allowed) = GUARDED.iter().find(|(start, _)| used.starts_with(start))?;
        let fine = allowed.contains(&room) || for_tests;
        return (!fine).then(|| format!("{room} uses {used}, which only {} may", allowed.join(", ")));
    }
    if for_tests && FOR_TESTS.contains(&used) || WHOLES.contains(&room) {
        return None;
    }
    match may_use(room) {
        Some(allowed) if allowed.contains(&used) => None,
        Some([]) => Some(format!("{room} uses {used}, but may use no other room")),
        Some(allowed) => Some(format!("{room} uses {used}, but may use only {}", allowed.join(", "))),
        None => Some(format!("{room} stands in no rule: say in xtask/src/tidy/rooms.rs what it may use")),
    }
}

/// A main wires and does no more, and SAM finds the binary by its name.
fn function_breaches(room: &Package, folder: &Path) -> Vec<String> {
    const LONGEST: usize = 40;
    let mut found = Vec::new();
    match fs::read_to_string(folder.join("src/main.rs")) {
        Ok(main) if main.lines().count() > LONGEST => {
            found.push(format!("functions/{}/src/main.rs is longer than {LONGEST} lines", room.name));
        }
        Ok(_) => {}
        Err(error) => found.push(format!("functions/{}/src/main.rs: {error}", room.name)),
    }
    let binary = format!("nightjar-{}", room.name);
    if !room.targets.iter().any(|target| target.is_bin() && target.name == binary) {
        found.push(format!("functions/{} has no binary {binary}", room.name));
    }
    if !FUNCTIONS.contains(&room.name.as_str()) {
        found.push(format!("functions/{} stands in no rule: add it to xtask/src/tidy/rooms.rs", room.name));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rooms_keep_to_their_neighbours() {
        assert_eq!(breach("jobs", "store", true, false), None);
        assert_eq!(breach("local", "jobs", true, false), None);
        assert_eq!(breach("store", "testkit", true, true), None);
        for (room, used, for_tests) in [
            ("jobs", "run", false),
            ("jobs", "testkit", false),
            ("domain", "boot", false),
            ("store", "jobs", true),
            ("tasks", "egress", false),
            ("smoke", "domain", false),
        ] {
            assert!(breach(room, used, true, for_tests).is_some(), "{room} uses {used}");
        }
        assert!(breach("attic", "domain", true, false).is_some_and(|text| text.contains("no rule")));
    }

    #[test]
    fn some_crates_stay_behind_their_adapter() {
        assert_eq!(breach("store", "aws-sdk-dynamodb", false, false), None);
        assert_eq!(breach("jobs", "serde", false, false), None);
        assert_eq!(breach("smoke", "reqwest", false, false), None);
        assert_eq!(breach("worker", "aws_lambda_events", false, false), None);
        for (room, used) in [
            ("jobs", "aws-sdk-sqs"),
            ("tasks", "aws-sdk-sesv2"),
            ("webhook", "reqwest"),
            ("store", "lambda_runtime"),
            ("jobs", "argon2"),
        ] {
            assert!(breach(room, used, false, false).is_some(), "{room} uses {used}");
        }
        // To look at an engine's answers in a test is fine.
        assert_eq!(breach("jobs", "aws-sdk-sqs", false, true), None);
    }
}

//! `docs/ADDING_A_TASK.md`, followed word by word in a copy of the rooms that it needs.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long building and testing the copy may take.
const LIMIT: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(100);

#[test]
fn the_example_compiles_and_its_tests_pass_and_a_wrong_one_is_noticed() {
    let document = fs::read_to_string(root().join("docs/ADDING_A_TASK.md")).unwrap();
    let steps = steps(&document);
    let file = steps.iter().find(|step| step.kind == "rust").expect("a file");
    let module = Path::new(&file.path).file_stem().unwrap().to_str().unwrap().to_owned();

    let workshop = Workshop::new();
    workshop.furnish(&followed(&steps));
    let tried = workshop.test();
    assert!(tried.status.success(), "{}\n{}", tried.said, tried.complained);
    let passed = |line: &&str| line.starts_with(&format!("test {module}::")) && line.ends_with("... ok");
    assert!(
        tried.said.lines().filter(passed).count() >= 2,
        "the example's tests did not run: {}",
        tried.said
    );
    let warned = tried.complained.contains("warning: `tasks`");
    assert!(!warned, "{}", tried.complained);

    let mut wrong = steps;
    for step in wrong.iter_mut().filter(|step| step.kind == "rust") {
        let (before, after) = step.text.rsplit_once("assert_eq!(").expect("an assertion");
        step.text = format!("{before}assert_ne!({after}");
    }
    workshop.furnish(&followed(&wrong));
    let tried = workshop.test();
    assert!(
        !tried.status.success() && tried.said.contains("1 failed"),
        "{}\n{}",
        tried.said,
        tried.complained
    );
}

/// A block of the document that says which file it is about.
struct Step {
    kind: String,
    path: String,
    text: String,
}

/// The blocks with a title. What is shown as Rust or as a change has one, so that nothing is shown in vain.
fn steps(document: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let text: String =
            lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
        let (kind, title) = info.split_once(' ').unwrap_or((info, ""));
        let path = title.strip_prefix("title=\"").and_then(|rest| rest.strip_suffix('"'));
        match path {
            Some(path) => steps.push(Step { kind: kind.to_owned(), path: path.to_owned(), text }),
            None => assert!(!matches!(kind, "rust" | "diff"), "a block without a title:\n{text}"),
        }
    }
    assert!(steps.iter().any(|step| step.kind == "diff"), "the document changes no line");
    steps
}

type Files = BTreeMap<PathBuf, String>;

/// The rooms that task types need, with the steps done.
fn followed(steps: &[Step]) -> Files {
    let mut files = Files::new();
    for room in ["shared/domain", "shared/tasks"] {
        files.insert(format!("{room}/Cargo.toml").into(), read(&root().join(room).join("Cargo.toml")));
        gather(&Path::new(room).join("src"), &mut files);
    }
    files.insert("Cargo.lock".into(), read(&root().join("Cargo.lock")));
    files.insert("Cargo.toml".into(), manifest());
    for step in steps {
        let path = PathBuf::from(&step.path);
        if step.kind == "diff" {
            let file = files.get_mut(&path).unwrap_or_else(|| panic!("there is no {}", step.path));
            *file = changed(file, &step.text);
        } else {
            let before = files.insert(path, step.text.clone());
            assert_eq!(before, None, "there is a {} already", step.path);
        }
    }
    files
}

/// The workspace's manifest, for these two rooms.
fn manifest() -> String {
    let whole = read(&root().join("Cargo.toml"));
    let mut found = 0;
    let mut text = String::new();
    for line in whole.lines() {
        if line.starts_with("members = [") && line.ends_with(']') {
            found += 1;
            text.push_str("members = [\"shared/domain\", \"shared/tasks\"]\n");
        } else if !line.starts_with("default-members") {
            text.push_str(line);
            text.push('\n');
        }
    }
    assert_eq!(found, 1, "the workspace lists its members in another way");
    text
}

/// The file after a change that is written with `-` and `+`.
fn changed(file: &str, change: &str) -> String {
    let side = |mark: char| -> String {
        let lines = change.lines().filter(|line| line.starts_with([mark, ' ']));
        lines.map(|line| format!("{}\n", &line[1..])).collect()
    };
    let (old, new) = (side('-'), side('+'));
    assert_eq!(file.matches(&old).count(), 1, "stands there once: {old}");
    file.replacen(&old, &new, 1)
}

fn gather(folder: &Path, files: &mut Files) {
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            gather(&path, files);
        } else {
            files.insert(path.clone(), read(&root().join(path)));
        }
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The copy. It stays where it is from one time to the next: what has not changed is not built again.
struct Workshop {
    folder: PathBuf,
}

struct Tried {
    status: ExitStatus,
    said: String,
    complained: String,
}

impl Workshop {
    fn new() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("adding-a-task");
        fs::create_dir_all(folder.join("house")).unwrap();
        Self { folder }
    }

    /// Makes the copy hold these files and no other. One that is there already keeps its time.
    fn furnish(&self, files: &Files) {
        let house = self.folder.join("house");
        clear(&house, Path::new(""), files);
        for (path, text) in files {
            let path = house.join(path);
            if fs::read_to_string(&path).ok().as_ref() != Some(text) {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, text).unwrap();
            }
        }
    }

    /// `cargo test -p tasks`, without the network.
    fn test(&self) -> Tried {
        let said = self.folder.join("stdout");
        let complained = self.folder.join("stderr");
        let mut cargo = Command::new(env!("CARGO"))
            .args(["test", "--offline", "--package", "tasks", "--target-dir"])
            .arg(self.folder.join("target"))
            .current_dir(self.folder.join("house"))
            .env("CARGO_TERM_COLOR", "never")
            // Nobody debugs the copy: it is built sooner, and half as large.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .stdin(Stdio::null())
            .stdout(File::create(&said).unwrap())
            .stderr(File::create(&complained).unwrap())
            .spawn()
            .unwrap();
        let mut waited = Duration::ZERO;
        let status = loop {
            if let Some(status) = cargo.try_wait().unwrap() {
                break status;
            }
            if waited >= LIMIT {
                cargo.kill().unwrap();
                cargo.wait().unwrap();
                panic!("it took longer than {LIMIT:?}: {}", read(&complained));
            }
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        };
        Tried { status, said: read(&said), complained: read(&complained) }
    }
}

/// Removes the files that do not belong there.
fn clear(house: &Path, folder: &Path, files: &Files) {
    for entry in fs::read_dir(house.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = folder.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            clear(house, &path, files);
        } else if !files.contains_key(&path) {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

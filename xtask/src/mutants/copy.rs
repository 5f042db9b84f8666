//! A copy of the sources, to plant bugs in.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, cargo, program, root, target};

/// The copy.
pub(super) struct Copy {
    folder: PathBuf,
}

impl Copy {
    /// A copy of the sources as they are now. What an earlier one has left is brought up to date, so that what has not
    /// changed is not built again.
    pub(super) fn fresh() -> Result<Self, Failure> {
        let copy = Self { folder: target().join("mutants/tree") };
        copy.restore()?;
        Ok(copy)
    }

    /// Cargo in the copy. It builds where the workspace does: dependencies are the same, and the workspace's own
    /// crates are told apart by their folder.
    pub(super) fn cargo(&self) -> Command {
        let mut command = cargo();
        command.current_dir(&self.folder).env("CARGO_TARGET_DIR", target());
        command
    }

    /// Plants a bug.
    pub(super) fn plant(&self, patch: &Path) -> Result<(), Failure> {
        apply(&self.folder, patch, &[])
    }

    /// Makes the copy what the sources are.
    pub(super) fn restore(&self) -> Result<(), Failure> {
        let wanted = sources()?;
        for path in &wanted {
            let (from, to) = (root().join(path), self.folder.join(path));
            let bytes = fs::read(&from).map_err(Failure::while_(from.display()))?;
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            let parent = to.parent().unwrap_or(&self.folder);
            fs::create_dir_all(parent).map_err(Failure::while_(parent.display()))?;
            fs::write(&to, bytes).map_err(Failure::while_(to.display()))?;
        }
        remove_others(&self.folder, &self.folder, &wanted)
    }
}

/// Applies a patch to that folder, which is no repository of its own.
pub(super) fn apply(folder: &Path, patch: &Path, options: &[&str]) -> Result<(), Failure> {
    let ceiling = folder.parent().unwrap_or(folder);
    let mut command = program("git");
    command.current_dir(folder).env("GIT_CEILING_DIRECTORIES", ceiling).arg("apply").args(options).arg(patch);
    let output = command.output().map_err(Failure::while_("git apply"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("{} does not apply: {}", patch.display(), said.trim())))
}

/// The files of the workspace that are, or could be, under version control.
fn sources() -> Result<BTreeSet<PathBuf>, Failure> {
    let mut list = program("git");
    list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let output = list.output().map_err(Failure::while_("git ls-files"))?;
    if !output.status.success() {
        return Err(Failure::new(
            "git ls-files failed: mutants are planted in a clone of the repository only",
        ));
    }
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let paths = names.map(|name| PathBuf::from(OsStr::from_bytes(name)));
    // One that was deleted and not yet committed is listed all the same.
    Ok(paths.filter(|path| root().join(path).is_file()).collect())
}

fn remove_others(folder: &Path, top: &Path, wanted: &BTreeSet<PathBuf>) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).map_err(Failure::while_(folder.display()))?;
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            remove_others(&path, top, wanted)?;
        } else if path.strip_prefix(top).is_ok_and(|path| !wanted.contains(path)) {
            fs::remove_file(&path).map_err(Failure::while_(path.display()))?;
        }
    }
    Ok(())
}

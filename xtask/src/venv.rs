//! `cargo xtask venv`: the tools that come as Python packages.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shell::{Failure, program, root, run, target, variable};

/// The tools, installed.
pub(crate) struct Venv {
    folder: PathBuf,
}

impl Venv {
    /// One of the tools.
    pub(crate) fn tool(&self, name: &str) -> Command {
        let mut command = program(self.folder.join("bin").join(name));
        self.enter(&mut command);
        command
    }

    /// Puts the tools before all others on a command's path, as `cargo lambda` and its search for zig need it.
    pub(crate) fn enter(&self, command: &mut Command) {
        let mut path = OsString::from(self.folder.join("bin"));
        if let Some(rest) = variable("PATH") {
            path.push(":");
            path.push(rest);
        }
        // They must neither report home nor look for credentials or newer versions.
        command
            .env("PATH", path)
            .env("VIRTUAL_ENV", &self.folder)
            .env("SAM_CLI_TELEMETRY", "0")
            .env("AWS_DEFAULT_REGION", "us-east-1");
    }

    /// A file of an installed package.
    pub(crate) fn package_file(&self, path: &str) -> Result<PathBuf, Failure> {
        let folder = self.folder.join("lib");
        let libraries = fs::read_dir(&folder).map_err(Failure::while_(folder.display()))?;
        libraries
            .filter_map(Result::ok)
            .map(|entry| entry.path().join("site-packages").join(path))
            .find(|file| file.is_file())
            .ok_or_else(|| Failure::new(format!("{} has no {path}", folder.display())))
    }
}

/// Installs the tools of the build, unless the same list is installed already.
pub(crate) fn venv() -> Result<Venv, Failure> {
    install("infra/requirements.txt", "venv")
}

/// The same for what stands in for AWS: it wants other versions of some packages, so it has a place of its own.
pub(crate) fn stack_venv() -> Result<Venv, Failure> {
    install("infra/stack/requirements.txt", "stack-venv")
}

/// And for checkov, which wants others again.
pub(crate) fn checkov_venv() -> Result<Venv, Failure> {
    install("infra/stack/requirements-checkov.txt", "checkov-venv")
}

fn install(list: &str, folder: &str) -> Result<Venv, Failure> {
    let wanted = root().join(list);
    let list = fs::read(&wanted).map_err(Failure::while_(list))?;
    let folder = target().join(folder);
    let stamp = folder.join("installed.txt");
    if installed(&stamp, &list) {
        return Ok(Venv { folder });
    }
    fs::create_dir_all(target()).map_err(Failure::while_("target"))?;
    run(program("python3").args(["-m", "venv", "--clear"]).arg(&folder))?;
    let mut pip = program(folder.join("bin/python"));
    run(pip.args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&wanted))?;
    // Written last: an installation that was cut short is begun again.
    fs::write(&stamp, &list).map_err(Failure::while_(stamp.display()))?;
    Ok(Venv { folder })
}

fn installed(stamp: &Path, list: &[u8]) -> bool {
    fs::read(stamp).is_ok_and(|found| found == list)
}

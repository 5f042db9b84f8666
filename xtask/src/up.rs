//! `cargo xtask up`: the whole system on this machine.

use crate::shell::{Failure, answers, cargo, program, replace, root, run};

/// Builds the web page where that is possible, then becomes the local process.
pub(crate) fn up(args: &[String]) -> Result<(), Failure> {
    let page = root().join("dashboard");
    if page.join("package.json").is_file() {
        if answers(program("npm").arg("--version")) {
            if !page.join("node_modules").is_dir() {
                run(program("npm").args(["ci", "--no-fund", "--no-audit"]).current_dir(&page))?;
            }
            run(program("npm").args(["run", "build"]).current_dir(&page))?;
        } else {
            eprintln!("npm is not installed: the web page is left out");
        }
    }
    replace(
        cargo().args(["run", "--quiet", "--package", "local", "--bin", "nightjar-local", "--"]).args(args),
    )
}

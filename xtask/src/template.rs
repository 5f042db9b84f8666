//! `cargo xtask template`: what the linters say about template.yaml and the stacks inside it. None of them needs the
//! network.

use std::fs;
use std::path::PathBuf;

use crate::shell::{Failure, root, run};
use crate::venv::venv;

/// cfn-lint with the serverless rules, then SAM's own.
pub(crate) fn template() -> Result<(), Failure> {
    let tools = venv()?;
    for template in templates()? {
        let rules = ["--append-rules", "cfn_lint_serverless.rules", "--template"];
        run(tools.tool("cfn-lint").args(rules).arg(&template))?;
        run(tools.tool("sam").args(["validate", "--lint", "--template-file"]).arg(&template))?;
    }
    Ok(())
}

/// The stack, and the stacks inside it, which stand in infra.
fn templates() -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(root().join("infra")).map_err(Failure::while_("infra"))?;
    let inside = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut inside: Vec<_> =
        inside.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    inside.sort();
    Ok([root().join("template.yaml")].into_iter().chain(inside).collect())
}

//! `cargo xtask template`: what the linters say about template.yaml. None of them needs the network.

use crate::shell::{Failure, run};
use crate::venv::venv;

/// cfn-lint with the serverless rules, then SAM's own.
pub(crate) fn template() -> Result<(), Failure> {
    let tools = venv()?;
    run(tools.tool("cfn-lint").args([
        "--append-rules",
        "cfn_lint_serverless.rules",
        "--template",
        "template.yaml",
    ]))?;
    run(tools.tool("sam").args(["validate", "--lint", "--template-file", "template.yaml"]))
}

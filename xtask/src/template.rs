//! `cargo xtask template`: what the linters say about template.yaml, the stacks inside it and the role of the pipeline. None
//! of them needs the network.

use std::fs;
use std::path::PathBuf;

use crate::shell::{Failure, root, run, target};
use crate::venv::{Venv, checkov_venv, venv};

/// cfn-lint with the serverless rules, then SAM's own, then checkov on what CloudFormation gets.
pub(crate) fn template() -> Result<(), Failure> {
    let tools = venv()?;
    let plain = plain()?;
    for template in [root().join("template.yaml")].iter().chain(&plain) {
        let rules = ["--append-rules", "cfn_lint_serverless.rules", "--template"];
        run(tools.tool("cfn-lint").args(rules).arg(template))?;
        run(tools.tool("sam").args(["validate", "--lint", "--template-file"]).arg(template))?;
    }
    let mut command = checkov_venv()?.tool("checkov");
    command.args(["--config-file", "infra/stack/checkov.yaml", "--file"]).arg(transformed(&tools)?);
    run(command.args(plain))
}

/// What is plain CloudFormation already: the stacks inside the stack, which stand in infra, and the role of the pipeline.
fn plain() -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(root().join("infra")).map_err(Failure::while_("infra"))?;
    let inside = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut inside: Vec<_> =
        inside.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    inside.sort();
    inside.push(root().join("infra/stack/deploy-role.yaml"));
    Ok(inside)
}

/// template.yaml as the SAM translator hands it to CloudFormation, in a file.
fn transformed(tools: &Venv) -> Result<PathBuf, Failure> {
    let path = target().join("template.json");
    let file = fs::File::create(&path).map_err(Failure::while_(path.display()))?;
    run(tools.tool("python").arg("infra/stack/transform.py").stdout(file))?;
    Ok(path)
}

//! `cargo xtask test-stack`: template.yaml, deployed to ministack on this machine, with the binaries that Lambda would
//! run behind an API gateway, event source mappings and a scheduler that are not ours; and the system tests against it.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::emulate::host::Running;
use crate::emulate::{build, http};
use crate::iam;
use crate::report::clock;
use crate::shell::{Failure, root, run, target};
use crate::tests_run::{build_system, only};
use crate::venv::{Venv, stack_venv, venv};

const STACK: &str = "nightjar";
/// The account is told by the access key, and the stand-in has to be told the same.
const ACCOUNT: &str = "000000000000";

/// Builds, deploys, tests, deploys a change over it and tests again; then judges what the functions asked for.
pub(crate) fn test_stack() -> Result<(), Failure> {
    let (tools, stand_in) = (venv()?, stack_venv()?);
    let built = clock();
    build(&tools)?;
    build_system()?;
    let built = built.elapsed();
    let began = clock();
    let stage = Stage::set(&tools, &stand_in)?;
    stage.deploy()?;
    let deployed = began.elapsed();
    let ended = stage.test("deployed::").and_then(|()| stage.test("upgrade::"));
    println!(
        "test-stack: built in {} s, deployed in {} s, all in {} s",
        built.as_secs(),
        deployed.as_secs(),
        built.as_secs() + began.elapsed().as_secs()
    );
    ended.map_err(Failure::while_("see target/stack/*.log"))?;
    iam::judge_allowed(&stage.calls)
}

/// The stand-in for AWS and what stands in front of it, running.
struct Stage<'a> {
    stand_in: &'a Venv,
    folder: PathBuf,
    transform: PathBuf,
    calls: PathBuf,
    engine: SocketAddr,
    ledger: SocketAddr,
    door: SocketAddr,
    _running: [Running; 2],
}

impl<'a> Stage<'a> {
    fn set(tools: &Venv, stand_in: &'a Venv) -> Result<Self, Failure> {
        let folder = target().join("stack");
        // What an earlier run has left must not be judged.
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
        }
        let calls = folder.join("calls");
        fs::create_dir_all(&calls).map_err(Failure::while_(calls.display()))?;
        let transform = PathBuf::from(tools.tool("python").get_program());

        let [engine, ledger, door] = [(); 3].map(|()| http::free_address());
        let (engine, ledger, door) = (engine?, ledger?, door?);
        let mut command = stand_in.tool("ministack");
        command
            .env_remove("AWS_ENDPOINT_URL")
            .envs([("GATEWAY_PORT", engine.port().to_string()), ("MINISTACK_HOST", "127.0.0.1".to_owned())])
            .envs([
                ("MINISTACK_ACCOUNT_ID", ACCOUNT),
                ("MINISTACK_REGION", "us-east-1"),
                ("LOG_LEVEL", "WARNING"),
            ])
            .envs([("S3_DATA_DIR", folder.join("s3")), ("STATE_DIR", folder.join("state"))]);
        let engine_runs = begin(&mut command, &folder, "ministack", engine)?;
        let mut command = stand_in.tool("python");
        command.arg("infra/stack/front.py").arg("--calls").arg(calls.join("stack.jsonl"));
        for (name, address) in [("engine", engine), ("door", door), ("ledger", ledger)] {
            command.args([format!("--{name}"), address.port().to_string()]);
        }
        let front_runs = begin(&mut command, &folder, "front", door)?;
        let _running = [engine_runs, front_runs];
        Ok(Self { stand_in, folder, transform, calls, engine, ledger, door, _running })
    }

    /// The command that deploys; what is added to it changes parameters.
    fn deployment(&self) -> Command {
        let mut command = self.stand_in.tool("python");
        command.arg("infra/stack/deploy.py").arg("--transform").arg(&self.transform);
        command.arg("--code").arg(target().join("lambda")).args(["--stack", STACK]);
        for (name, address) in [("engine", self.engine), ("ledger", self.ledger), ("door", self.door)] {
            command.args([format!("--{name}"), address.port().to_string()]);
        }
        command
    }

    fn deploy(&self) -> Result<(), Failure> {
        let outputs = self.folder.join("outputs.json");
        let file = fs::File::create(&outputs).map_err(Failure::while_(outputs.display()))?;
        run(self.deployment().stdout(file))
    }

    /// Runs the tests of that name against the deployment.
    fn test(&self, names: &str) -> Result<(), Failure> {
        let deployment = self.deployment();
        let words = std::iter::once(deployment.get_program()).chain(deployment.get_args());
        let upgrade: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        run(only(names)
            .env("NIGHTJAR_API", format!("http://{}", self.door))
            .env("NIGHTJAR_UPGRADE", upgrade.join("\n")))
    }
}

/// Starts a program whose log goes beside the others', and waits until it listens.
fn begin(command: &mut Command, folder: &Path, name: &str, at: SocketAddr) -> Result<Running, Failure> {
    let failed = || Failure::while_(format!("starting {name}"));
    let log = fs::File::create(folder.join(format!("{name}.log"))).map_err(failed())?;
    let child = command
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(log.try_clone().map_err(failed())?)
        .stderr(log)
        .spawn()
        .map_err(failed())?;
    Running::once_it_listens(child, at, name)
}

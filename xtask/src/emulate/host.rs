//! Processes that run beside this one and end with it.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;

use super::{bootstrap, http};
use crate::shell::{Failure, target};

const POLL: Duration = Duration::from_millis(20);
/// How many polls a process has to begin or to end: ten seconds.
const POLLS: usize = 500;

/// A process that is asked to end when this is dropped.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Waits until the process listens there.
    pub(crate) fn once_it_listens(child: Child, address: SocketAddr, what: &str) -> Result<Self, Failure> {
        let mut running = Self(child);
        for _ in 0..POLLS {
            if TcpStream::connect(address).is_ok() {
                return Ok(running);
            }
            if let Some(status) = running.0.try_wait().map_err(Failure::while_(what))? {
                return Err(Failure::new(format!("{what} ended before it listened ({status})")));
            }
            sleep(POLL);
        }
        Err(Failure::new(format!("{what} does not listen")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Asked and not killed: the emulator ends the function that it started only if it is asked.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        for _ in 0..POLLS {
            match self.0.try_wait() {
                Ok(None) => sleep(POLL),
                _ => return,
            }
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A function under the emulator.
pub(super) struct Function {
    name: &'static str,
    address: SocketAddr,
    _running: Running,
}

impl Function {
    /// Starts it with these variables. What it logs goes to `target/emulate-logs/<function>.log`.
    pub(super) fn start(
        emulator: &Path,
        name: &'static str,
        variables: &[(String, String)],
    ) -> Result<Self, Failure> {
        let (address, runtime) = (http::free_address()?, http::free_address()?);
        let failed = || Failure::while_(format!("starting {name}"));
        let logs = target().join("emulate-logs");
        std::fs::create_dir_all(&logs).map_err(failed())?;
        let log = std::fs::File::create(logs.join(format!("{name}.log"))).map_err(failed())?;
        let child = Command::new(emulator)
            .args(["--runtime-interface-emulator-address", &address.to_string()])
            .args(["--runtime-api-address", &runtime.to_string()])
            .arg(bootstrap(name))
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_FUNCTION_NAME", name)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60")
            .env("AWS_LAMBDA_HTTP_IGNORE_STAGE_IN_PATH", "true")
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed())?)
            .stderr(log)
            .spawn()
            .map_err(failed())?;
        let running = Running::once_it_listens(child, address, &format!("the emulator of {name}"))?;
        Ok(Self { name, address, _running: running })
    }

    /// What the function answers to an event.
    pub(super) fn invoke(&self, event: &Value) -> Result<Value, Failure> {
        http::post(self.address, "/2015-03-31/functions/function/invocations", &[], event)
            .map_err(Failure::while_(format!("{} (see target/emulate-logs/{0}.log)", self.name)))
    }
}

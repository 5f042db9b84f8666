//! The program in a process of its own, which can be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::house::{Api, calls};

/// A running program; it ends with this.
pub(crate) struct Process {
    child: Child,
    pub(crate) api: Api,
}

impl Process {
    /// Starts it on any free port, with these variables and no other, and waits until it listens.
    pub(crate) fn start(args: &[&str], vars: &[(&str, &str)]) -> Self {
        Self::start_logging(args, vars, Stdio::inherit())
    }

    /// The same with its log elsewhere.
    #[allow(clippy::print_stderr, reason = "what it complains of tells why a test failed")]
    pub(crate) fn start_logging(args: &[&str], vars: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_nightjar-under-test"))
            .args(["--port", "0"])
            .args(args)
            .env_clear()
            .env("LOG_LEVEL", "error")
            .envs(vars.iter().copied())
            .envs(calls().map(|folder| ("NIGHTJAR_CALLS", folder)))
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            // Read on to the end, so that it never waits for a full pipe.
            for line in said.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("is listening on ") {
                    let _ = tell.send(rest.split_whitespace().next().unwrap_or_default().to_owned());
                } else if !line.starts_with("  ") {
                    eprintln!("{line}");
                }
            }
        });
        let base = told.recv_timeout(Duration::from_secs(30)).expect("it listens");
        Self { child, api: Api::at(base) }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, as a supervisor does, and waits until it has.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(asked.success());
        let ended = self.child.wait().unwrap();
        assert!(ended.success(), "{ended}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

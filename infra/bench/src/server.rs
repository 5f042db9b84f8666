//! The system under measurement, as a process of its own.

use std::error::Error;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A running system.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
}

/// What a process has used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Usage {
    pub(crate) cpu: Duration,
    /// Bytes.
    pub(crate) resident: u64,
}

impl Server {
    /// Starts the release build beside this very program, on that folder, without rate limits.
    pub(crate) async fn start(folder: &Path) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let program = std::env::current_exe()?.with_file_name("nightjar-local");
        let mut child = Command::new(program)
            .args(["--port", "0", "--data-dir"])
            .arg(folder)
            .env("RATE_LIMIT_MAX", "0")
            .env("AUTH_RATE_LIMIT_MAX", "0")
            .env("SIMULATED_TASK_MS", "0")
            .env("LOG_LEVEL", "warn")
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stderr = child.stderr.take().ok_or("the system has no standard error")?;
        let mut lines = BufReader::new(stderr).lines();
        let mut address = None;
        while let Some(line) = lines.next_line().await? {
            let url = line.split("http://").nth(1).and_then(|rest| rest.split_whitespace().next());
            if let Some(found) = url.and_then(|text| text.parse().ok()) {
                address = Some(found);
                break;
            }
        }
        // Whatever it says later is let go, or the pipe would fill.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { child, address: address.ok_or("the system did not say where it listens")? })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Usage {
        let pid = self.child.id().unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The second field is a name in brackets that may hold blanks; user and system time are 14 and 15.
        let fields: Vec<u64> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .map(|field| field.parse().unwrap_or(0))
            .collect();
        let ticks = fields.get(11).copied().unwrap_or(0) + fields.get(12).copied().unwrap_or(0);
        let pages = fields.get(21).copied().unwrap_or(0);
        // 100 ticks a second and 4 KiB a page, as on every Linux that this is run on.
        Usage { cpu: Duration::from_millis(ticks * 10), resident: pages * 4096 }
    }

    /// Ends it, as Ctrl-C would.
    pub(crate) async fn stop(mut self) -> Result<(), Box<dyn Error + Send + Sync>> {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args(["-TERM", &pid.to_string()]).status().await?;
        }
        self.child.wait().await?;
        Ok(())
    }
}

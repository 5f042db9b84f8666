//! One cold start.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use crate::Fault;
use crate::certificates::Certificates;
use crate::runtime::{Heard, Runtime};
use crate::stage::Stage;
use crate::subjects::Subject;

/// Longer than any function needs, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Start {
    pub(crate) to_poll: Duration,
    pub(crate) to_answer: Duration,
    /// How long it had been on a processor by its first poll.
    pub(crate) spent: Duration,
    /// The most memory that was resident by then, in bytes: files that are mapped count too.
    pub(crate) resident: u64,
}

/// Starts a process and waits for its first answer.
///
/// It fails if the answer is not the one that is wanted, and if something was done before the first poll that the first
/// request alone may need: a call over the network, or a look at the certificates.
pub(crate) async fn start(program: &Path, subject: &Subject, stage: &Stage) -> Result<Start, Fault> {
    let runtime = Runtime::listen().await?;
    let certificates = stage.certificates()?;
    let event = stage.event(subject).await?;
    let log = stage.log();
    let mut command = Command::new(program);
    command
        .env_clear()
        .envs(stage.variables())
        .envs(of_lambda(subject, &runtime.address()))
        .env("SSL_CERT_FILE", certificates.path())
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(&log)?)
        .stderr(std::fs::File::options().append(true).open(&log)?)
        .kill_on_drop(true);
    let callers = stage.door().knock().await?;
    let mut act = Act { runtime, certificates, callers, event, began: Instant::now(), polled: None };
    let mut child = command.spawn().map_err(|fault| format!("{}: {fault}", program.display()))?;
    let played = timeout(PATIENCE, act.play(&mut child, subject, stage)).await;
    let told = || std::fs::read_to_string(&log).unwrap_or_default();
    let start = match played {
        Ok(Ok(start)) => start,
        Ok(Err(fault)) => return Err(format!("{fault}\n{}", told()).into()),
        Err(_) => return Err(format!("no answer within {PATIENCE:?}\n{}", told()).into()),
    };
    child.kill().await?;
    Ok(start)
}

/// What Lambda itself tells a function.
fn of_lambda(subject: &Subject, runtime: &str) -> [(&'static str, String); 11] {
    [
        ("AWS_LAMBDA_RUNTIME_API", runtime.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", subject.binary()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", subject.binary())),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "cold".to_owned()),
        ("_HANDLER", "bootstrap".to_owned()),
        ("LAMBDA_TASK_ROOT", "/var/task".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
    ]
}

/// A process between its start and its first answer.
struct Act {
    runtime: Runtime,
    certificates: Certificates,
    /// How many had called the engine before it was there.
    callers: usize,
    event: String,
    began: Instant,
    /// After how long it has polled, and how much of that it was on a processor.
    polled: Option<(Duration, Duration)>,
}

impl Act {
    async fn play(&mut self, child: &mut Child, subject: &Subject, stage: &Stage) -> Result<Start, Fault> {
        loop {
            let heard = tokio::select! {
                heard = self.runtime.hear() => heard?,
                ended = child.wait() => return Err(format!("it ended before its first answer ({})", ended?).into()),
            };
            if let ControlFlow::Break(start) = self.hear(heard, child, subject, stage).await? {
                return Ok(start);
            }
        }
    }

    async fn hear(
        &mut self,
        heard: Heard,
        child: &Child,
        subject: &Subject,
        stage: &Stage,
    ) -> Result<ControlFlow<Start>, Fault> {
        match heard {
            Heard::Polled(at, give) => {
                self.polled = Some((at - self.began, spent(child.id())?));
                // Our own knock before it was the last that counts.
                let called = stage.door().knock().await? - self.callers - 1;
                if called > 0 {
                    return Err(format!("it called the engine {called} times before its first poll").into());
                }
                if self.certificates.were_read() {
                    return Err("it read the certificates before its first poll".into());
                }
                give.send(self.event.clone()).map_err(|_| "it no longer waits for its event")?;
                Ok(ControlFlow::Continue(()))
            }
            Heard::Answered(at, body) => {
                let resident = resident(child.id())?;
                let answer: Value = serde_json::from_slice(&body)?;
                if !subject.wanted.is(&answer) {
                    return Err(format!("{} was answered with {answer}", subject.event).into());
                }
                // Its calls go over TLS: if it read no certificates, then the pipe is not what it reads.
                if !self.certificates.were_read() {
                    return Err("it never read the certificates, so nothing is known of when".into());
                }
                let (to_poll, spent) = self.polled.ok_or("it answered what it was not asked")?;
                Ok(ControlFlow::Break(Start { to_poll, to_answer: at - self.began, spent, resident }))
            }
            Heard::Failed(body) => Err(format!("it failed: {}", String::from_utf8_lossy(&body)).into()),
        }
    }
}

/// How long a process has been on a processor, with all its threads.
fn spent(process: Option<u32>) -> Result<Duration, Fault> {
    let process = process.ok_or("the process has ended")?;
    let mut nanos = 0;
    for thread in std::fs::read_dir(format!("/proc/{process}/task"))? {
        let told = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        let first = told.split_whitespace().next().and_then(|text| text.parse::<u64>().ok());
        nanos += first.ok_or("the system does not tell the time on processors")?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// The most memory that a process has had, in bytes.
fn resident(process: Option<u32>) -> Result<u64, Fault> {
    let process = process.ok_or("the process has ended")?;
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    peak(&status).ok_or_else(|| "the system does not tell the peak of memory".into())
}

fn peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_not_what_is_resident_now() {
        let status = "Name:\tbootstrap\nVmHWM:\t   13312 kB\nVmRSS:\t    9000 kB\n";
        assert_eq!(peak(status), Some(13_312 * 1024));
        assert_eq!(peak("VmRSS:\t    9000 kB\n"), None);
        assert!(resident(Some(std::process::id())).unwrap() > 1024);
    }

    #[test]
    fn work_on_another_thread_counts_too() {
        let own = || spent(Some(std::process::id())).unwrap();
        let (done, is_done) = std::sync::mpsc::channel();
        let (end, ends) = std::sync::mpsc::channel::<()>();
        let before = own();
        let worker = std::thread::spawn(move || {
            let sum = (0..20_000_000u64).fold(0, |sum: u64, next| std::hint::black_box(sum ^ next));
            done.send(sum).unwrap();
            // A thread that has ended is counted no more.
            let _ = ends.recv();
        });
        // This thread waits meanwhile, and spends nothing.
        is_done.recv().unwrap();
        assert!(own() > before + Duration::from_millis(2));
        drop(end);
        worker.join().unwrap();
    }
}

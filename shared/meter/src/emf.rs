//! CloudWatch's way: a line of the log in the embedded metric format.
//!
//! CloudWatch makes metrics of such lines by itself, so no call is made and nobody waits for one. An invocation writes
//! one line for each priority that it had to do with, a batch of ten messages with ten values in it, and one more with
//! its process's first.

use std::collections::BTreeSet;
use std::io::Write;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::table::COLD_STARTS;

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();
/// Whether this process's start is still to be told.
static COLD: AtomicBool = AtomicBool::new(true);
/// What the lines to come are about.
static JOBS: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
/// The lines that were written, where somebody counts them.
static KEPT: OnceLock<Mutex<Vec<u8>>> = OnceLock::new();
/// By what member a line says which jobs it is about. CloudWatch makes no metric of it; whoever searches finds it.
const ABOUT: &str = "jobs";

/// Has what this process records written to its log, for the function of this name.
///
/// The names of a stack's functions begin with the stack's, and so does the namespace end: two stacks in one account
/// would else add up. A second call does nothing.
pub fn install(function: &str) {
    let stack = function.rsplit_once('-').map_or(function, |(stack, _)| stack);
    if let Ok(collector) = Builder::new().cloudwatch_namespace(format!("Nightjar/{stack}")).init()
        && COLLECTOR.set(collector).is_ok()
    {
        crate::describe();
    }
}

/// Writes what was recorded since the last time, at the end of an invocation. `worked` is false where a mere start of
/// the process is not worth a line.
pub fn flush(worked: bool) {
    let lines = take(worked);
    if let Some(kept) = KEPT.get() {
        kept.lock().unwrap_or_else(PoisonError::into_inner).extend(lines);
    } else if !lines.is_empty() {
        // At once, so that no other line of the log comes in between. One that is lost is lost.
        let _ = std::io::stdout().lock().write_all(&lines);
    }
}

/// The lines that [`flush`] writes; none where nothing was installed.
pub fn take(worked: bool) -> Vec<u8> {
    let Some(collector) = COLLECTOR.get() else { return Vec::new() };
    let mut lines = lines(collector);
    if (worked || !lines.is_empty()) && COLD.swap(false, Ordering::Relaxed) {
        metrics::counter!(COLD_STARTS.name).increment(1);
        // A vector takes all that is written to it.
        let _ = collector.flush(&mut lines);
    }
    lines
}

/// Has the next lines say that they are about this job too.
pub fn about(job: impl ToString) {
    JOBS.lock().unwrap_or_else(PoisonError::into_inner).insert(job.to_string());
}

/// What was recorded since the last time, with the jobs that it is about.
fn lines(collector: &Collector) -> Vec<u8> {
    let jobs = mem::take(&mut *JOBS.lock().unwrap_or_else(PoisonError::into_inner));
    if !jobs.is_empty() {
        collector.set_property(ABOUT, jobs.into_iter().collect::<Vec<_>>().join(" "));
    }
    let mut lines = Vec::new();
    let _ = collector.flush(&mut lines);
    collector.remove_property(ABOUT);
    lines
}

/// For who counts the lines: from now on they are kept, and this answers those since the last time. All that the process
/// records is in them.
pub fn kept() -> Vec<u8> {
    let kept = KEPT.get_or_init(Mutex::default);
    mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner))
}

//! CloudWatch's way: a line of the log in the embedded metric format.
//!
//! CloudWatch makes metrics of such lines by itself, so no call is made and nobody waits for one. An invocation writes
//! one line for each priority that it had to do with, a batch of ten messages with ten values in it, and one more with
//! its process's first.

use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use metrics_cloudwatch_embedded::{Builder, Collector};

use crate::table::COLD_STARTS;

static COLLECTOR: OnceLock<&'static Collector> = OnceLock::new();
/// Whether this process's start is still to be told.
static COLD: AtomicBool = AtomicBool::new(true);

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
    if !lines.is_empty() {
        // At once, so that no other line of the log comes in between. One that is lost is lost.
        let _ = std::io::stdout().lock().write_all(&lines);
    }
}

/// The lines that [`flush`] writes; none where nothing was installed.
pub fn take(worked: bool) -> Vec<u8> {
    let mut lines = Vec::new();
    let Some(collector) = COLLECTOR.get() else { return lines };
    // A vector takes all that is written to it.
    let _ = collector.flush(&mut lines);
    if (worked || !lines.is_empty()) && COLD.swap(false, Ordering::Relaxed) {
        metrics::counter!(COLD_STARTS.name).increment(1);
        let _ = collector.flush(&mut lines);
    }
    lines
}

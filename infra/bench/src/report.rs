//! The table.

use std::time::Duration;

use crate::Settings;
use crate::rows::{Measured, Row};

/// Prints the table as Markdown.
#[allow(clippy::print_stdout, reason = "it is what was asked for")]
pub(crate) fn print(settings: &Settings, measured: &Measured) {
    println!();
    println!("{}", machine());
    println!(
        "{} connections, {} in flight for the whole way, {} runs of {} s a row, the median run shown.",
        settings.connections, settings.in_flight, settings.runs, settings.seconds
    );
    println!();
    println!("| what | a second | p50 | p99 | CPU (of {}) | resident |", cores());
    println!("|---|---:|---:|---:|---:|---:|");
    for Row { name, run } in &measured.rows {
        println!(
            "| {name} | {:.0} | {} | {} | {:.2} | {:.0} MB |",
            run.per_second,
            millis(run.p50),
            millis(run.p99),
            run.cpu,
            run.resident as f64 / 1e6
        );
    }
    if let Some(late) = measured.lateness {
        println!();
        println!(
            "{} one-time jobs over three minutes started {} ms late at the median, {} ms at p99, {} ms at most and {} ms at least.",
            late.jobs, late.p50, late.p99, late.most, late.least
        );
    }
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn machine() -> String {
    let about = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = about.lines().find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    format!("{} cores of {}, client on the same machine.", cores(), model.unwrap_or("an unknown processor"))
}

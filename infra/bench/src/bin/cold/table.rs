//! The table, and what misses an aim.

use std::time::Duration;

use crate::Settings;
use crate::elf::Glibc;
use crate::process::Start;
use crate::subjects::Subject;

/// How many times the bare one's time on a processor a function's may be, on its way to its first poll.
const MOST_TIMES_BARE: f64 = 1.2;
/// How much memory may be resident by the first answer, in bytes.
const MOST_RESIDENT: u64 = 16 << 20;
/// How large a zip may be, in bytes.
const MOST_ZIP: u64 = 4 << 20;
/// What the operating system of Lambda's `provided.al2023` has.
const NEWEST_GLIBC: Glibc = Glibc(2, 34);

/// What was measured of one function.
#[derive(Debug)]
pub(crate) struct Row {
    name: &'static str,
    bare: bool,
    poll: Figures,
    answer: Figures,
    spent: Figures,
    resident: u64,
    zip: u64,
    glibc: Glibc,
}

#[derive(Debug, Clone, Copy, Default)]
struct Figures {
    median: Duration,
    p99: Duration,
}

impl Figures {
    fn of(mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        let at = |share: f64| {
            let place = (took.len().saturating_sub(1) as f64 * share).round() as usize;
            took.get(place).copied().unwrap_or_default()
        };
        Self { median: at(0.5), p99: at(0.99) }
    }
}

impl Row {
    pub(crate) fn new(subject: &Subject, starts: &[Start], zip: u64, glibc: Glibc) -> Self {
        Self {
            name: subject.name,
            bare: subject.is_bare(),
            poll: Figures::of(starts.iter().map(|start| start.to_poll).collect()),
            answer: Figures::of(starts.iter().map(|start| start.to_answer).collect()),
            spent: Figures::of(starts.iter().map(|start| start.spent).collect()),
            resident: starts.iter().map(|start| start.resident).max().unwrap_or_default(),
            zip,
            glibc,
        }
    }

    /// By the time on a processor, which is the same on a busy machine. What else a start may wait for is forbidden
    /// (`process::start`).
    fn times(&self, bare: Duration) -> f64 {
        self.spent.median.as_secs_f64() / bare.as_secs_f64()
    }
}

/// Every aim that a function misses, a line each.
pub(crate) fn misses(rows: &[Row]) -> Vec<String> {
    let bare = bare(rows);
    let ours = rows.iter().filter(|row| !row.bare);
    ours.flat_map(|row| {
        let times = row.times(bare);
        let name = row.name;
        [
            (times > MOST_TIMES_BARE || times.is_nan()).then(|| {
                format!("{name}: its way to the first poll takes {times:.2} times as long as the bare one's, and not {MOST_TIMES_BARE}")
            }),
            (row.resident > MOST_RESIDENT).then(|| {
                format!("{name}: {:.1} MiB are resident, and not {:.0}", mib(row.resident), mib(MOST_RESIDENT))
            }),
            (row.zip > MOST_ZIP)
                .then(|| format!("{name}: its zip has {:.2} MiB, and not {:.0}", mib(row.zip), mib(MOST_ZIP))),
            (row.glibc > NEWEST_GLIBC)
                .then(|| format!("{name}: it needs glibc {}, and Lambda has {NEWEST_GLIBC}", row.glibc)),
        ]
    })
    .flatten()
    .collect()
}

/// Prints the table as Markdown, and what misses an aim.
#[allow(clippy::print_stdout, reason = "it is what was asked for")]
pub(crate) fn print(settings: &Settings, rows: &[Row], misses: &[String]) {
    println!();
    println!("{} fresh processes of each, in turns; load {}.", settings.processes, load());
    println!();
    println!(
        "| function | to the first poll | p99 | of it on a processor | x bare | to the first answer | p99 | peak resident | zip | glibc |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    let bare = bare(rows);
    for row in rows {
        println!(
            "| {} | {} | {} | {} | {:.2} | {} | {} | {:.1} MiB | {:.2} MiB | {} |",
            row.name,
            millis(row.poll.median),
            millis(row.poll.p99),
            millis(row.spent.median),
            row.times(bare),
            millis(row.answer.median),
            millis(row.answer.p99),
            mib(row.resident),
            mib(row.zip),
            row.glibc
        );
    }
    println!();
    match misses {
        [] => println!("Every aim is met."),
        misses => misses.iter().for_each(|miss| println!("missed: {miss}")),
    }
}

fn bare(rows: &[Row]) -> Duration {
    rows.iter().find(|row| row.bare).map_or(Duration::ZERO, |row| row.spent.median)
}

fn millis(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split_whitespace().next().unwrap_or("unknown").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subjects::SUBJECTS;

    fn row(subject: usize, micros: u64, resident: u64, zip: u64, glibc: Glibc) -> Row {
        let took = Duration::from_micros(micros);
        let start = Start { to_poll: took, to_answer: took * 2, spent: took, resident };
        Row::new(&SUBJECTS[subject], &[start], zip, glibc)
    }

    #[test]
    fn what_just_keeps_to_the_aims_misses_none() {
        let bare = row(0, 5_000, 1, 1, NEWEST_GLIBC);
        let close = row(1, 6_000, MOST_RESIDENT, MOST_ZIP, NEWEST_GLIBC);
        assert_eq!(misses(&[bare, close]), [""; 0]);
    }

    #[test]
    fn a_miss_is_a_miss_by_however_little() {
        let (memory, zip, glibc) = (MOST_RESIDENT, MOST_ZIP, NEWEST_GLIBC);
        let late = row(1, 6_001, memory, zip, glibc);
        let large = row(2, 6_000, memory + 1, zip, glibc);
        let heavy = row(3, 6_000, memory, zip + 1, glibc);
        let modern = row(4, 6_000, memory, zip, Glibc(2, 35));
        let told = misses(&[row(0, 5_000, 1, 1, glibc), late, large, heavy, modern]);
        let named: Vec<_> = told.iter().filter_map(|line| line.split(':').next()).collect();
        assert_eq!(named, ["auth", "jobs", "run", "endpoints"], "{told:?}");
    }

    #[test]
    fn without_the_bare_one_nothing_is_met() {
        assert_eq!(misses(&[row(1, 6_000, 1, 1, NEWEST_GLIBC)]).len(), 1);
    }

    #[test]
    fn of_twenty_the_worst_is_the_p99() {
        let took: Vec<_> = (1..=20).rev().map(Duration::from_millis).collect();
        let figures = Figures::of(took);
        assert_eq!(figures.p99, Duration::from_millis(20));
        assert!([10, 11].map(Duration::from_millis).contains(&figures.median));
    }
}

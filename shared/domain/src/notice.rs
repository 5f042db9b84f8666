//! The e-mail that tells a job's owner that a run has failed for good.
//!
//! It says what failed, when, why and how often it was tried. Mail is read, forwarded and kept where the job's
//! owner has no say: the payload is not in it. The reason is in other words than ours, and may repeat what the
//! task has sent, as a receiver does that echoes a request: so the mail has its beginning alone, and the rest
//! stands in the job's record.

use std::fmt::Write;
use std::time::Duration;

use crate::job::{Job, Run, Timetable};
use crate::log::cut;
use crate::retry::Backoff;

mod endpoint;

pub use endpoint::of_endpoint;

/// How much of the task's name stands in the subject.
const NAME_BYTES: usize = 120;
/// How much of the reason stands in the body: what our own words need.
const REASON_BYTES: usize = 160;
/// How often a notice is tried again, whatever kept it from being sent: for about four hours in all.
const MOST_TRIES: u32 = 26;
/// How long it waits at most for the first of them; after that twice as long each time.
const WAITS: Backoff = Backoff::new(Duration::from_secs(20));

/// How long a notice waits that could not be sent, after so many times before; none if it is given up. Half of
/// the wait is left to the `dice`, which is uniform over all of `u64`: what was refused together shall not come
/// back together.
pub fn wait(tries: u32, dice: u64) -> Option<Duration> {
    let half = WAITS.ceiling(tries) / 2;
    let millis = u64::try_from(half.as_millis()).unwrap_or(u64::MAX).max(1);
    (tries < MOST_TRIES).then(|| half + Duration::from_millis(dice % millis))
}

/// What the e-mail says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its subject: one line.
    pub subject: String,
    /// Its body, in plain text.
    pub body: String,
}

/// The notice of a run that has failed. With the URL of the web page it links to the job. So many failures were
/// left out before it.
pub fn failed(job: &Job, run: &Run, public_url: Option<&str>, left_out: u64) -> Notice {
    let name = one_line(&job.task_name);
    let subject = format!("Job failed: {}", cut(&name, NAME_BYTES));
    let mut lines = vec![format!("The job \"{name}\" has failed."), String::new()];
    if let Some(due) = run.due_at {
        lines.push(format!("Due:      {due}"));
    }
    lines.push(format!("Started:  {}", run.started_at));
    if let Some(ended) = run.completed_at {
        lines.push(format!("Failed:   {ended}"));
    }
    lines.push(format!("Tried:    {}", times(run.attempt)));
    lines.push(format!("Why:      {}", reason(run)));
    lines.push(String::new());
    lines.push(format!("Type:     {}", one_line(&job.task_type)));
    lines.push(format!("Job:      {}", job.id));
    lines.push(format!("Run:      {}", run.id));
    if let Some(base) = public_url {
        lines.push(format!("See:      {}/jobs/{}", base.trim_end_matches('/'), job.id));
    }
    lines.push(String::new());
    lines.push(outlook(job));
    if left_out > 0 {
        lines.push(String::new());
        lines.push(omission(left_out));
    }
    Notice { subject, body: text(&lines) }
}

fn text(lines: &[String]) -> String {
    let mut body = String::new();
    for line in lines {
        // Writing to a text cannot fail.
        let _ = writeln!(body, "{line}");
    }
    body
}

fn times(attempts: u32) -> String {
    match attempts {
        0 => "not once".to_owned(),
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

fn reason(run: &Run) -> String {
    let told = run.last_error.as_deref().map(|error| cut(&one_line(error), REASON_BYTES));
    let told = told.filter(|text| !text.is_empty()).unwrap_or_else(|| "no reason was given".to_owned());
    if run.dead_lettered { format!("{told} (given up: its workers kept stopping)") } else { told }
}

/// What happens next.
fn outlook(job: &Job) -> String {
    match job.timetable.as_ref() {
        Some(table) if table.due().is_some_and(|_| !job.status.is_end()) => next(table),
        Some(table) if table.schedule.paused => "Its schedule is paused.".to_owned(),
        _ => "It will not be tried again by itself.".to_owned(),
    }
}

fn omission(left_out: u64) -> String {
    format!("Failures before this one that no e-mail was sent for, because an hour had too many: {left_out}.")
}

fn next(table: &Timetable) -> String {
    let due = table.due().map(|due| due.to_string()).unwrap_or_default();
    format!("Its schedule goes on: the next run is due at {due}.")
}

/// The text with every break and control character turned into a blank, so that no name and no error can add a
/// header to the mail or a line that looks like ours.
fn one_line(text: &str) -> String {
    let blank = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let flat: String = text.chars().map(blank).collect();
    flat.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;

//! Occurrences of a schedule: which of them start a run, and which are passed over.

use std::time::Duration;

use super::accept::Verdict;
use super::{Present, begin, end, hold, touched};
use crate::id::RunId;
use crate::job::{Job, Run, Status, Timetable};
use crate::log::{MAX_ERROR_BYTES, cut};
use crate::schedule::Missed;
use crate::time::Moment;

/// An occurrence that nobody started for longer than this was missed.
pub const MISSED_AFTER: Duration = Duration::from_secs(300);
/// A backfill makes up for the last so many occurrences.
pub const MOST_BACKFILLED: usize = 1_000;
/// How far ahead occurrences are announced: whoever writes one that is due within this time announces it, and
/// the tick, which looks once a minute, announces the others. SQS holds a message back for up to 900 s.
pub const READ_AHEAD: Duration = Duration::from_secs(180);

/// Decides about an occurrence whose run the record does not show.
pub(super) fn accept(
    job: &Job,
    rev: u64,
    due_at: Moment,
    holder: u32,
    held_back: Duration,
    at: Present,
) -> Verdict {
    let awaited =
        |table: &&Timetable| table.rev == rev && table.due() == Some(due_at) && !job.status.is_end();
    let Some(table) = job.timetable.as_ref().filter(awaited) else { return Verdict::Stale };
    if due_at > at.now {
        return Verdict::Wait { until: due_at };
    }
    let missed = table.schedule.missed;
    if job.status == Status::Running {
        // In a backfill it waits for its turn, and so does one that no other comes after. The others would pile
        // up behind a run that takes too long.
        return if waits_for_its_turn(table) {
            Verdict::Later
        } else {
            skip(job, table, at.now.max(due_at), "an earlier run was still on", at)
        };
    }
    let late = at.now.since(due_at) > MISSED_AFTER;
    if late && missed == Missed::Skip {
        let before =
            Moment::from_millis(at.now.as_millis().saturating_sub(millis(MISSED_AFTER)).saturating_sub(1));
        return skip(job, table, before.max(due_at), "nothing could start it in time", at);
    }
    if late && missed == Missed::Backfill {
        let oldest = table.schedule.last_of(due_at, at.now, MOST_BACKFILLED);
        if let Some(oldest) = oldest.filter(|oldest| *oldest > due_at) {
            let before = Moment::from_millis(oldest.as_millis().saturating_sub(1));
            return skip(job, table, before, "a backfill makes up for the last 1000 only", at);
        }
    }
    let mut next = begun(&touched(job, at.now), due_at, at);
    if !held_back.is_zero() {
        // Until then another message about it, for every occurrence may have several, leaves it alone.
        if let Some(run) = &mut next.run {
            run.not_before = Some(at.now.plus(held_back));
        }
        next.log.add(at.now, Status::Running, "queued", None);
        return Verdict::Hold { next: Box::new(next) };
    }
    hold(&mut next, holder, at.now);
    Verdict::Claim { next: Box::new(next) }
}

/// Whether an occurrence that comes while a run is on waits until that has ended, which then announces it.
pub fn waits_for_its_turn(table: &Timetable) -> bool {
    table.schedule.missed == Missed::Backfill || !table.schedule.is_recurring()
}

/// The job, running for this occurrence, and its timetable moved on.
pub(super) fn begun(job: &Job, due_at: Moment, at: Present) -> Job {
    let mut next = job.clone();
    let run = RunId::of_occurrence(job.id, due_at);
    begin(&mut next, Run { due_at: Some(due_at), ..Run::new(run, at.now) });
    let Some(table) = &mut next.timetable else { return next };
    let late = at.now.since(due_at) > MISSED_AFTER;
    let mut through = due_at;
    if late && table.schedule.missed == Missed::RunOnce {
        through = table.schedule.latest(at.now).map_or(due_at, |latest| latest.max(due_at));
    }
    if late {
        let told = missed(table, due_at, through, at.now);
        next.log.add(at.now, Status::Running, told, None);
    }
    table.fires = table.fires.saturating_add(1);
    advance(table, through);
    next
}

/// Moves the timetable past every occurrence up to `through`.
fn advance(table: &mut Timetable, through: Moment) {
    table.fired_through = Some(through);
    let spent = table.schedule.max_runs().is_some_and(|most| table.fires >= most);
    table.next = if spent { None } else { table.schedule.after(through) };
}

/// Passes over every occurrence up to `through`; a job that no occurrence is left of ends.
fn skip(job: &Job, table: &Timetable, through: Moment, why: &str, at: Present) -> Verdict {
    let mut next = touched(job, at.now);
    let mut moved = table.clone();
    let first = table.next.unwrap_or(through);
    let last = table.schedule.latest(through).map_or(first, |latest| latest.max(first));
    advance(&mut moved, last);
    let many = count(&moved, first, last);
    next.log.add(at.now, next.status, format!("{many} skipped, due {}: {why}", span(first, last)), None);
    next.timetable = Some(moved);
    end_if_over(&mut next, first, why, at);
    Verdict::Skip { next: Box::new(next) }
}

/// Ends a job that waits for nothing any more, as its last run has ended. Without one the occurrence `due_at`,
/// which nothing will start, ends as failed: a job that was accepted ends, and tells so.
pub(super) fn end_if_over(job: &mut Job, due_at: Moment, why: &str, at: Present) {
    if job.status != Status::Pending || job.timetable.as_ref().is_some_and(|table| table.next.is_some()) {
        return;
    }
    match job.run.as_ref().and_then(|run| run.outcome) {
        Some(outcome) => {
            job.status = outcome;
            job.expires_at = at.keep.map(|keep| at.now.plus(keep));
            job.log.add(at.now, outcome, "its schedule is over", None);
        }
        None => {
            let run = RunId::of_occurrence(job.id, due_at);
            let error = cut(&format!("missed: due {due_at}, and {why}"), MAX_ERROR_BYTES);
            let run = Run { due_at: Some(due_at), last_error: Some(error), ..Run::new(run, at.now) };
            end(job, run, Status::Failed, "its schedule is over and nothing has run".to_owned(), at);
        }
    }
}

fn missed(table: &Timetable, first: Moment, last: Moment, now: Moment) -> String {
    let late = now.since(first).as_secs();
    match table.schedule.missed {
        Missed::RunOnce if last > first => {
            format!("{} missed, due {}: one run for all", count(table, first, last), span(first, last))
        }
        _ => format!("due {first}, {late} s late"),
    }
}

/// How many occurrences, in words: the exact number is not worth a long count.
fn count(table: &Timetable, first: Moment, last: Moment) -> String {
    match table.schedule.count(first, last, MOST_BACKFILLED + 1) {
        // A schedule that was moved since does not show the one it stood at.
        0 | 1 => "one occurrence".to_owned(),
        many if many > MOST_BACKFILLED => format!("more than {MOST_BACKFILLED} occurrences"),
        many => format!("{many} occurrences"),
    }
}

fn span(first: Moment, last: Moment) -> String {
    if first == last { first.to_string() } else { format!("{first} to {last}") }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;

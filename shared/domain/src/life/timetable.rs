//! Giving a job a schedule, changing it, and letting it rest.

use super::fire::end_if_over;
use super::{Present, touched};
use crate::job::{Job, Status, Timetable};
use crate::schedule::Schedule;
use crate::time::Moment;

/// Why a schedule can be neither paused nor resumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotRest {
    /// There is none.
    #[error("the job has no schedule")]
    NoSchedule,
    /// It has no occurrence any more.
    #[error("the job's schedule is over")]
    Over,
}

/// The timetable of a new job.
pub fn scheduled(schedule: Schedule, rev: u64, now: Moment) -> Timetable {
    let next = first(&schedule, None, now);
    Timetable { schedule, rev, next, fired_through: None, fires: 0 }
}

/// The job with another schedule, or with none. An ended job that has an occurrence before it waits again; one
/// that waits for nothing any more ends as its last run did.
///
/// Where only the end, the number of runs, the pause or what becomes of missed occurrences changes, the schedule
/// goes on where it stands: what has run counts on, and what is due stays due.
pub fn reschedule(job: &Job, schedule: Option<Schedule>, at: Present) -> Job {
    let mut next = touched(job, at.now);
    let before = job.timetable.as_ref();
    next.timetable = schedule.map(|schedule| {
        let same = before.filter(|before| before.schedule.comes_as(&schedule));
        let fired_through = before.and_then(|before| before.fired_through);
        let fires = same.map_or(0, |same| same.fires);
        let spent = schedule.max_runs().is_some_and(|most| fires >= most);
        let due = if spent { None } else { continued(same, &schedule, fired_through, at.now) };
        Timetable { schedule, rev: next.version, next: due, fired_through, fires }
    });
    if next.timetable.as_ref().is_some_and(|table| table.next.is_some()) {
        if job.status.is_end() {
            next.status = Status::Pending;
            next.expires_at = None;
        }
    } else if next.timetable.is_none() && job.run.is_some() {
        end_if_over(&mut next, at.now, "its schedule was removed", at);
    }
    next
}

/// The next occurrence after a change; `same` is the timetable before it, if it comes at the same moments.
fn continued(
    same: Option<&Timetable>,
    schedule: &Schedule,
    dealt_with: Option<Moment>,
    now: Moment,
) -> Option<Moment> {
    let Some(same) = same else { return first(schedule, dealt_with, now) };
    let wakes = same.schedule.paused && !schedule.paused;
    let longer =
        schedule.max_runs() != same.schedule.max_runs() || schedule.ends_at() != same.schedule.ends_at();
    match same.next {
        Some(due) if !wakes => {
            let lasts = schedule.ends_at().is_none_or(|end| due <= end);
            lasts.then_some(due).or_else(|| first(schedule, dealt_with, now))
        }
        // It had no occurrence left: only another end, or more runs, give it one.
        None if !longer || !schedule.is_recurring() => None,
        _ => first(schedule, dealt_with, now),
    }
}

/// The job with its schedule at rest; `None` if it rests already.
pub fn pause(job: &Job, now: Moment) -> Result<Option<Job>, CannotRest> {
    if waiting(job)?.schedule.paused {
        return Ok(None);
    }
    let mut next = touched(job, now);
    if let Some(table) = &mut next.timetable {
        table.schedule.paused = true;
        table.rev = next.version;
    }
    next.log.add(now, next.status, "schedule paused", None);
    Ok(Some(next))
}

/// The job with its schedule at work again; `None` if it is at work. What fell into the pause is not made up
/// for, but for a job with one occurrence, which comes at once.
pub fn resume(job: &Job, at: Present) -> Result<Option<Job>, CannotRest> {
    let table = waiting(job)?;
    if !table.schedule.paused {
        return Ok(None);
    }
    let due = table.next.unwrap_or(at.now);
    let mut next = touched(job, at.now);
    if let Some(table) = &mut next.timetable {
        table.schedule.paused = false;
        table.rev = next.version;
        table.next = first(&table.schedule, table.fired_through, at.now);
    }
    next.log.add(at.now, next.status, "schedule resumed", None);
    end_if_over(&mut next, due, "its schedule ended while it was paused", at);
    Ok(Some(next))
}

fn waiting(job: &Job) -> Result<&Timetable, CannotRest> {
    let table = job.timetable.as_ref().ok_or(CannotRest::NoSchedule)?;
    if table.next.is_none() { Err(CannotRest::Over) } else { Ok(table) }
}

/// The first occurrence from `now` on that was not dealt with. A single one that has passed comes at once.
fn first(schedule: &Schedule, dealt_with: Option<Moment>, now: Moment) -> Option<Moment> {
    if !schedule.is_recurring() {
        if dealt_with.is_some_and(|through| schedule.latest(through).is_some()) {
            return None;
        }
        return schedule.latest(now).map(|_| now).or_else(|| schedule.after(now));
    }
    let from =
        dealt_with.map_or(now, |through| now.max(Moment::from_millis(through.as_millis().saturating_add(1))));
    schedule.first(from)
}

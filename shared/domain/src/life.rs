//! The life of a job: every change of state, as a function from a record to the next record.
//!
//! ```text
//!          run, or due                  task ends
//! pending ---------> running ---------------------------> completed
//!    ^                  |  \--- attempts left: waits and tries again (still running)
//!    |                  |  \--- none left --------------> failed
//!    +------------------+------ cancel -----------------> cancelled
//!     its schedule goes on
//! ```
//!
//! The store writes what these functions return under the condition that the record still has the version
//! they saw, so that of two writers who race one sees its write refused, reads again and decides again. What
//! must hold besides is checked here: an attempt may only end what it has claimed.

use std::time::Duration;

use serde_json::Value;

use crate::id::{CancelId, RunId};
use crate::job::{Job, Lease, Run, Status};
use crate::log::{MAX_ERROR_BYTES, cut};
use crate::time::Moment;

mod accept;
mod fire;
mod timetable;

pub use accept::{Burial, Trigger, Verdict, accept, bury};
pub use fire::{MISSED_AFTER, MOST_BACKFILLED, READ_AHEAD, waits_for_its_turn};
pub use timetable::{CannotRest, pause, reschedule, resume, scheduled};

/// How long a claim is believed: longer than a worker may live, so that two never work on one attempt.
pub const LEASE: Duration = Duration::from_secs(65);

/// The moment of a change, and how long what ends then is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Present {
    /// The moment.
    pub now: Moment,
    /// How long; for ever if not set.
    pub keep: Option<Duration>,
}

/// Why a job cannot start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CannotStart {
    /// A run is on.
    #[error("the job is running already")]
    Running,
    /// It has ended; `rerun` starts it again.
    #[error("the job has ended as {0}; rerun starts it again")]
    Ended(Status),
    /// It has not run yet; `run` starts it.
    #[error("the job has not run yet; run starts it")]
    NotEnded,
}

/// The job is not in the hands of whoever wants to end its attempt: it was cancelled, or its lease lapsed and
/// another attempt has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attempt no longer holds the job")]
pub struct Fenced;

/// The attempt that a worker holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The run.
    pub run: RunId,
    /// Which attempt of it.
    pub number: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// The task did what it should.
    Done {
        /// Its answer.
        result: Option<Value>,
    },
    /// It did not, and may be tried again after `delay` if attempts are left.
    Failed {
        /// Why.
        error: String,
        /// How long to wait.
        delay: Duration,
    },
    /// It did not, and another attempt would not either.
    Refused {
        /// Why.
        error: String,
    },
}

/// May `run` start this job?
pub fn may_run(job: &Job) -> Result<(), CannotStart> {
    match job.status {
        Status::Pending => Ok(()),
        Status::Running => Err(CannotStart::Running),
        ended => Err(CannotStart::Ended(ended)),
    }
}

/// May `rerun` start this job?
pub fn may_rerun(job: &Job) -> Result<(), CannotStart> {
    match job.status {
        Status::Pending => Err(CannotStart::NotEnded),
        Status::Running => Err(CannotStart::Running),
        _ => Ok(()),
    }
}

/// The job, running under `run`, because somebody said so. Whoever writes this over an ended run archives that
/// run first.
pub fn start(job: &Job, run: RunId, now: Moment) -> Job {
    let mut next = touched(job, now);
    begin_by_hand(&mut next, run, now);
    next.log.add(now, Status::Running, "queued", None);
    next
}

/// A job that has one run to make has it now.
fn begin_by_hand(job: &mut Job, run: RunId, now: Moment) {
    begin(job, Run::new(run, now));
    let single = job.timetable.as_mut().filter(|table| !table.schedule.is_recurring());
    if let Some(due) = single.and_then(|table| table.next.take()) {
        job.log.add(now, Status::Running, format!("started by hand instead of at {due}"), None);
    }
}

fn begin(job: &mut Job, run: Run) {
    job.status = Status::Running;
    job.cancel_id = None;
    job.expires_at = None;
    job.run = Some(run);
}

/// The job with its next attempt in the hands of `holder`.
pub fn claim(job: &Job, run: RunId, holder: u32, now: Moment) -> Job {
    let mut next = touched(job, now);
    if next.run.as_ref().is_none_or(|current| current.id != run) {
        begin_by_hand(&mut next, run, now);
    }
    hold(&mut next, holder, now);
    next
}

/// Puts the next attempt of the run that is on into the hands of `holder`.
fn hold(job: &mut Job, holder: u32, now: Moment) {
    let Some(run) = job.run.as_mut() else { return };
    let lost = run.lease.is_some();
    run.attempt = run.attempt.saturating_add(1);
    run.lease = Some(Lease { until: now.plus(LEASE), holder });
    run.not_before = None;
    let number = run.attempt;
    if lost {
        let error = "the worker that held it stopped without an answer";
        job.log.add(now, Status::Running, format!("attempt {} lost", number.saturating_sub(1)), Some(error));
    }
    job.log.add(now, Status::Running, format!("attempt {number} started"), None);
}

/// The job after its attempt has ended.
pub fn finish(job: &Job, attempt: Attempt, ending: &Ending, at: Present) -> Result<Job, Fenced> {
    let now = at.now;
    let mut next = touched(job, now);
    let mut run = held(&mut next, attempt)?;
    run.lease = None;
    match ending {
        Ending::Done { result } => {
            run.result.clone_from(result);
            run.last_error = None;
            end(&mut next, run, Status::Completed, format!("attempt {} completed", attempt.number), at);
        }
        Ending::Failed { error, delay } if attempt.number <= job.max_retries => {
            run.last_error = Some(cut(error, MAX_ERROR_BYTES));
            run.not_before = Some(now.plus(*delay));
            let seconds = delay.as_secs_f64();
            let message = format!("attempt {} failed, next in {seconds:.1} s", attempt.number);
            next.log.add(now, Status::Running, message, Some(error));
            next.run = Some(run);
        }
        Ending::Failed { error, .. } | Ending::Refused { error } => {
            run.last_error = Some(cut(error, MAX_ERROR_BYTES));
            end(&mut next, run, Status::Failed, format!("attempt {} failed, the last", attempt.number), at);
        }
    }
    Ok(next)
}

/// The job after its last attempt's lease has lapsed: nobody will end it, so it ends as failed.
pub fn lose(job: &Job, at: Present) -> Option<Job> {
    let mut next = touched(job, at.now);
    let mut run = next.run.take()?;
    run.lease = None;
    run.last_error = Some(format!("worker-lost: attempt {} ended without an answer", run.attempt));
    end(&mut next, run, Status::Failed, "given up".to_owned(), at);
    Some(next)
}

/// The job after its message has been received too often: it ends as failed.
pub fn dead_letter(job: &Job, at: Present) -> Option<Job> {
    let mut next = touched(job, at.now);
    let mut run = next.run.take()?;
    run.lease = None;
    run.dead_lettered = true;
    run.last_error = Some(format!(
        "dead-lettered: its worker died again and again, the last time in attempt {}",
        run.attempt.max(1)
    ));
    end(&mut next, run, Status::Failed, "dead-lettered".to_owned(), at);
    Some(next)
}

/// The job, cancelled; `None` if it has ended already. A job that no run is on of ends under `run`, so that its
/// webhook has a run to tell of; whoever writes this archives the run that it replaces. Its schedule is over.
pub fn cancel(job: &Job, cancel: CancelId, run: RunId, at: Present) -> Option<Job> {
    let now = at.now;
    if job.status.is_end() {
        return None;
    }
    let mut next = touched(job, now);
    let mut current = match (job.status, next.run.take()) {
        (Status::Running, Some(current)) => current,
        _ => Run::new(run, now),
    };
    current.lease = None;
    next.cancel_id = Some(cancel);
    if let Some(table) = &mut next.timetable {
        table.rev = next.version;
        table.next = None;
    }
    end(&mut next, current, Status::Cancelled, "cancelled".to_owned(), at);
    Some(next)
}

/// The job, deleted: what is left tells claims and readers that it is gone, until the table forgets it, and
/// nothing of what it was.
pub fn delete(job: &Job, now: Moment, keep: Duration) -> Job {
    let blank = touched(job, now).without_contents();
    Job { deleted_at: Some(now), expires_at: Some(now.plus(keep)), ..blank }
}

/// The job with one more version, for a change that `now` makes.
pub fn touched(job: &Job, now: Moment) -> Job {
    Job { version: job.version + 1, updated_at: now, ..job.clone() }
}

/// Takes the run out of the job if `attempt` still holds it.
fn held(job: &mut Job, attempt: Attempt) -> Result<Run, Fenced> {
    let holds = job.status == Status::Running
        && job.deleted_at.is_none()
        && job
            .run
            .as_ref()
            .is_some_and(|run| run.id == attempt.run && run.attempt == attempt.number && run.lease.is_some());
    if !holds {
        return Err(Fenced);
    }
    job.run.take().ok_or(Fenced)
}

/// Ends the run. The job ends with it, unless its schedule goes on.
fn end(job: &mut Job, mut run: Run, outcome: Status, message: String, at: Present) {
    let now = at.now;
    run.not_before = None;
    run.completed_at = Some(now);
    run.outcome = Some(outcome);
    let error = run.last_error.clone().filter(|_| outcome == Status::Failed);
    job.log.add(now, outcome, message, error.as_deref());
    job.run = Some(run);
    if job.timetable.as_ref().is_some_and(|table| table.next.is_some()) {
        job.status = Status::Pending;
    } else {
        job.status = outcome;
        job.expires_at = at.keep.map(|keep| now.plus(keep));
    }
}

/// The ended run that a change leaves out of the record: whoever writes `next` over `job` archives it with it.
pub fn put_aside<'a>(job: &'a Job, next: &Job) -> Option<&'a Run> {
    let gone = |run: &&Run| next.run.as_ref().is_none_or(|now| now.id != run.id);
    job.run.as_ref().filter(|run| run.outcome.is_some()).filter(gone)
}

#[cfg(test)]
mod tests;

//! The life of a job: every change of state, as a function from a record to the next record.
//!
//! ```text
//!            run                        task ends
//! pending ---------> running ---------------------------> completed
//!    ^                  |  \--- attempts left: waits and tries again (still running)
//!    |                  |  \--- none left --------------> failed
//!  created              +------ cancel -----------------> cancelled
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

pub use accept::{Burial, Verdict, accept, bury};

/// How long a claim is believed: longer than a worker may live, so that two never work on one attempt.
pub const LEASE: Duration = Duration::from_secs(65);

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

/// The job, running under `run`. Whoever writes this over an ended run archives that run first.
pub fn start(job: &Job, run: RunId, now: Moment) -> Job {
    let mut next = touched(job, now);
    next.status = Status::Running;
    next.cancel_id = None;
    next.expires_at = None;
    next.run = Some(Run::new(run, now));
    next.log.add(now, Status::Running, "queued", None);
    next
}

/// The job with its next attempt in the hands of `holder`.
pub fn claim(job: &Job, run: RunId, holder: u32, now: Moment) -> Job {
    let mut next = touched(job, now);
    let current = next.run.take().filter(|current| current.id == run);
    let mut current = current.unwrap_or_else(|| Run::new(run, now));
    let lost = current.lease.is_some();
    current.attempt += 1;
    current.lease = Some(Lease { until: now.plus(LEASE), holder });
    current.not_before = None;
    next.status = Status::Running;
    next.cancel_id = None;
    next.expires_at = None;
    if lost {
        let error = "the worker that held it stopped without an answer";
        next.log.add(now, Status::Running, format!("attempt {} lost", current.attempt - 1), Some(error));
    }
    next.log.add(now, Status::Running, format!("attempt {} started", current.attempt), None);
    next.run = Some(current);
    next
}

/// The job after its attempt has ended.
pub fn finish(job: &Job, attempt: Attempt, ending: &Ending, now: Moment) -> Result<Job, Fenced> {
    let mut next = touched(job, now);
    let mut run = held(&mut next, attempt)?;
    run.lease = None;
    match ending {
        Ending::Done { result } => {
            run.result.clone_from(result);
            run.last_error = None;
            end(&mut next, run, Status::Completed, format!("attempt {} completed", attempt.number), now);
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
            end(&mut next, run, Status::Failed, format!("attempt {} failed, the last", attempt.number), now);
        }
    }
    Ok(next)
}

/// The job after its last attempt's lease has lapsed: nobody will end it, so it ends as failed.
pub fn lose(job: &Job, now: Moment) -> Option<Job> {
    let mut next = touched(job, now);
    let mut run = next.run.take()?;
    run.lease = None;
    run.last_error = Some(format!("worker-lost: attempt {} ended without an answer", run.attempt));
    end(&mut next, run, Status::Failed, "given up".to_owned(), now);
    Some(next)
}

/// The job after its message has been received too often: it ends as failed.
pub fn dead_letter(job: &Job, now: Moment) -> Option<Job> {
    let mut next = touched(job, now);
    let mut run = next.run.take()?;
    run.lease = None;
    run.dead_lettered = true;
    run.last_error = Some(format!(
        "dead-lettered: its worker died again and again, the last time in attempt {}",
        run.attempt.max(1)
    ));
    end(&mut next, run, Status::Failed, "dead-lettered".to_owned(), now);
    Some(next)
}

/// The job, cancelled; `None` if it has ended already. A job that never ran ends under `run`, so that its
/// webhook has a run to tell of.
pub fn cancel(job: &Job, cancel: CancelId, run: RunId, now: Moment) -> Option<Job> {
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
    end(&mut next, current, Status::Cancelled, "cancelled".to_owned(), now);
    Some(next)
}

/// The job, deleted: what is left tells claims and readers that it is gone, until the table forgets it.
pub fn delete(job: &Job, now: Moment, keep: Duration) -> Job {
    let mut next = touched(job, now);
    next.deleted_at = Some(now);
    next.expires_at = Some(now.plus(keep));
    next
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

fn end(job: &mut Job, mut run: Run, outcome: Status, message: String, now: Moment) {
    run.not_before = None;
    run.completed_at = Some(now);
    run.outcome = Some(outcome);
    job.status = outcome;
    let error = run.last_error.clone().filter(|_| outcome == Status::Failed);
    job.log.add(now, outcome, message, error.as_deref());
    job.run = Some(run);
}

#[cfg(test)]
mod tests;

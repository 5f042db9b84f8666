//! What to do about a message: the record decides, never the message.

use std::time::Duration;

use super::{claim, dead_letter, lose, start};
use crate::id::RunId;
use crate::job::{Job, Run, Status};
use crate::time::Moment;

/// What a worker does about a `run` message.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Write this record, and work on it if the write succeeds. `archive` is an ended run to put aside first.
    Claim {
        /// The record with the attempt claimed.
        next: Box<Job>,
        /// The run that it replaces.
        archive: Option<Run>,
    },
    /// Somebody holds it, or it is too early: hide the message until then.
    Wait {
        /// When to look again.
        until: Moment,
    },
    /// Its last lease has lapsed and no attempt is left: write this record, then send what it owes.
    Lose {
        /// The record, ended.
        next: Box<Job>,
    },
    /// The run has ended: send the deliveries that are not known to be sent, and acknowledge.
    Settle,
    /// It may be about a run that was put aside; if there is none, it is about nothing: acknowledge.
    Stale,
}

/// Decides about a message `{run, version}` at `now`; `holder` marks the claim if it comes to one.
///
/// A message may come twice, late, or before the write that it announces. It may claim the job if the job runs
/// under its run, or still stands as its sender saw it.
pub fn accept(job: &Job, run: RunId, version: u64, holder: u32, now: Moment) -> Verdict {
    if job.deleted_at.is_some() {
        return Verdict::Stale;
    }
    let Some(current) = job.run.as_ref().filter(|current| current.id == run) else {
        if job.version != version || job.status == Status::Running {
            return Verdict::Stale;
        }
        let archive = job.run.clone().filter(|earlier| earlier.outcome.is_some());
        return Verdict::Claim { next: Box::new(claim(job, run, holder, now)), archive };
    };
    if job.status != Status::Running {
        return Verdict::Settle;
    }
    match (current.lease, current.not_before) {
        (Some(lease), _) if lease.until > now => {
            Verdict::Wait { until: lease.until.plus(Duration::from_secs(1)) }
        }
        (_, Some(not_before)) if not_before > now => Verdict::Wait { until: not_before },
        (Some(_), _) if current.attempt > job.max_retries => {
            lose(job, now).map_or(Verdict::Stale, |next| Verdict::Lose { next: Box::new(next) })
        }
        _ => Verdict::Claim { next: Box::new(claim(job, run, holder, now)), archive: None },
    }
}

/// What is done about a message that was received too often.
#[derive(Debug, Clone, PartialEq)]
pub enum Burial {
    /// The run can still go on: send a fresh message, to be looked at from then on.
    Resend {
        /// Not before.
        from: Moment,
    },
    /// It ends here: write this record, then send what it owes.
    End {
        /// The record, ended.
        next: Box<Job>,
    },
    /// The run has ended: send the deliveries that are not known to be sent.
    Settle,
    /// It is about nothing any more.
    Stale,
}

/// Decides about a dead letter `{run, version}` at `now`, under the same fence as [`accept`].
///
/// While attempts are left it is sent afresh, but only once (`rescued`): a worker that dies before it can claim
/// uses up no attempt, and the job must end all the same.
pub fn bury(job: &Job, run: RunId, version: u64, rescued: u32, now: Moment) -> Burial {
    match accept(job, run, version, 0, now) {
        Verdict::Wait { until } => return Burial::Resend { from: until },
        Verdict::Settle => return Burial::Settle,
        Verdict::Stale => return Burial::Stale,
        Verdict::Claim { .. } | Verdict::Lose { .. } => {}
    }
    let attempts = job.run.as_ref().filter(|current| current.id == run).map_or(0, |current| current.attempt);
    if attempts <= job.max_retries && rescued == 0 {
        return Burial::Resend { from: now };
    }
    let mut running = job.clone();
    if job.run.as_ref().is_none_or(|current| current.id != run) {
        // It was never written as running: it ends under the run that its message announces.
        running = Job { version: job.version, ..start(job, run, now) };
    }
    dead_letter(&running, now).map_or(Burial::Stale, |next| Burial::End { next: Box::new(next) })
}

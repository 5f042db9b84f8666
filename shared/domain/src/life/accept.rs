//! What to do about a message: the record decides, never the message.

use std::time::Duration;

use super::{Present, begin_by_hand, claim, dead_letter, fire, lose, touched};
use crate::id::RunId;
use crate::job::{Job, Status};
use crate::time::Moment;

/// What a message says of the run that it announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Somebody started the job as it stood at this version.
    Run {
        /// The version.
        version: u64,
    },
    /// An occurrence of its schedule.
    Fire {
        /// The state of the schedule that the occurrence belongs to.
        rev: u64,
        /// The occurrence.
        due_at: Moment,
    },
}

/// What a worker does about a message. Where a record is to be written, the run that it replaces is archived
/// first ([`put_aside`](super::put_aside)).
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Write this record, and work on it if the write succeeds.
    Claim {
        /// The record with the attempt claimed.
        next: Box<Job>,
    },
    /// An occurrence is due, of a task whose time passes in the queue: write this record, and send the run's
    /// message with a delay.
    Hold {
        /// The record, running.
        next: Box<Job>,
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
    /// The occurrence starts nothing: write this record, then send what it owes if that ended the job.
    Skip {
        /// The record, one or more occurrences further.
        next: Box<Job>,
    },
    /// Its turn comes when the run that is on has ended, and that will announce it: acknowledge.
    Later,
    /// The run has ended: send the deliveries that are not known to be sent, and acknowledge.
    Settle,
    /// It may be about a run that was put aside; if there is none, it is about nothing: acknowledge.
    Stale,
}

/// Decides about a message about `run`; `holder` marks the claim if it comes to one, and `held_back` is how much
/// of the task's time passes in the queue.
///
/// A message may come twice, late, or before the write that it announces. It may claim the job if the job runs
/// under its run, still stands as its sender saw it, or waits for this very occurrence.
pub fn accept(
    job: &Job,
    run: RunId,
    trigger: Trigger,
    holder: u32,
    held_back: Duration,
    at: Present,
) -> Verdict {
    let now = at.now;
    if job.deleted_at.is_some() {
        return Verdict::Stale;
    }
    let Some(current) = job.run.as_ref().filter(|current| current.id == run) else {
        return match trigger {
            Trigger::Fire { rev, due_at } => fire::accept(job, rev, due_at, holder, held_back, at),
            Trigger::Run { version } if job.version != version || job.status == Status::Running => {
                Verdict::Stale
            }
            Trigger::Run { .. } => Verdict::Claim { next: Box::new(claim(job, run, holder, now)) },
        };
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
            lose(job, at).map_or(Verdict::Stale, |next| Verdict::Lose { next: Box::new(next) })
        }
        _ => Verdict::Claim { next: Box::new(claim(job, run, holder, now)) },
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
    /// It is about nothing any more, or about what is announced again by itself.
    Stale,
}

/// Decides about a dead letter about `run`, under the same fence as [`accept`].
///
/// While attempts are left it is sent afresh, but only once (`rescued`): a worker that dies before it can claim
/// uses up no attempt, and the job must end all the same.
pub fn bury(job: &Job, run: RunId, trigger: Trigger, rescued: u32, at: Present) -> Burial {
    match accept(job, run, trigger, 0, Duration::ZERO, at) {
        Verdict::Wait { until } => return Burial::Resend { from: until },
        Verdict::Settle => return Burial::Settle,
        Verdict::Stale | Verdict::Later => return Burial::Stale,
        // Its message is due again at the next check of the schedule, which the skip then passes.
        Verdict::Skip { .. } if rescued > 0 => return Burial::Stale,
        Verdict::Skip { .. } => return Burial::Resend { from: at.now },
        Verdict::Claim { .. } | Verdict::Hold { .. } | Verdict::Lose { .. } => {}
    }
    let current = job.run.as_ref().filter(|current| current.id == run);
    if current.map_or(0, |current| current.attempt) <= job.max_retries && rescued == 0 {
        return Burial::Resend { from: at.now };
    }
    let mut running = job.clone();
    if current.is_none() {
        // It was never written as running: it ends under the run that its message announces.
        match trigger {
            Trigger::Run { .. } => begin_by_hand(&mut running, run, at.now),
            Trigger::Fire { due_at, .. } => {
                running = Job { version: job.version, ..fire::begun(&touched(job, at.now), due_at, at) };
            }
        }
    }
    dead_letter(&running, at).map_or(Burial::Stale, |next| Burial::End { next: Box::new(next) })
}

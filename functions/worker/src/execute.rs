//! Executing a claimed attempt and writing how it ended.

use std::time::Duration;

use domain::job::{Job, LONGEST_TIMEOUT, Status};
use domain::life::{Attempt, Ending, Fenced, finish};
use domain::message::JobMessage;
use futures::FutureExt;
use queue::Handled;
use store::{Replaced, StoreError};
use tasks::{Call, Failure, start_delay};

use crate::settle::Start;
use crate::{PAUSE, Worker, again};

/// What came of an attempt.
pub(crate) enum After {
    /// It is over, or the message comes again.
    Handled(Handled),
    /// It was no longer ours to end; this is the record now.
    Fenced(Option<Box<Job>>),
}

impl Worker {
    /// Executes the attempt that `job` shows as claimed by us.
    ///
    /// A crash before the end is written: the lease lapses, and the message, which is not acknowledged, comes
    /// again and claims the next attempt. A crash after: the message comes again and finds what is owed. An edit
    /// in between: the end is applied to the edited record. A cancellation or another attempt in between: the
    /// fence refuses the end.
    pub(crate) async fn execute(&self, mut job: Job, start: Start) -> Result<After, StoreError> {
        let Some(attempt) = job.run.as_ref().map(|run| Attempt { run: run.id, number: run.attempt }) else {
            return Ok(After::Fenced(Some(Box::new(job))));
        };
        let lease_end = job.run.as_ref().and_then(|run| run.lease).map(|lease| lease.until);
        let ending = self.perform(&job, attempt).await;
        for _ in 0..crate::MOST_RACES {
            let now = self.ambient.now();
            let next = match finish(&job, attempt, &ending, self.present()) {
                Ok(next) => next,
                Err(Fenced) => return Ok(After::Fenced(Some(Box::new(job)))),
            };
            match self.store.replace_job(&next).await {
                Ok(Replaced::Written) if next.status == Status::Running => {
                    log(&next);
                    return Ok(After::Handled(self.retry_later(&next).await));
                }
                Ok(Replaced::Written) => return self.settle_new(&next, start).await.map(After::Handled),
                Ok(Replaced::Lost(Some(current))) => job = *current,
                Ok(Replaced::Lost(None)) => return Ok(After::Fenced(None)),
                Err(error) => {
                    // The end may or may not stand. When the lease has lapsed the record tells.
                    tracing::warn!(job = %job.id, %error, "an end could not be written");
                    let until = lease_end.unwrap_or(now).plus(Duration::from_secs(1));
                    return Ok(After::Handled(again(now, until)));
                }
            }
        }
        Ok(After::Handled(Handled::Again { after: PAUSE }))
    }

    /// Runs the task, and turns whatever it does into an ending.
    async fn perform(&self, job: &Job, attempt: Attempt) -> Ending {
        let dice = self.ambient.entropy.number();
        let failed = |error: String| Ending::Failed {
            error,
            delay: self.config.backoff.delay(attempt.number.saturating_sub(1), dice),
        };
        let payload = match self.store.payload(job).await {
            Ok(payload) => payload,
            Err(error) => return failed(format!("the payload could not be read: {error}")),
        };
        // No task runs longer than the longest: the worker has 60 s, and the end must still be written.
        let limit = Duration::from_secs(u64::from(job.timeout_seconds.clamp(1, LONGEST_TIMEOUT)));
        let call = Call { job, payload: payload.value(), attempt, limit, world: &self.world };
        let task = std::panic::AssertUnwindSafe(tasks::run(&call)).catch_unwind();
        match tokio::time::timeout(limit, task).await {
            Ok(Ok(Ok(result))) => Ending::Done { result },
            Ok(Ok(Err(Failure::Again(error)))) => failed(error),
            Ok(Ok(Err(Failure::Final(error)))) => Ending::Refused { error },
            Ok(Err(_)) => failed("the task panicked".to_owned()),
            Err(_) => failed(format!("the task took longer than {} s", limit.as_secs())),
        }
    }

    /// Sends the message of the next attempt. If that fails, this message serves: it hides until then.
    async fn retry_later(&self, job: &Job) -> Handled {
        let now = self.ambient.now();
        let Some(run) = &job.run else { return Handled::Done };
        let wait = run.not_before.map(|from| from.since(now)).unwrap_or_default();
        let message = JobMessage::run(job.id, run.id, job.version);
        let delay = wait + start_delay(&job.task_type, self.config.simulated_task);
        match self.announce(job.priority, job.user_id, message, delay).await {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "a retry could not be sent; the message stays");
                Handled::Again { after: wait.max(PAUSE) }
            }
        }
    }
}

/// The one line of an attempt. It has the job's id from the span around it. One that went well is told of by the line of
/// metrics, which names the jobs of a whole batch.
pub(crate) fn log(job: &Job) {
    let Some(run) = &job.run else { return };
    let state = run.outcome.unwrap_or(job.status).as_str();
    if state == Status::Completed.as_str() {
        tracing::debug!(run = %run.id, attempt = run.attempt, state, "attempted");
    } else {
        tracing::info!(run = %run.id, attempt = run.attempt, state, "attempted");
    }
}

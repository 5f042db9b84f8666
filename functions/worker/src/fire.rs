//! Occurrences of a schedule: waited for to the second, announced, passed over.

use std::time::Duration;

use domain::id::RunId;
use domain::job::Job;
use domain::life::waits_for_its_turn;
use domain::message::JobMessage;
use domain::time::Moment;
use queue::Handled;
use store::StoreError;
use tasks::start_delay;

use crate::settle::measure_end;
use crate::{PAUSE, Worker};

/// How long a sleep is before the clock is looked at again.
const NAP: Duration = Duration::from_millis(50);
/// How often it is looked at; a clock that stands still keeps nobody here for ever.
const MOST_NAPS: usize = 40;

impl Worker {
    /// Waits until that moment; false if it does not come.
    pub(crate) async fn wait_out(&self, until: Moment) -> bool {
        for _ in 0..MOST_NAPS {
            let left = until.since(self.ambient.now());
            if left.is_zero() {
                return true;
            }
            tokio::time::sleep(left.min(NAP)).await;
        }
        false
    }

    /// After an occurrence has started a run: announces the next one, unless the end of the run does.
    pub(crate) async fn call_next(&self, job: &Job) {
        if !job.timetable.as_ref().is_some_and(waits_for_its_turn) {
            self.jobs.announce(job, self.ambient.now()).await;
        }
    }

    /// After a run has ended: an occurrence that waits for its turn is called up.
    pub(crate) async fn call_up(&self, job: &Job) {
        if job.timetable.as_ref().is_some_and(waits_for_its_turn) {
            self.jobs.announce(job, self.ambient.now()).await;
        }
    }

    /// After an occurrence was passed over, which may have ended the job under `run`. Where an earlier run is the
    /// last, what that owes was sent when it ended. A crash before: the tick announces the next occurrence, and
    /// a message that finds the run ended settles it.
    pub(crate) async fn skipped(&self, job: &Job, run: RunId) -> Result<Handled, StoreError> {
        if job.run.as_ref().is_some_and(|last| last.id == run) {
            measure_end(job);
            return self.settle_current(job).await;
        }
        self.jobs.announce(job, self.ambient.now()).await;
        Ok(Handled::Done)
    }

    /// How much of the job's task passes in the queue, in the seconds that the queue counts in.
    pub(crate) fn held_back(&self, job: &Job) -> Duration {
        Duration::from_secs(start_delay(&job.task_type, self.config.simulated_task).as_secs())
    }

    /// After a run whose task's time passes in the queue was written: sends its message with that delay. If that
    /// fails, this message serves, and the task takes no time.
    pub(crate) async fn hold_back(&self, job: &Job, run: RunId, delay: Duration) -> Handled {
        self.call_next(job).await;
        let message = JobMessage::run(job.id, run, job.version);
        match self.announce(job.priority, job.user_id, message, delay).await {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "a run could not be held back; the message stays");
                Handled::Again { after: PAUSE }
            }
        }
    }
}

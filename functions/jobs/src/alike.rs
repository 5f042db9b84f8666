//! What jobs that are created at the same time do together: one write counts them, and one request sends their messages.

use std::time::Duration;

use domain::id::{RunId, UserId};
use domain::job::{Job, Priority};
use domain::message::JobMessage;
use domain::time::Moment;
use edge::{Answer, Caller};
use queue::{Crew, Place, Together};
use tasks::start_delay;

use crate::{App, queue_failed};

type Start = (Priority, UserId, JobMessage, Duration);

/// Those that are created at the same time. The answers tell whether it was done for one; else it does it by itself.
#[derive(Clone)]
pub(crate) struct Alike {
    crew: Crew,
    counts: Together<(), bool>,
    starts: Together<Start, bool>,
}

impl Alike {
    /// So many.
    pub(crate) fn of(members: usize) -> Self {
        let crew = Crew::of(members);
        Self { counts: Together::new(&crew), starts: Together::new(&crew), crew }
    }

    /// Takes a place among them.
    pub(crate) fn join(&self) -> Place {
        self.crew.join()
    }
}

impl App {
    /// As [`count_run`](Self::count_run): where all of them are within the limit, at once.
    pub(crate) async fn count_with(&self, alike: &Alike, caller: &Caller, now: Moment) -> Answer<()> {
        let counted = alike.counts.ask((), |ones| async move {
            let several = ones.len() > 1;
            let counted = several && self.count_runs(caller, ones.len() as u64, now).await.is_ok();
            vec![counted; ones.len()]
        });
        if counted.await == Some(true) { Ok(()) } else { self.count_runs(caller, 1, now).await }
    }

    /// Sends the message of a run that is about to be written.
    pub(crate) async fn start_with(&self, alike: &Alike, job: &Job, run: RunId) -> Answer<()> {
        let delay = start_delay(&job.task_type, self.config.simulated_task);
        let start = (job.priority, job.user_id, JobMessage::run(job.id, run, job.version), delay);
        let sent = alike.starts.ask(start.clone(), |starts| async move {
            let count = starts.len();
            if count == 1 {
                return vec![false];
            }
            let failed =
                self.queues.send_many(starts).await.err().map(|error| error.which).unwrap_or_default();
            (0..count).map(|place| !failed.contains(&place)).collect()
        });
        if sent.await == Some(true) {
            return Ok(());
        }
        let (priority, owner, message, delay) = start;
        self.queues.send(priority, owner, &message, delay).await.map_err(queue_failed)
    }
}

//! Removing what a deleted job, or a deleted account, left behind.

use std::collections::HashSet;
use std::time::Duration;

use domain::id::{JobId, UserId};
use domain::job::Priority;
use domain::life;
use domain::message::JobMessage;
use domain::time::Moment;
use futures::StreamExt;
use futures::stream;
use queue::{Handled, QueueError};
use store::{Replaced, StoreError};

use crate::{MOST_RACES, PAUSE, Worker, absent};

/// How many jobs of an account one look at the index finds.
const JOBS_A_LOOK: usize = 500;
/// How many of them are removed at the same time.
const JOBS_AT_ONCE: usize = 16;
/// How long one message removes jobs: half of what an invocation has.
const WORK: Duration = Duration::from_secs(30);
/// How many records of a job one message removes: some seconds' work.
const RECORDS_A_ROUND: usize = 2_500;
/// The index shows what was written a moment ago, and requests that were under way have ended: after so long
/// without a job nothing can come any more.
const SETTLED: Duration = Duration::from_secs(75);
/// How long the mark of a deleted job stays.
const MARK: Duration = Duration::from_secs(24 * 3_600);
/// The index shows jobs that have expired until the table forgets them: they are deleted like the others.
const NEVER_EXPIRED: Moment = Moment::from_millis(0);
/// How many empty looks, one after another, mean that nothing is left.
const EMPTY_LOOKS: u32 = 2;

/// Why the removal of an account's jobs stopped.
enum Stop {
    /// The index shows none.
    Empty,
    /// The index shows jobs that are removed already: it will have followed in a moment.
    Behind,
    /// The message has had its time.
    Late,
}

impl Worker {
    /// Removes what hangs on a deleted job. The message is sent before the job is marked: if the mark does not
    /// show after some time, it was never written.
    pub(crate) async fn purge(&self, id: JobId, receives: u32) -> Result<Handled, StoreError> {
        match self.store.job_even_deleted(id, self.ambient.now()).await? {
            Some(job) if job.deleted_at.is_none() => Ok(absent(id, receives)),
            Some(job) => self.purge_rest(job.user_id, id).await,
            // Its mark is gone already: nobody is left to wait behind but the others without one.
            None => self.purge_rest(UserId::fresh(self.ambient.now(), self.ambient.entropy()), id).await,
        }
    }

    /// A job that ran every minute leaves more than one invocation can remove: the rest is another message's.
    async fn purge_rest(&self, owner: UserId, id: JobId) -> Result<Handled, StoreError> {
        if self.store.purge_job(id, RECORDS_A_ROUND).await? {
            return Ok(Handled::Done);
        }
        let next = JobMessage::Purge { job_id: id };
        Ok(match self.jobs.send(Priority::Low, owner, &next, Duration::ZERO).await {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(job = %id, %error, "the removal of a job goes on with this message");
                Handled::Again { after: PAUSE }
            }
        })
    }

    /// Removes the jobs of a user who has deleted the account, as many as there is time for; the last round
    /// removes the user.
    ///
    /// The message was sent before the mark: without the mark nothing is done. Each round sends the next before
    /// it is acknowledged: after a crash a round is done again, which does no harm.
    pub(crate) async fn purge_user(&self, id: UserId, looks: u32) -> Result<Handled, StoreError> {
        match self.store.user_even_deleted(id).await? {
            Some(user) if user.deleted_at.is_some() => {}
            _ => return Ok(Handled::Done),
        }
        let (looks, delay) = match self.remove_jobs(id).await? {
            Stop::Empty => (looks.saturating_add(1), SETTLED),
            Stop::Behind => (0, PAUSE),
            Stop::Late => (0, Duration::ZERO),
        };
        if looks < EMPTY_LOOKS {
            let next = JobMessage::PurgeUser { user_id: id, round: looks };
            let sent: Result<(), QueueError> = self.jobs.send(Priority::Low, id, &next, delay).await;
            return Ok(sent.map_or_else(
                |error| {
                    tracing::warn!(user = %id, %error, "the removal of an account goes on with this message");
                    Handled::Again { after: PAUSE }
                },
                |()| Handled::Done,
            ));
        }
        self.store.remove_endpoints_of(id).await?;
        self.store.remove_keys_of(id).await?;
        self.store.remove_user(id).await?;
        tracing::info!(user = %id, "an account was removed");
        Ok(Handled::Done)
    }

    /// Removes jobs, some at a time, until the index shows no other or the time is over. One that cannot be
    /// removed keeps none of the others; that there was one is told in the end, so that the message comes again.
    async fn remove_jobs(&self, owner: UserId) -> Result<Stop, StoreError> {
        let end = self.ambient.now().plus(WORK);
        let mut known = HashSet::new();
        let mut failed = None;
        let stop = loop {
            let found = self.store.some_jobs_of(owner, JOBS_A_LOOK).await?;
            if found.is_empty() {
                break Stop::Empty;
            }
            let fresh: Vec<JobId> = found.into_iter().filter(|job| known.insert(*job)).collect();
            if fresh.is_empty() {
                break Stop::Behind;
            }
            let in_time = fresh.into_iter().take_while(|_| self.ambient.now() < end);
            let mut removed = stream::iter(in_time)
                .map(|job| async move { (job, self.remove(owner, job).await) })
                .buffer_unordered(JOBS_AT_ONCE);
            while let Some((job, outcome)) = removed.next().await {
                if let Err(error) = outcome {
                    tracing::warn!(user = %owner, %job, %error, "a job of a deleted account was not removed");
                    failed = failed.or(Some(error));
                }
            }
            if self.ambient.now() >= end {
                break Stop::Late;
            }
        };
        failed.map_or(Ok(stop), Err)
    }

    /// Deletes a job as its owner would: the message that removes the rest, then the mark. A job that has its
    /// mark has had its message.
    async fn remove(&self, owner: UserId, id: JobId) -> Result<(), StoreError> {
        let Some(mut job) = self.store.job(id, NEVER_EXPIRED).await? else { return Ok(()) };
        let purge = JobMessage::Purge { job_id: id };
        let sent = self.jobs.send(Priority::Low, owner, &purge, SETTLED).await;
        sent.map_err(|error| StoreError::Busy(format!("a queue failed: {error}")))?;
        for _ in 0..MOST_RACES {
            let next = life::delete(&job, self.ambient.now(), MARK);
            match self.store.replace_job(&next).await? {
                Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
                Replaced::Written | Replaced::Lost(_) => return Ok(()),
            }
        }
        Err(StoreError::Busy("others kept writing the job".to_owned()))
    }
}

//! Sending what a run owes: the webhooks of its start and its end, and a notice to the owner if it failed.

use std::time::Duration;

use domain::delivery::{Receivers, owed, owed_for_start};
use domain::id::RunId;
use domain::job::{Job, Priority, Run, Status};
use domain::message::{Deliver, JobMessage};
use queue::{Handled, QueueError};
use store::StoreError;

use crate::execute::log;
use crate::{PAUSE, Worker, absent};

/// Whether the start of a run is known to be told to whoever wants to hear of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Told,
    Unknown,
}

/// What of the messages that a run owes may have been sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    start: Start,
    end: bool,
}

const PERHAPS: Sent = Sent { start: Start::Unknown, end: true };

impl Worker {
    /// Tells of the start of the attempt's run whoever wants to hear of it.
    ///
    /// A crash before, or a queue or table that fails: the next attempt tells, or else who settles the end. Whoever
    /// does it again sends messages with the same ids.
    pub(crate) async fn tell_start(&self, job: &Job) -> Start {
        let Some(run) = &job.run else { return Start::Unknown };
        let told = async {
            let endpoints = self.endpoints_of(job.user_id).await?;
            if !(Receivers { deployment: None, endpoints: &endpoints }).hear_of_starts() {
                return Ok(Start::Told);
            }
            let mut starts = owed_for_start(job, run, &self.store.payload(job).await?, &endpoints);
            if run.attempt > 1 {
                starts = self.unknown(job, starts).await?;
            }
            let sent = self.deliver(starts).await;
            sent.map(|()| Start::Told).map_err(|error| StoreError::Busy(error.to_string()))
        };
        told.await.unwrap_or_else(|error| {
            tracing::warn!(job = %job.id, %error, "the start of a run could not be told yet");
            Start::Unknown
        })
    }

    /// After this very worker has written the end: nothing of it can have been sent before.
    pub(crate) async fn settle_new(&self, job: &Job, start: Start) -> Result<Handled, StoreError> {
        log(job);
        measure_end(job);
        self.call_up(job).await;
        match &job.run {
            Some(run) => self.settle(job, run, Sent { start, end: false }).await,
            None => Ok(Handled::Done),
        }
    }

    /// For a message about the job's last run, which has ended.
    pub(crate) async fn settle_current(&self, job: &Job) -> Result<Handled, StoreError> {
        match &job.run {
            Some(run) => self.settle(job, run, PERHAPS).await,
            None => Ok(Handled::Done),
        }
    }

    /// For a message about an earlier run, if there was such a run.
    pub(crate) async fn settle_archived(&self, job: &Job, run: RunId) -> Result<Handled, StoreError> {
        if job.deleted_at.is_some() {
            return Ok(Handled::Done);
        }
        match self.store.archived_run(job.id, run).await? {
            Some(ended) => self.settle(job, &ended, PERHAPS).await,
            None => Ok(Handled::Done),
        }
    }

    /// For a message that came before the run that it is about was written: as for a job that is not there yet.
    pub(crate) async fn settle_written(
        &self,
        job: &Job,
        run: RunId,
        receives: u32,
    ) -> Result<Handled, StoreError> {
        if job.deleted_at.is_none() && self.store.archived_run(job.id, run).await?.is_none() {
            return Ok(absent(job.id, receives));
        }
        self.settle_archived(job, run).await
    }

    /// Sends what the run owes, but for what has a record already, which shows that it was sent. What is sent
    /// twice has one id, and its second message finds that it is done.
    async fn settle(&self, job: &Job, run: &Run, sent: Sent) -> Result<Handled, StoreError> {
        let missing = self.missing(job, run, sent).await?;
        let notice = run.outcome == Some(Status::Failed)
            && self.config.mail_from.is_some()
            && !(sent.end && self.store.notice_begun(job.id, run.id).await?);
        let sending = async {
            self.deliver(missing).await?;
            if notice {
                // An e-mail may wait behind other work of its owner.
                let message = JobMessage::notice(job.id, run.id);
                self.announce(Priority::Low, job.user_id, message, Duration::ZERO).await?;
            }
            Ok::<_, QueueError>(Handled::Done)
        };
        Ok(sending.await.unwrap_or_else(|error| {
            tracing::warn!(job = %job.id, %error, "what an ended run owes could not be sent");
            Handled::Again { after: PAUSE }
        }))
    }

    /// The deliveries that the run owes and that are not known to be sent.
    async fn missing(&self, job: &Job, run: &Run, sent: Sent) -> Result<Vec<Deliver>, StoreError> {
        let endpoints = self.endpoints_of(job.user_id).await?;
        let to = Receivers { deployment: self.config.webhook_url.as_deref(), endpoints: &endpoints };
        if !to.hear_of(job) {
            return Ok(Vec::new());
        }
        let payload = self.store.payload(job).await?;
        let mut missing = match sent.start {
            Start::Told => Vec::new(),
            Start::Unknown => self.unknown(job, owed_for_start(job, run, &payload, &endpoints)).await?,
        };
        let ends = owed(job, run, &payload, to);
        missing.extend(if sent.end { self.unknown(job, ends).await? } else { ends });
        Ok(missing)
    }

    /// Those of the deliveries that have no record.
    async fn unknown(&self, job: &Job, deliveries: Vec<Deliver>) -> Result<Vec<Deliver>, StoreError> {
        let ids: Vec<_> = deliveries.iter().map(|delivery| delivery.webhook_id).collect();
        let known = self.store.known_deliveries(job.id, &ids).await?;
        Ok(deliveries.into_iter().filter(|delivery| !known.contains(&delivery.webhook_id)).collect())
    }
}

/// Counts the end of the job's run, which was just written.
pub(crate) fn measure_end(job: &Job) {
    if let Some((run, outcome)) = job.run.as_ref().and_then(|run| Some((run, run.outcome?))) {
        meter::run_ended(job.priority, outcome, run.duration());
    }
}

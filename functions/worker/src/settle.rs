//! Sending what an ended run owes: its webhooks, and a notice to the owner if it failed.

use std::time::Duration;

use domain::delivery::owed;
use domain::id::RunId;
use domain::job::{Job, Priority, Run, Status};
use domain::message::JobMessage;
use queue::{Handled, QueueError};
use store::StoreError;

use crate::{PAUSE, Worker, absent};

impl Worker {
    /// After this very worker has written the end: nothing can have been sent before.
    pub(crate) async fn settle_new(&self, job: &Job) -> Result<Handled, StoreError> {
        self.call_up(job).await;
        match &job.run {
            Some(run) => self.settle(job, run, false).await,
            None => Ok(Handled::Done),
        }
    }

    /// For a message about the job's last run, which has ended.
    pub(crate) async fn settle_current(&self, job: &Job) -> Result<Handled, StoreError> {
        match &job.run {
            Some(run) => self.settle(job, run, true).await,
            None => Ok(Handled::Done),
        }
    }

    /// For a message about an earlier run, if there was such a run.
    pub(crate) async fn settle_archived(&self, job: &Job, run: RunId) -> Result<Handled, StoreError> {
        if job.deleted_at.is_some() {
            return Ok(Handled::Done);
        }
        match self.store.archived_run(job.id, run).await? {
            Some(ended) => self.settle(job, &ended, true).await,
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
    async fn settle(&self, job: &Job, run: &Run, maybe_sent: bool) -> Result<Handled, StoreError> {
        let missing = self.missing(job, run, maybe_sent).await?;
        let notice = run.outcome == Some(Status::Failed)
            && self.config.mail_from.is_some()
            && !(maybe_sent && self.store.notice_begun(job.id, run.id).await?);
        let sent = async {
            self.webhooks.send(&missing, Duration::ZERO).await?;
            if notice {
                // An e-mail may wait behind other work of its owner.
                let message = JobMessage::notice(job.id, run.id);
                self.jobs.send(Priority::Low, job.user_id, &message, Duration::ZERO).await?;
            }
            Ok::<_, QueueError>(Handled::Done)
        };
        Ok(sent.await.unwrap_or_else(|error| {
            tracing::warn!(job = %job.id, %error, "what an ended run owes could not be sent");
            Handled::Again { after: PAUSE }
        }))
    }

    /// The deliveries that the run owes and that are not known to be sent.
    async fn missing(
        &self,
        job: &Job,
        run: &Run,
        maybe_sent: bool,
    ) -> Result<Vec<domain::message::Deliver>, StoreError> {
        let deployment = self.config.webhook_url.as_deref();
        if job.webhook.is_none() && deployment.is_none() {
            return Ok(Vec::new());
        }
        let payload = self.store.payload(job).await?;
        let mut missing = Vec::new();
        for delivery in owed(job, run, &payload, deployment) {
            if !maybe_sent || self.store.delivery(job.id, delivery.webhook_id).await?.is_none() {
                missing.push(delivery);
            }
        }
        Ok(missing)
    }
}

//! Sending what an ended run owes.

use domain::delivery::owed;
use domain::id::RunId;
use domain::job::{Job, Run};
use queue::Handled;
use store::StoreError;

use crate::{PAUSE, Worker};

impl Worker {
    /// After this very worker has written the end: nothing can have been sent before.
    pub(crate) async fn settle_new(&self, job: &Job) -> Result<Handled, StoreError> {
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

    /// Sends the run's deliveries, but for those that have a record already, which shows that they were sent.
    /// A delivery that is sent twice has one id, and its second message finds it delivered.
    async fn settle(&self, job: &Job, run: &Run, maybe_sent: bool) -> Result<Handled, StoreError> {
        let deployment = self.config.webhook_url.as_deref();
        if job.webhook.is_none() && deployment.is_none() {
            return Ok(Handled::Done);
        }
        let payload = self.store.payload(job).await?;
        let mut missing = Vec::new();
        for delivery in owed(job, run, &payload, deployment) {
            if !maybe_sent || self.store.delivery(job.id, delivery.webhook_id).await?.is_none() {
                missing.push(delivery);
            }
        }
        match self.webhooks.send(&missing, std::time::Duration::ZERO).await {
            Ok(()) => Ok(Handled::Done),
            Err(error) => {
                tracing::warn!(job = %job.id, %error, "deliveries could not be sent");
                Ok(Handled::Again { after: PAUSE })
            }
        }
    }
}

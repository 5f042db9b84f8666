//! The e-mail to a job's owner when it has failed for good: at most one a run.

use domain::id::{JobId, RunId};
use domain::job::{Job, Run, Status};
use domain::notice;
use queue::Handled;
use store::StoreError;
use tasks::{Mail, MailFailure};

use crate::{PAUSE, Worker};

impl Worker {
    /// Sends the notice, if the run has failed and none was sent.
    ///
    /// The record comes before the mail: after a crash in between the mail is missing, and the other way round
    /// it would come twice. The webhook of the same event is the way that loses nothing. Only where SES has
    /// said that it did not take the mail is the record removed, and the message comes again.
    pub(crate) async fn notice(&self, id: JobId, run: RunId) -> Result<Handled, StoreError> {
        if self.config.mail_from.is_none() {
            return Ok(Handled::Done);
        }
        let now = self.ambient.now();
        let Some(job) = self.store.job(id, now).await? else { return Ok(Handled::Done) };
        let Some(ended) = self.failed_run(&job, run).await? else { return Ok(Handled::Done) };
        let Some(owner) = self.store.user(job.user_id).await? else { return Ok(Handled::Done) };
        let expires = self.config.retention.map(|keep| now.plus(keep));
        if !self.store.begin_notice(id, run, expires).await? {
            return Ok(Handled::Done);
        }
        let text = notice::failed(&job, &ended, self.config.public_url.as_deref());
        let mail = Mail::plain(&owner.email, text.subject, text.body);
        match self.mailer.send(mail).await {
            Ok(message) => tracing::info!(job = %id, %run, %message, "the owner was told of the failure"),
            Err(MailFailure::Again(error)) => {
                tracing::warn!(job = %id, %run, %error, "a notice was not taken and will be sent again");
                self.store.undo_notice(id, run).await?;
                return Ok(Handled::Again { after: PAUSE });
            }
            Err(MailFailure::Unknown(error)) => {
                tracing::warn!(job = %id, %run, %error, "a notice may not have been sent");
            }
            Err(MailFailure::Final(error)) => {
                tracing::warn!(job = %id, %run, %error, "a notice was refused");
            }
        }
        Ok(Handled::Done)
    }

    async fn failed_run(&self, job: &Job, run: RunId) -> Result<Option<Run>, StoreError> {
        let current = job.run.clone().filter(|current| current.id == run);
        let ended = match current {
            Some(current) => Some(current),
            None => self.store.archived_run(job.id, run).await?,
        };
        Ok(ended.filter(|ended| ended.outcome == Some(Status::Failed)))
    }
}

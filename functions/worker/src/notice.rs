//! The e-mail to a job's owner when it has failed for good: at most one a run, and so many an hour.

use std::time::Duration;

use domain::id::{JobId, RunId};
use domain::job::{Job, Priority, Run, Status};
use domain::message::JobMessage;
use domain::notice;
use domain::time::Moment;
use domain::user::User;
use queue::Handled;
use store::StoreError;
use tasks::{Mail, MailFailure};

use crate::quota::{Quota, Take, Taken};
use crate::{PAUSE, Worker};

/// The window in which an owner's notices are counted.
pub(crate) const HOUR: Duration = Duration::from_secs(3_600);
/// The waits between the tries to give a notice's mark back.
const UNDO_WAITS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(50), Duration::from_millis(250)];

/// How often a notice was tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// By a worker that knows that it was not sent.
    pub(crate) round: u32,
    /// Through the dead-letter queue.
    pub(crate) rescued: u32,
}

impl Worker {
    /// Sends the notice, if the run has failed and none was sent.
    ///
    /// The record comes before the mail: after a crash in between the mail is missing, and the other way round
    /// it would come twice. The webhook of the same event is the way that loses nothing. Only where SES has
    /// said that it did not take the mail does a message of a new round follow, which may take the record over.
    pub(crate) async fn notice(&self, id: JobId, run: RunId, tries: Tries) -> Result<Handled, StoreError> {
        if self.config.mail_from.is_none() {
            return Ok(Handled::Done);
        }
        let now = self.ambient.now();
        let Some(job) = self.store.job(id, now).await? else { return Ok(Handled::Done) };
        let Some(ended) = self.failed_run(&job, run).await? else { return Ok(Handled::Done) };
        let Some(owner) = self.store.user(job.user_id).await? else { return Ok(Handled::Done) };
        let left_out = self.store.notices_left_out(owner.id, now).await?;
        let quota = Quota::new(self.store.clone(), "notice", self.config.notice_rate_max, HOUR);
        let taken = match quota.take(owner.id, 1, now).await? {
            Take::Taken(taken) => taken,
            Take::Refused { .. } => return self.leave_out(&job, run, tries, now).await,
        };
        match self.store.begin_notice(id, run, tries.round, self.notice_expiry(now)).await {
            Ok(true) => {}
            // Whoever has the right has counted it. A mark that may not stand was not followed by a mail.
            begun => {
                taken.give_back().await;
                return begun.map(|_| Handled::Done);
            }
        }
        Ok(self.send_notice(&job, &ended, &owner, tries, left_out, taken).await)
    }

    async fn send_notice(
        &self,
        job: &Job,
        ended: &Run,
        owner: &User,
        tries: Tries,
        left_out: u64,
        taken: Taken,
    ) -> Handled {
        let (id, run) = (job.id, ended.id);
        let text = notice::failed(job, ended, self.config.public_url.as_deref(), left_out);
        let sent = self.mailer.send(Mail::plain(&owner.email, text.subject, text.body)).await;
        match &sent {
            Ok(mail) => tracing::info!(job = %id, %run, %mail, "the owner was told of the failure"),
            Err(MailFailure::Again(why)) => {
                tracing::warn!(job = %id, %run, code = why.code, "a notice was not taken");
            }
            Err(MailFailure::Unknown(why)) => {
                tracing::warn!(job = %id, %run, code = why.code, "a notice may not have been sent");
            }
            Err(MailFailure::Final(why)) => {
                tracing::warn!(job = %id, %run, code = why.code, "a notice was refused");
            }
        }
        match sent {
            Err(MailFailure::Again(_)) => {
                taken.give_back().await;
                self.notice_again(job, run, tries).await
            }
            Err(MailFailure::Final(_)) => {
                taken.give_back().await;
                Handled::Done
            }
            Ok(_) => {
                self.told_of(owner, left_out).await;
                Handled::Done
            }
            Err(MailFailure::Unknown(_)) => Handled::Done,
        }
    }

    /// Sends the message of the next round. If that fails, this message serves: then the mark must go, or it
    /// would find that its own round was begun.
    async fn notice_again(&self, job: &Job, run: RunId, tries: Tries) -> Handled {
        let (id, Tries { round, rescued }) = (job.id, tries);
        let dice = self.ambient.entropy.number();
        let Some(delay) = notice::wait(round.saturating_add(rescued), dice) else {
            tracing::error!(job = %id, %run, "a notice was given up: it was never taken");
            return Handled::Done;
        };
        let next = JobMessage::Notice { job_id: id, run_id: run, round: round.saturating_add(1), rescued };
        match self.jobs.send(Priority::Low, job.user_id, &next, delay).await {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(job = %id, %run, %error, "a notice goes on with this message");
                self.undo(id, run).await;
                Handled::Again { after: PAUSE }
            }
        }
    }

    async fn undo(&self, id: JobId, run: RunId) {
        for wait in UNDO_WAITS {
            tokio::time::sleep(wait).await;
            match self.store.undo_notice(id, run).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(job = %id, %run, %error, "the mark of a notice could not be removed");
                }
            }
        }
        tracing::error!(job = %id, %run, "a notice is lost: neither the table nor the queue could be reached");
    }

    /// The hour has had its notices: the owner is not told of this failure, and of how many with the next one.
    async fn leave_out(
        &self,
        job: &Job,
        run: RunId,
        tries: Tries,
        now: Moment,
    ) -> Result<Handled, StoreError> {
        if self.store.begin_notice(job.id, run, tries.round, self.notice_expiry(now)).await? {
            tracing::warn!(job = %job.id, %run, user = %job.user_id, "a notice was left out: NOTICE_RATE_MAX");
            if let Err(error) = self.store.leave_out_notice(job.user_id, now).await {
                tracing::warn!(user = %job.user_id, %error, "a notice that was left out was not counted");
            }
        }
        Ok(Handled::Done)
    }

    async fn told_of(&self, owner: &User, left_out: u64) {
        if left_out == 0 {
            return;
        }
        if let Err(error) = self.store.told_of_left_out(owner.id, left_out).await {
            tracing::warn!(user = %owner.id, %error, "the notices that were left out will be told of twice");
        }
    }

    fn notice_expiry(&self, now: Moment) -> Option<Moment> {
        self.config.retention.map(|keep| now.plus(keep))
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

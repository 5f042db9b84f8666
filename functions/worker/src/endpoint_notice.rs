//! The e-mail that tells an owner what has become of a webhook endpoint.

use std::time::Duration;

use domain::endpoint::{Endpoint, Told};
use domain::health::{Health, Subject};
use domain::id::{EndpointId, UserId};
use domain::job::Priority;
use domain::message::JobMessage;
use domain::notice;
use domain::time::Moment;
use domain::user::User;
use queue::Handled;
use store::StoreError;
use tasks::{Mail, MailFailure};

use crate::notice::{HOUR, Tries};
use crate::quota::{Quota, Take, Taken};
use crate::{ABSENT, PAUSE, Worker};

/// How long it is remembered that an owner was told.
const REMEMBERED: Duration = Duration::from_secs(90 * 86_400);

/// What is to be told, and to whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Letter {
    pub(crate) user: UserId,
    pub(crate) endpoint: EndpointId,
    pub(crate) told: Told,
    pub(crate) at: Moment,
}

impl Worker {
    /// Sends the mail, if the record shows what it tells and none was sent.
    ///
    /// The message was sent before the record was written: if that does not show it after some time, it never will.
    /// As with a failed run, the mark comes before the mail, and a crash in between loses it.
    pub(crate) async fn endpoint_notice(
        &self,
        letter: Letter,
        tries: Tries,
        receives: u32,
    ) -> Result<Handled, StoreError> {
        if self.config.mail_from.is_none() {
            return Ok(Handled::Done);
        }
        let (now, subject) = (self.ambient.now(), Subject::endpoint(letter.endpoint));
        match letter.is_shown(&self.store.health(&subject, now).await?) {
            Some(true) => {}
            Some(false) => return Ok(Handled::Done),
            None => return Ok(unwritten(letter, receives)),
        }
        let Some(endpoint) = self.store.endpoint(letter.user, letter.endpoint).await? else {
            return Ok(Handled::Done);
        };
        let Some(owner) = self.store.user(letter.user).await? else { return Ok(Handled::Done) };
        let quota = Quota::new(self.store.clone(), "notice", self.config.notice_rate_max, HOUR);
        let taken = match quota.take(owner.id, 1, now).await? {
            Take::Taken(taken) => taken,
            Take::Refused { .. } => {
                tracing::warn!(endpoint = %endpoint.id, user = %owner.id, "an endpoint's notice was left out: NOTICE_RATE_MAX");
                return Ok(Handled::Done);
            }
        };
        let expires = now.plus(REMEMBERED);
        let begun =
            self.store.begin_endpoint_notice(&subject, letter.told, letter.at, tries.round, expires).await;
        match begun {
            Ok(true) => {}
            begun => {
                taken.give_back().await;
                return begun.map(|_| Handled::Done);
            }
        }
        Ok(self.send_endpoint_notice(letter, &endpoint, &owner, tries, taken).await)
    }

    async fn send_endpoint_notice(
        &self,
        letter: Letter,
        endpoint: &Endpoint,
        owner: &User,
        tries: Tries,
        taken: Taken,
    ) -> Handled {
        let text = notice::of_endpoint(endpoint, letter.told, letter.at, self.config.disable_days);
        let sent = self.mailer.send(Mail::plain(&owner.email, text.subject, text.body)).await;
        let (endpoint, told) = (endpoint.id, letter.told);
        match sent {
            Ok(mail) => {
                tracing::info!(%endpoint, %told, %mail, "the owner was told of an endpoint");
                Handled::Done
            }
            Err(MailFailure::Unknown(why)) => {
                tracing::warn!(%endpoint, %told, code = why.code, "an endpoint's notice may not have been sent");
                Handled::Done
            }
            Err(MailFailure::Final(why)) => {
                tracing::warn!(%endpoint, %told, code = why.code, "an endpoint's notice was refused");
                taken.give_back().await;
                Handled::Done
            }
            Err(MailFailure::Again(why)) => {
                tracing::warn!(%endpoint, %told, code = why.code, "an endpoint's notice was not taken");
                taken.give_back().await;
                self.endpoint_notice_again(letter, tries).await
            }
        }
    }

    /// Sends the message of the next round. If that fails, this message serves, and the mark goes.
    async fn endpoint_notice_again(&self, letter: Letter, tries: Tries) -> Handled {
        let Tries { round, rescued } = tries;
        let Letter { user: user_id, endpoint: endpoint_id, told, at } = letter;
        let dice = self.ambient.entropy.number();
        let Some(delay) = notice::wait(round.saturating_add(rescued), dice) else {
            tracing::error!(endpoint = %endpoint_id, %told, "an endpoint's notice was given up: it was never taken");
            return Handled::Done;
        };
        let next = JobMessage::EndpointNotice {
            user_id,
            endpoint_id,
            told,
            at,
            round: round.saturating_add(1),
            rescued,
        };
        let Err(error) = self.jobs.send(Priority::Low, user_id, &next, delay).await else {
            return Handled::Done;
        };
        tracing::warn!(endpoint = %endpoint_id, %told, %error, "an endpoint's notice goes on with this message");
        let subject = Subject::endpoint(endpoint_id);
        if let Err(error) = self.store.undo_endpoint_notice(&subject, told, at).await {
            tracing::error!(endpoint = %endpoint_id, %told, %error, "an endpoint's notice is lost");
        }
        Handled::Again { after: PAUSE }
    }
}

impl Letter {
    /// Whether the record shows what is to be told; `None` if it may come to show it.
    fn is_shown(&self, health: &Health) -> Option<bool> {
        match self.told {
            Told::Warning if health.failing_since != Some(self.at) => Some(false),
            Told::Warning => health.warned_at.map(|_| health.disabled_at.is_none()),
            Told::Failing | Told::Gone => {
                health.disabled_at.map(|at| at == self.at && health.disabled_for == Some(self.told))
            }
        }
    }
}

fn unwritten(letter: Letter, receives: u32) -> Handled {
    let waited = usize::try_from(receives.saturating_sub(1)).unwrap_or(usize::MAX);
    match ABSENT.get(waited) {
        Some(after) => Handled::Again { after: *after },
        None => {
            tracing::info!(endpoint = %letter.endpoint, told = %letter.told, "dropped: the record does not show it");
            Handled::Done
        }
    }
}

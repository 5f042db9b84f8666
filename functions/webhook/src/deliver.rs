//! One message of the queue, from its receipt to its end.
//!
//! The order of things is: read the record, send, write the attempt into the record, settle the message. What
//! goes wrong in between leaves behind:
//!
//! - *The table or the queue fails before anything was sent*: the message comes again after a growing pause.
//! - *A crash between sending and writing*: the message comes again when its visibility timeout ends and is sent
//!   once more, under the same `webhook-id`. The attempt that nobody wrote down has no number, so the numbers
//!   have no hole.
//! - *The write's answer is lost*: the SDK tries again, and the store finds that what stands there is ours. If
//!   every try fails, the message comes again, and the record says whether the write took effect: if it did,
//!   nothing is sent before the next attempt is due.
//! - *A race is lost*, to a second copy of the message: both have been sent. Whoever loses reads again and adds
//!   its attempt under the next number ([`decide::amend`]); it sends nothing more. If the delivery goes on, it
//!   waits a little longer than the winner, so that the two do not meet again. It does not step back for good:
//!   the winner may have been an earlier receipt of the very same message.
//! - *A crash after the write*: the record knows the state and the next attempt. The message comes again and
//!   goes on from there: done, waiting, or to be buried (a second copy in the dead-letter queue does no harm).
//! - *A crash after a copy was sent for a long wait*: two copies wait. The first to be due makes the attempt,
//!   the other finds it made.
//! - *The receiver is switched off or deleted in between*: what is still to be sent is kept as skipped. An attempt
//!   that is on is not called back.

mod settle;

use std::time::Duration;

use boot::Ambient;
use courier::{Outcome, Parcel};
use domain::delivery::{Delivery, DeliveryState};
use domain::endpoint::{Endpoint, Told as Reason};
use domain::event::EventType;
use domain::health::Health;
use domain::job::{Job, Status};
use domain::message::{Deliver, Target};
use domain::retry::Backoff;
use domain::steps::Steps;
use domain::time::Moment;
use queue::{Handled, JobQueues, QueueError, WebhookQueues};
use serde::Deserialize;
use store::{DeliveryContext, Store, StoreError};

use crate::alike::Alike;
use crate::decide::{self, Next, Plan};
use crate::signers::{Candidates, NoSigner, Signers};

/// How often one attempt may lose a race before its message is put back.
const RACES: usize = 5;
/// A trouble of our own waits a second and first up to so long, then up to twice as long with each receive.
const PAUSE: Backoff = Backoff::new(Duration::from_secs(4));
/// How often an announced cancellation is waited for, and how long.
const UNTIL_CANCELLED: [Duration; 3] =
    [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];

/// Delivers.
#[derive(Debug)]
pub(crate) struct Courier {
    pub(crate) store: Store,
    pub(crate) queues: WebhookQueues,
    pub(crate) jobs: JobQueues,
    pub(crate) egress: egress::Client,
    pub(crate) signers: Signers,
    pub(crate) steps: Steps,
    pub(crate) retention: Option<Duration>,
    pub(crate) disable_after: Option<Duration>,
    pub(crate) ambient: Ambient,
}

/// What keeps us from delivering, through no fault of the receiver.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
    #[error(transparent)]
    Secret(NoSigner),
    #[error("the record of a delivery changed again and again")]
    Contended,
}

/// What a message's body tells of itself.
#[derive(Deserialize)]
struct Told {
    r#type: EventType,
    timestamp: Moment,
}

impl Courier {
    /// Handles a message that has been received so often, this time included.
    pub(crate) async fn handle(&self, message: &Deliver, receives: u32, alike: &Alike) -> Handled {
        boot::trace::about(message.job_id);
        let (webhook, job) = (message.webhook_id, message.job_id);
        let outcome = match serde_json::from_str::<Told>(&message.body) {
            Ok(told) => self.deliver(message, &told, receives, alike).await,
            Err(_) => {
                tracing::error!(%webhook, %job, "the body of a delivery is no event");
                meter::delivery_died();
                self.bury(message).await
            }
        };
        outcome.unwrap_or_else(|trouble| {
            let error = &trouble as &dyn std::error::Error;
            tracing::warn!(%webhook, %job, receives, error, "a delivery has to wait");
            Handled::Again { after: self.pause(receives) }
        })
    }

    async fn deliver(
        &self,
        message: &Deliver,
        told: &Told,
        receives: u32,
        alike: &Alike,
    ) -> Result<Handled, Trouble> {
        let now = self.ambient.now();
        let known = self.signers.known(message.user_id, now);
        let with_owner = message.endpoint_id == Target::Job && known.is_none();
        let context = self.context(message, with_owner, alike).await?;
        let DeliveryContext { delivery, job, owner, endpoint, health } = context;
        let Some(job) = job else { return Ok(job_is_gone(message)) };
        let off = switched_off(message.endpoint_id, endpoint.as_ref(), &health);
        if delivery.is_none() && endpoint.is_none() && off.is_some() {
            return Ok(endpoint_is_gone(message));
        }
        // An attempt was made only after the cancellation had shown itself, and a rerun hides it again.
        if delivery.is_none() && !self.stands(message, told, &job).await? {
            return Ok(unannounced(message, receives));
        }
        // An endpoint is where it is now, and not where it was when the event happened.
        let url = endpoint.as_ref().map_or(&message.url, |endpoint| &endpoint.url).clone();
        let message = &Deliver { url, ..message.clone() };
        match decide::consider(delivery, message, told.r#type, off, now) {
            Next::Attempt(seen) => {
                let rate = endpoint.as_ref().and_then(|endpoint| endpoint.rate);
                if let Some(handled) = self.in_turn(message, &seen, &health, rate, receives).await? {
                    return Ok(handled);
                }
                let from = Candidates { job: &job, known, owner, endpoint: endpoint.as_ref() };
                let outcome = match self.attempt(message, from, &health).await {
                    Ok(outcome) => outcome,
                    Err(NoSigner::None(reason)) => courier::unsigned(reason, now),
                    Err(trouble) => return Err(Trouble::Secret(trouble)),
                };
                let first = seen.attempts.is_empty();
                meter::delivery_attempted(first.then(|| self.ambient.now().since(told.timestamp)));
                self.learn(message, &health, &outcome).await;
                let steps = endpoint.as_ref().and_then(|endpoint| endpoint.steps.as_ref());
                self.record(message, told, &seen, &outcome, steps, receives).await
            }
            Next::Skip(next) => self.skip(message, &next).await,
            Next::Wait(until) => Ok(self.wait(message, until, receives).await?),
            Next::Bury => self.bury(message).await,
            Next::Done => Ok(Handled::Done),
        }
    }

    /// Whether what the message tells has happened: a cancellation announces itself before it is written. A job
    /// that runs again shows no cancellation, but has put the cancelled run aside.
    async fn stands(&self, message: &Deliver, told: &Told, job: &Job) -> Result<bool, StoreError> {
        if message.cancel_id.is_none() || job.cancel_id == message.cancel_id {
            return Ok(true);
        }
        let run = self.store.archived_run(message.job_id, message.run_id).await?;
        Ok(run.is_some_and(|run| {
            run.outcome == Some(Status::Cancelled) && run.completed_at == Some(told.timestamp)
        }))
    }

    async fn attempt(
        &self,
        message: &Deliver,
        from: Candidates<'_>,
        health: &Health,
    ) -> Result<Outcome, NoSigner> {
        let headers = self.signers.headers(from.endpoint).await?;
        let secrets = self.signers.of(message, from).await?;
        let parcel = Parcel {
            url: &message.url,
            id: message.webhook_id,
            body: &message.body,
            secrets: &secrets,
            headers: &headers,
        };
        let sending = courier::send(&self.egress, parcel, &*self.ambient.clock);
        Ok(self.watched(message, health, sending).await)
    }

    /// Writes down that nothing was sent. A lost race: the message comes again, and the record decides.
    async fn skip(&self, message: &Deliver, next: &Delivery) -> Result<Handled, Trouble> {
        if !self.store.replace_delivery(next, self.expiry()).await? {
            return Err(Trouble::Contended);
        }
        tracing::info!(webhook = %message.webhook_id, endpoint = %message.endpoint_id, "skipped: it is switched off");
        Ok(Handled::Done)
    }

    /// Writes the attempt down, whoever else writes, and goes on as the record then says.
    async fn record(
        &self,
        message: &Deliver,
        told: &Told,
        seen: &Delivery,
        outcome: &Outcome,
        steps: Option<&Steps>,
        receives: u32,
    ) -> Result<Handled, Trouble> {
        let now = self.ambient.now();
        let steps = steps.unwrap_or(&self.steps);
        let plan = Plan { steps, now, dice: self.ambient.entropy().number() };
        let expires = self.expiry();
        let mut next = decide::record(seen, outcome, plan);
        let mut was_dead = false;
        for lost in 0..RACES {
            if self.store.replace_delivery(&next, expires).await? {
                if next.state == DeliveryState::Dead && !was_dead {
                    meter::delivery_died();
                }
                return self.settle(message, &next, lost > 0, receives).await;
            }
            let context = self.store.delivery_context(message, false, now).await?;
            if context.job.is_none() {
                return Ok(job_is_gone(message));
            }
            // Our write's answer was lost, and somebody has written over it since.
            if let Some(found) = context.delivery.as_ref().filter(|found| holds(found, &next)) {
                return self.settle(message, found, true, receives).await;
            }
            was_dead = context.delivery.as_ref().is_some_and(|found| found.state == DeliveryState::Dead);
            next = decide::amend(context.delivery, message, told.r#type, outcome, plan);
        }
        Err(Trouble::Contended)
    }

    fn expiry(&self) -> Option<Moment> {
        self.retention.map(|retention| self.ambient.now().plus(retention))
    }

    fn pause(&self, receives: u32) -> Duration {
        Duration::from_secs(1) + PAUSE.delay(receives.saturating_sub(1), self.ambient.entropy().number())
    }
}

/// Whether the record holds the very attempt that `written` ends with.
fn holds(record: &Delivery, written: &Delivery) -> bool {
    written.attempts.last().is_some_and(|ours| record.attempts.contains(ours))
}

/// Why nothing goes to the receiver at present, if something keeps it from that.
fn switched_off(target: Target, endpoint: Option<&Endpoint>, health: &Health) -> Option<&'static str> {
    target.endpoint()?;
    match (endpoint, health.disabled_at, health.disabled_for) {
        (None, ..) => Some("the endpoint was deleted"),
        (Some(endpoint), ..) if !endpoint.enabled => Some("the endpoint is switched off"),
        (_, None, _) => None,
        (_, _, Some(Reason::Gone)) => Some("the endpoint was switched off: it had answered 410 Gone"),
        _ => Some("the endpoint was switched off: for days it had done nothing but fail"),
    }
}

fn endpoint_is_gone(message: &Deliver) -> Handled {
    tracing::info!(webhook = %message.webhook_id, endpoint = %message.endpoint_id, "dropped: its endpoint is gone");
    Handled::Done
}

fn job_is_gone(message: &Deliver) -> Handled {
    tracing::info!(webhook = %message.webhook_id, job = %message.job_id, "dropped: its job is gone");
    Handled::Done
}

fn unannounced(message: &Deliver, receives: u32) -> Handled {
    let tried = usize::try_from(receives.saturating_sub(1)).unwrap_or(usize::MAX);
    match UNTIL_CANCELLED.get(tried) {
        Some(after) => Handled::Again { after: *after },
        None => {
            tracing::info!(webhook = %message.webhook_id, job = %message.job_id, "dropped: no such cancellation");
            Handled::Done
        }
    }
}

//! Sending deliveries again.
//!
//! A redelivery is a new round of the same delivery: the same `webhook-id`, the same body, and the attempts of the
//! schedule from the first. The record tells the round, and it moves on when the first attempt of that round is
//! written down. Until then whoever asks again sends a message of the same round, and of those all but one find it
//! begun: asking twice is the same as once.

pub(crate) mod many;
pub(crate) mod one;
mod plan;
mod request;

use std::collections::HashMap;

use domain::delivery::Delivery;
use domain::endpoint::{Endpoint, Told};
use domain::event;
use domain::health::{Health, Subject};
use domain::id::{EndpointId, UserId};
use domain::job::Job;
use domain::message::{Deliver, Target};
use edge::Answer;
use edge::rate::Limit;

use crate::App;

/// Why a delivery cannot be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub(crate) enum Unsendable {
    /// Nothing tells of a job that is gone.
    #[error("its job was deleted, or is not kept any more")]
    JobGone,
    /// Its receiver is not there.
    #[error("its endpoint was deleted")]
    EndpointGone,
    /// By its owner.
    #[error("its endpoint is switched off")]
    SwitchedOff,
    /// For its failures.
    #[error("its endpoint was switched off, for it had done nothing but fail; switch it on first")]
    Failing,
    /// For its wish.
    #[error("its endpoint was switched off, for it had answered 410 Gone; switch it on first")]
    AnsweredGone,
    /// The job's own URL was taken away.
    #[error("its job has no webhookUrl any more")]
    NoJobUrl,
    /// There is no WEBHOOK_URL any more.
    #[error("the deployment has no WEBHOOK_URL any more")]
    NoDeploymentUrl,
    /// It was too large to keep, and its run is not kept any more.
    #[error("its body was too large to be kept whole, and its run is not kept any more")]
    BodyLost,
}

/// A user's endpoints, with what is known of them.
pub(crate) type Receivers = HashMap<EndpointId, (Endpoint, Health)>;

impl App {
    /// A user's endpoints, with what is known of them.
    async fn receivers(&self, user: UserId) -> Answer<Receivers> {
        let endpoints = self.store().endpoints_of(user).await?;
        let subjects: Vec<_> = endpoints.iter().map(|endpoint| Subject::endpoint(endpoint.id)).collect();
        let mut known = HashMap::new();
        if !subjects.is_empty() {
            known.extend(self.store().healths(&subjects, self.ambient().now()).await?);
        }
        let both = endpoints.into_iter().map(|endpoint| {
            let health = known.remove(&endpoint.id.to_string()).unwrap_or_default();
            (endpoint.id, (endpoint, health))
        });
        Ok(both.collect())
    }

    /// Where a delivery would go now.
    fn url(&self, delivery: &Delivery, job: &Job, receivers: &Receivers) -> Result<String, Unsendable> {
        match delivery.endpoint_id {
            Target::Job => {
                job.webhook.as_ref().map(|webhook| webhook.url.clone()).ok_or(Unsendable::NoJobUrl)
            }
            Target::Deployment => self.config.webhook_url.clone().ok_or(Unsendable::NoDeploymentUrl),
            Target::Endpoint(id) => {
                let (endpoint, health) = receivers.get(&id).ok_or(Unsendable::EndpointGone)?;
                match (endpoint.enabled, health.disabled_at, health.disabled_for) {
                    (false, ..) => Err(Unsendable::SwitchedOff),
                    (true, None, _) => Ok(endpoint.url.clone()),
                    (true, Some(_), Some(Told::Gone)) => Err(Unsendable::AnsweredGone),
                    (true, Some(_), _) => Err(Unsendable::Failing),
                }
            }
        }
    }

    /// The message that has a delivery sent again, in the round after the record's.
    async fn message(
        &self,
        delivery: &Delivery,
        job: &Job,
        receivers: &Receivers,
    ) -> Answer<Result<Deliver, Unsendable>> {
        let url = match self.url(delivery, job, receivers) {
            Ok(url) => url,
            Err(reason) => return Ok(Err(reason)),
        };
        let body = match delivery.whole_body() {
            Some(body) => Some(body.to_owned()),
            None => self.body(delivery, job).await?,
        };
        let message = |body| Deliver {
            webhook_id: delivery.id,
            job_id: delivery.job_id,
            user_id: delivery.user_id,
            run_id: delivery.run_id,
            endpoint_id: delivery.endpoint_id,
            url,
            body,
            round: delivery.round.saturating_add(1),
            cancel_id: None,
            turn: None,
        };
        Ok(body.map(message).ok_or(Unsendable::BodyLost))
    }

    /// The body of a delivery that was too large for its record, made once more out of the run that it tells of: the
    /// same, unless the job was edited.
    async fn body(&self, delivery: &Delivery, job: &Job) -> Answer<Option<String>> {
        let run = match job.run.clone().filter(|run| run.id == delivery.run_id) {
            Some(run) => Some(run),
            None => self.store().archived_run(job.id, delivery.run_id).await?,
        };
        let Some(run) = run else { return Ok(None) };
        let payload = self.store().payload(job).await?;
        Ok(event::body(delivery.event, job, &run, &payload))
    }

    /// How many deliveries a user may have sent again.
    fn redeliveries(&self) -> Limit {
        Limit { scope: "redeliver", max: self.config.redeliver_limit, window: self.config.window }
    }
}

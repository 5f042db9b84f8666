//! The record of one event on its way to one endpoint, and who is owed one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::endpoint::Endpoint;
use crate::event::{self, EventType};
use crate::id::{JobId, RunId, UserId, WebhookId};
use crate::job::{Job, Run};
use crate::message::{Deliver, Target};
use crate::payload::Payload;
use crate::time::Moment;

/// How many attempts a record keeps.
pub const MAX_ATTEMPTS_KEPT: usize = 20;
/// How much of a request body a record keeps.
pub const MAX_BODY_KEPT: usize = 16 * 1024;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryState {
    /// Nothing has been tried yet.
    Pending,
    /// The endpoint took it.
    Delivered,
    /// An attempt failed and another will follow.
    Retrying,
    /// All attempts failed: it lies in the dead-letter queue.
    Dead,
    /// It was not sent, and can be.
    Skipped,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Delivered, Self::Retrying, Self::Dead, Self::Skipped];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Dead => "dead",
            Self::Skipped => "skipped",
        }
    }
}

/// One event for one endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The `webhook-id`.
    pub id: WebhookId,
    /// The job it tells of.
    pub job_id: JobId,
    /// The job's owner.
    pub user_id: UserId,
    /// The run it tells of.
    pub run_id: RunId,
    /// Where it goes, by id.
    pub endpoint_id: Target,
    /// Where it goes.
    pub url: String,
    /// What it tells.
    pub event: EventType,
    /// Where it stands.
    pub state: DeliveryState,
    /// Which redelivery it is in.
    pub round: u32,
    /// How many attempts this round has seen.
    pub round_attempts: u32,
    /// How many attempts it has seen in all.
    pub attempt_count: u32,
    /// The last of them.
    pub attempts: Vec<DeliveryAttempt>,
    /// What was sent, cut at 16 KiB.
    pub request_body: String,
    /// When it was first tried.
    #[serde(with = "crate::time::millis")]
    pub created_at: Moment,
    /// When it is tried again.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<Moment>,
    /// Why it was not sent, if it is skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Skipped>,
    /// Grows by one with each write, and fences it.
    pub version: u64,
}

/// That a delivery was not sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Skipped {
    /// When that was decided.
    #[serde(with = "crate::time::millis")]
    pub at: Moment,
    /// Why.
    pub why: String,
}

/// One attempt to deliver. Member names are single letters where it is stored, as in a job's log; the long ones are read too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// Its number in the record's life, from 1.
    #[serde(rename = "n", alias = "attempt")]
    pub attempt: u32,
    /// When the request was sent.
    #[serde(rename = "t", alias = "sentAt", with = "crate::time::millis")]
    pub sent_at: Moment,
    /// How long the answer took.
    #[serde(rename = "d", alias = "durationMs")]
    pub duration_ms: u64,
    /// The answer's status, if there was one.
    #[serde(rename = "s", alias = "responseStatus", default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// What was sent with it, as far as it does not follow from the rest of the record.
    #[serde(rename = "q", alias = "requestHeaders", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// What the answer said besides, as far as it helps.
    #[serde(rename = "h", alias = "responseHeaders", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<String, String>,
    /// The beginning of the answer's body.
    #[serde(rename = "b", alias = "responseBody", default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// What went wrong.
    #[serde(rename = "e", alias = "error", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of thing went wrong.
    #[serde(rename = "c", alias = "errorClass", default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// When the next attempt was due after it.
    #[serde(
        rename = "x",
        alias = "nextAttemptAt",
        default,
        with = "crate::time::millis::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_attempt_at: Option<Moment>,
}

impl Delivery {
    /// The record before the first attempt.
    pub fn new(message: &Deliver, event: EventType, now: Moment) -> Self {
        Self {
            id: message.webhook_id,
            job_id: message.job_id,
            user_id: message.user_id,
            run_id: message.run_id,
            endpoint_id: message.endpoint_id,
            url: message.url.clone(),
            event,
            state: DeliveryState::Pending,
            round: message.round,
            round_attempts: 0,
            attempt_count: 0,
            attempts: Vec::new(),
            request_body: crate::log::cut(&message.body, MAX_BODY_KEPT),
            created_at: now,
            next_attempt_at: None,
            skipped: None,
            version: 0,
        }
    }

    /// When something last became of it.
    pub fn touched_at(&self) -> Moment {
        let tried = self.attempts.last().map(|attempt| attempt.sent_at);
        let skipped = self.skipped.as_ref().map(|skipped| skipped.at);
        [tried, skipped].into_iter().flatten().fold(self.created_at, Moment::max)
    }

    /// The body as it was sent, unless it had to be cut: then it is no JSON any more.
    pub fn whole_body(&self) -> Option<&str> {
        serde_json::from_str::<serde::de::IgnoredAny>(&self.request_body)
            .ok()
            .map(|_| self.request_body.as_str())
    }

    /// The record of a delivery that is not sent.
    #[must_use]
    pub fn skipped(&self, why: &str, now: Moment) -> Self {
        Self {
            state: DeliveryState::Skipped,
            next_attempt_at: None,
            skipped: Some(Skipped { at: now, why: why.to_owned() }),
            version: self.version + 1,
            ..self.clone()
        }
    }

    /// The record with one more attempt, in the state that it led to.
    #[must_use]
    pub fn attempted(&self, mut attempt: DeliveryAttempt, state: DeliveryState) -> Self {
        let mut next = Self { version: self.version + 1, state, skipped: None, ..self.clone() };
        next.attempt_count = next.attempt_count.saturating_add(1);
        next.round_attempts = next.round_attempts.saturating_add(1);
        attempt.attempt = next.attempt_count;
        next.next_attempt_at = attempt.next_attempt_at;
        next.attempts.push(attempt);
        let surplus = next.attempts.len().saturating_sub(MAX_ATTEMPTS_KEPT);
        next.attempts.drain(..surplus);
        next
    }
}

/// Who may hear of an event besides the job's own `webhookUrl`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Receivers<'a> {
    /// The deployment's `WEBHOOK_URL`.
    pub deployment: Option<&'a str>,
    /// The endpoints of the job's owner, also those that are switched off: what is for them is kept.
    pub endpoints: &'a [Endpoint],
}

impl Receivers<'_> {
    /// Whether anybody wants to hear of what happens to this job.
    pub fn hear_of(&self, job: &Job) -> bool {
        job.webhook.is_some() || self.deployment.is_some() || !self.endpoints.is_empty()
    }

    /// Whether anybody wants to hear of starts.
    pub fn hear_of_starts(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.events.has(EventType::Started))
    }
}

/// The deliveries that `run`'s end owes: with the same ids whenever it is asked, and with the same bodies unless
/// the job was edited in between.
pub fn owed(job: &Job, run: &Run, payload: &Payload, to: Receivers<'_>) -> Vec<Deliver> {
    let Some(event) = run.outcome.and_then(EventType::of) else { return Vec::new() };
    let own = job.webhook.as_ref().map(|webhook| (Target::Job, webhook.url.as_str()));
    let deployment = to.deployment.map(|url| (Target::Deployment, url));
    tell(event, job, run, payload, own.into_iter().chain(deployment), to.endpoints)
}

/// The deliveries that `run`'s start owes, in the same way. The job's own webhook and the deployment's hear of ends
/// alone: so it was before there were endpoints, which choose.
pub fn owed_for_start(job: &Job, run: &Run, payload: &Payload, endpoints: &[Endpoint]) -> Vec<Deliver> {
    tell(EventType::Started, job, run, payload, std::iter::empty(), endpoints)
}

fn tell<'a>(
    event: EventType,
    job: &Job,
    run: &Run,
    payload: &Payload,
    others: impl Iterator<Item = (Target, &'a str)>,
    endpoints: &'a [Endpoint],
) -> Vec<Deliver> {
    let Some(at) = event.moment(run) else { return Vec::new() };
    let hearing = endpoints.iter().filter(|endpoint| endpoint.hears(event, at));
    let all = others.chain(hearing.map(|endpoint| (Target::Endpoint(endpoint.id), endpoint.url.as_str())));
    let mut all = all.peekable();
    let Some(body) = all.peek().and_then(|_| event::body(event, job, run, payload)) else {
        return Vec::new();
    };
    all.map(|(endpoint_id, url)| Deliver {
        webhook_id: WebhookId::derive(run.id, event, at, &endpoint_id.to_string()),
        job_id: job.id,
        user_id: job.user_id,
        run_id: run.id,
        endpoint_id,
        url: url.to_owned(),
        body: body.clone(),
        round: 0,
        cancel_id: job.cancel_id.filter(|_| event == EventType::Cancelled),
        turn: None,
    })
    .collect()
}

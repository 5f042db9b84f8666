//! The record of one event on its way to one endpoint, and when it is tried again.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// One attempt to deliver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryAttempt {
    /// Its number in the record's life, from 1.
    pub attempt: u32,
    /// When the request was sent.
    #[serde(with = "crate::time::millis")]
    pub sent_at: Moment,
    /// How long the answer took.
    pub duration_ms: u64,
    /// The answer's status, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_status: Option<u16>,
    /// What was sent with it, as far as it does not follow from the rest of the record.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub request_headers: BTreeMap<String, String>,
    /// What the answer said besides, as far as it helps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub response_headers: BTreeMap<String, String>,
    /// The beginning of the answer's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_body: Option<String>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What kind of thing went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// When the next attempt was due after it.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
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
        next.attempt_count += 1;
        next.round_attempts += 1;
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

/// How long a failed delivery waits for each further attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Vec<Duration>);

/// The text is no list of steps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration such as 500ms, 30s, 5m or 2h; write steps as 1s,2s,4s,1m, or none")]
pub struct NotSteps(String);

impl Default for Steps {
    fn default() -> Self {
        Self([1, 2, 4, 60, 600, 3_600, 21_600].map(Duration::from_secs).to_vec())
    }
}

impl FromStr for Steps {
    type Err = NotSteps;

    fn from_str(text: &str) -> Result<Self, NotSteps> {
        if text.trim() == Self::NONE {
            return Ok(Self(Vec::new()));
        }
        text.split(',').map(|step| duration(step.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(Self::NONE);
        }
        let steps: Vec<_> = self.0.iter().map(|step| written(*step)).collect();
        f.write_str(&steps.join(","))
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Steps {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Steps {
    /// The longest wait that a receiver's Retry-After may ask for.
    pub const LONGEST: Duration = Duration::from_secs(6 * 3_600);
    /// How a schedule without a second attempt is written.
    const NONE: &'static str = "none";

    /// The waits, one after the other.
    pub fn waits(&self) -> &[Duration] {
        &self.0
    }

    /// The wait after a round's failed attempt number `attempt` (from 1); `None` after the last. It is off by
    /// up to a fifth either way, and never shorter than the receiver asked for.
    pub fn after(&self, attempt: u32, asked: Option<Duration>, dice: u64) -> Option<Duration> {
        let step = *self.0.get(usize::try_from(attempt).ok()?.checked_sub(1)?)?;
        let millis = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        let spread = millis / 5;
        let jittered = Duration::from_millis(millis - spread + dice % (2 * spread + 1));
        Some(asked.map_or(jittered, |asked| jittered.max(asked.min(Self::LONGEST))))
    }
}

fn duration(text: &str) -> Result<Duration, NotSteps> {
    let refusal = || NotSteps(text.to_owned());
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(refusal)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let factor = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(refusal()),
    };
    number.checked_mul(factor).map(Duration::from_millis).ok_or_else(refusal)
}

/// In the largest unit that leaves nothing over.
fn written(step: Duration) -> String {
    let millis = step.as_millis();
    let unit = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        .into_iter()
        .find(|(_, unit)| millis.is_multiple_of(*unit));
    match unit.filter(|_| millis > 0) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_steps() {
        assert_eq!("1s,2s,4s,1m,10m,1h,6h".parse::<Steps>().unwrap(), Steps::default());
        assert_eq!("250ms".parse::<Steps>().unwrap(), Steps(vec![Duration::from_millis(250)]));
        for wrong in ["", "1", "s", "1d", "1s,,2s", "-1s", "99999999999999999999s"] {
            assert!(wrong.parse::<Steps>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn writes_steps_as_they_are_read() {
        for text in ["1s,2s,4s,1m,10m,1h,6h", "250ms", "90s", "none", "0ms,1500ms"] {
            assert_eq!(text.parse::<Steps>().unwrap().to_string(), text);
        }
        assert_eq!("60s,24h".parse::<Steps>().unwrap().to_string(), "1m,24h");
        let none: Steps = "none".parse().unwrap();
        assert_eq!((none.waits().len(), none.after(1, None, 0)), (0, None));
    }

    #[test]
    fn ends_after_the_last_step() {
        let steps: Steps = "1s,2s".parse().unwrap();
        assert!(steps.after(2, None, 0).is_some());
        assert_eq!(steps.after(3, None, 0), None);
        assert_eq!(steps.after(0, None, 0), None);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_but_not_for_ever() {
        let steps = Steps::default();
        assert_eq!(steps.after(1, Some(Duration::from_secs(120)), 7), Some(Duration::from_secs(120)));
        assert_eq!(steps.after(1, Some(Duration::from_secs(999_999)), 7), Some(Steps::LONGEST));
        assert!(steps.after(4, Some(Duration::ZERO), 7).unwrap() >= Duration::from_secs(48));
    }

    proptest! {
        #[test]
        fn the_jitter_is_a_fifth(attempt in 1u32..8, dice: u64) {
            let base = Steps::default().0[attempt as usize - 1];
            let wait = Steps::default().after(attempt, None, dice).unwrap();
            prop_assert!(wait >= base * 4 / 5 && wait <= base * 6 / 5);
        }
    }
}

//! The record of one event on its way to one endpoint, and when it is tried again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::{self, EventType};
use crate::id::{JobId, RunId, UserId, WebhookId};
use crate::job::{Job, Run};
use crate::message::{Deliver, Endpoint};
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
    pub endpoint_id: Endpoint,
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
    /// Grows by one with each write, and fences it.
    pub version: u64,
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
            version: 0,
        }
    }

    /// The record with one more attempt, in the state that it led to.
    #[must_use]
    pub fn attempted(&self, mut attempt: DeliveryAttempt, state: DeliveryState) -> Self {
        let mut next = Self { version: self.version + 1, state, ..self.clone() };
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

/// The deliveries that `run`'s end owes: with the same ids whenever it is asked, and with the same bodies unless
/// the job was edited in between.
pub fn owed(job: &Job, run: &Run, payload: &Payload, deployment_url: Option<&str>) -> Vec<Deliver> {
    let (Some(event), Some(body)) = (run.outcome.and_then(EventType::of), event::body(job, run, payload))
    else {
        return Vec::new();
    };
    let own = job.webhook.as_ref().map(|webhook| (Endpoint::Job, webhook.url.as_str()));
    let all = own.into_iter().chain(deployment_url.map(|url| (Endpoint::Deployment, url)));
    all.map(|(endpoint_id, url)| Deliver {
        webhook_id: WebhookId::derive(run.id, event, endpoint_id.id()),
        job_id: job.id,
        user_id: job.user_id,
        run_id: run.id,
        endpoint_id,
        url: url.to_owned(),
        body: body.clone(),
        round: 0,
        cancel_id: job.cancel_id.filter(|_| event == EventType::Cancelled),
    })
    .collect()
}

/// How long a failed delivery waits for each further attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps(Vec<Duration>);

/// The text is no list of steps.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a duration such as 500ms, 30s, 5m or 2h; write steps as 1s,2s,4s,1m")]
pub struct NotSteps(String);

impl Default for Steps {
    fn default() -> Self {
        Self([1, 2, 4, 60, 600, 3_600, 21_600].map(Duration::from_secs).to_vec())
    }
}

impl FromStr for Steps {
    type Err = NotSteps;

    fn from_str(text: &str) -> Result<Self, NotSteps> {
        text.split(',').map(|step| duration(step.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.0.iter().map(|step| format!("{}ms", step.as_millis())).collect();
        f.write_str(&steps.join(","))
    }
}

impl Steps {
    /// The longest wait that a receiver's Retry-After may ask for.
    pub const LONGEST: Duration = Duration::from_secs(6 * 3_600);

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

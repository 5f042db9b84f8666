//! How a receiver has been of late: how quickly it answers, since when it has only failed, and whose turn it is.
//!
//! All that is delivered goes through one queue and a bounded number of functions. A receiver that takes 15 s to
//! say nothing would soon have all of them waiting for it, if as many deliveries went there at once as there are.
//! So a receiver that is slow, or that nobody has heard of yet, gets them one after the other, a few at a time.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::endpoint::Told;
use crate::id::EndpointId;
use crate::message::{Deliver, Target};
use crate::time::Moment;

/// Who takes longer than this is slow.
pub const SLOW_AFTER: Duration = Duration::from_secs(2);
/// The longest that an attempt takes, and what a receiver counts as that has not answered yet.
pub const SLOWEST: Duration = Duration::from_secs(15);
/// How many deliveries are on their way to a slow receiver at once.
const AT_ONCE: u32 = 3;
/// How many go to a receiver at once that nobody has heard of.
const FIRST: u32 = 5;
/// How far ahead a turn is given out: SQS delays no message longer.
const AHEAD: Duration = Duration::from_secs(900);
/// A warning comes so long before the end, at least.
const NOTICE: Duration = Duration::from_secs(24 * 3_600);

/// A receiver, as something is known of it: an endpoint, the deployment's `WEBHOOK_URL`, or whatever a user's jobs name
/// at one origin. A user's receivers are only that user's: nobody slows down another's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject(String);

impl Subject {
    /// The receiver of a delivery.
    pub fn of(message: &Deliver) -> Self {
        match message.endpoint_id {
            Target::Job => {
                let origin = Url::parse(&message.url).map(|url| url.origin().ascii_serialization());
                let hash = hex::encode(Sha256::digest(origin.unwrap_or_default()));
                Self(format!("{}#{}", message.user_id, &hash[..32]))
            }
            other => Self(other.to_string()),
        }
    }

    /// An endpoint.
    pub fn endpoint(id: EndpointId) -> Self {
        Self(id.to_string())
    }

    /// Whether it is one: an endpoint is switched off when it fails for long, and remembered until it is deleted.
    pub fn is_endpoint(&self) -> bool {
        self.0.starts_with(EndpointId::PREFIX)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a receiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// How long its answers take, in whole seconds, roughly; 0 for quickly. Unknown before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<u32>,
    /// Since when every attempt has failed.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Moment>,
    /// When its owner was warned of it.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub warned_at: Option<Moment>,
    /// When it was switched off, not by its owner.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub disabled_at: Option<Moment>,
    /// Why it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled_for: Option<Told>,
    /// The turn that is given out next, where there are turns.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub turn: Option<Moment>,
}

/// What an attempt has shown of its receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Showing {
    /// Its [`Health::latency`].
    pub latency: u32,
    /// Whether it took the delivery.
    pub taken: bool,
}

/// How often something may go to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The time between one turn and the next.
    pub interval: Duration,
    /// How far behind it the turns may be taken all at once.
    pub burst: Duration,
    /// How far ahead turns are given out. Beyond it one waits and asks again.
    pub ahead: Duration,
}

/// What is to be done about a receiver that does nothing but fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Warn its owner.
    Warn,
    /// Switch it off.
    Disable,
}

impl Showing {
    /// What an attempt that took so long shows.
    pub fn of(took: Duration, taken: bool) -> Self {
        // Few different values: each change is a write.
        let latency = [SLOW_AFTER, Duration::from_secs(4), Duration::from_secs(8), SLOWEST]
            .windows(2)
            .find(|bounds| took < bounds[0])
            .map_or(SLOWEST, |bounds| if bounds[0] == SLOW_AFTER { Duration::ZERO } else { bounds[0] });
        Self { latency: u32::try_from(latency.as_secs()).unwrap_or(0), taken }
    }
}

impl Health {
    /// Whether this says something new. Who only wants to know how quick it is does not count failures.
    pub fn is_news(&self, showing: Showing, counts_failures: bool) -> bool {
        self.latency != Some(showing.latency)
            || counts_failures && (self.failing_since.is_some() || self.warned_at.is_some()) == showing.taken
    }

    /// How often something may go there, if its owner wants no more than `rate` a second; as often as there is
    /// something if there is no pace.
    pub fn pace(&self, rate: Option<u32>) -> Option<Pace> {
        let careful = match self.latency {
            Some(0) => None,
            Some(latency) => Some((latency, 1)),
            None => Some((u32::try_from(SLOWEST.as_secs()).unwrap_or(15), FIRST)),
        };
        let careful = careful.map(|(latency, first)| {
            let interval = Duration::from_secs(u64::from(latency)) / AT_ONCE;
            Pace { interval, burst: interval * (first - 1), ahead: Duration::ZERO }
        });
        let wanted = rate.filter(|rate| *rate > 0).map(|rate| {
            let interval = Duration::from_secs(1) / rate;
            Pace { interval, burst: interval * (rate - 1), ahead: AHEAD }
        });
        match (careful, wanted) {
            (Some(careful), Some(wanted)) if wanted.interval > careful.interval => Some(wanted),
            (Some(careful), _) => Some(careful),
            (None, wanted) => wanted,
        }
    }

    /// What is to be done now, if the last attempt failed too. Nobody is switched off who was not warned a day
    /// before.
    pub fn step(&self, now: Moment, after: Option<Duration>) -> Option<Step> {
        let (since, after) = (self.failing_since?, after?);
        if self.disabled_at.is_some() {
            return None;
        }
        let failing = now.since(since);
        match self.warned_at {
            None if failing >= after / 2 => Some(Step::Warn),
            Some(warned) if failing >= after && now.since(warned) >= NOTICE.min(after / 2) => {
                Some(Step::Disable)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(millis: i64) -> Moment {
        Moment::from_millis(millis)
    }

    #[test]
    fn an_attempt_shows_how_quick_its_receiver_is() {
        for (millis, latency) in
            [(0, 0), (1_999, 0), (2_000, 4), (3_999, 4), (4_000, 8), (8_000, 15), (15_001, 15)]
        {
            assert_eq!(Showing::of(Duration::from_millis(millis), true).latency, latency, "{millis}");
        }
    }

    #[test]
    fn only_changes_are_news() {
        let quick = |taken| Showing { latency: 0, taken };
        let fresh = Health::default();
        assert!(fresh.is_news(quick(true), true) && fresh.is_news(quick(false), true));
        let well = Health { latency: Some(0), ..Health::default() };
        assert!(!well.is_news(quick(true), true) && well.is_news(quick(false), true));
        assert!(!well.is_news(quick(false), false), "of a receiver that nobody switches off");
        assert!(well.is_news(Showing { latency: 4, taken: true }, true));
        let failing = Health { failing_since: Some(at(1)), ..well };
        assert!(failing.is_news(quick(true), true) && !failing.is_news(quick(false), true));
    }

    #[test]
    fn who_is_quick_is_sent_all_there_is_and_who_is_not_a_few() {
        let of = |latency, rate| Health { latency, ..Health::default() }.pace(rate);
        assert_eq!(of(Some(0), None), None);
        let slow = of(Some(15), None).unwrap();
        assert_eq!(
            (slow.interval, slow.burst, slow.ahead),
            (Duration::from_secs(5), Duration::ZERO, Duration::ZERO)
        );
        assert_eq!(of(None, None).unwrap().burst, Duration::from_secs(20));
        let ten = of(Some(0), Some(10)).unwrap();
        assert_eq!((ten.interval, ten.burst), (Duration::from_millis(100), Duration::from_millis(900)));
        assert_eq!(of(Some(15), Some(10)).unwrap().interval, slow.interval, "the slower of the two");
        assert_eq!(of(Some(4), Some(1)).unwrap().interval, Duration::from_secs(4) / 3);
        assert_eq!(of(Some(0), Some(0)), None);
    }

    #[test]
    fn nobody_is_switched_off_without_a_warning() {
        let days = Some(5 * DAY);
        let since = |warned: Option<i64>| Health {
            failing_since: Some(at(0)),
            warned_at: warned.map(at),
            ..Health::default()
        };
        let day = |days: f64| at((days * 86_400_000.0) as i64);
        assert_eq!(Health::default().step(day(9.0), days), None);
        assert_eq!(since(None).step(day(2.4), days), None);
        assert_eq!(since(None).step(day(2.5), days), Some(Step::Warn));
        assert_eq!(since(None).step(day(30.0), days), Some(Step::Warn), "seldom used");
        let warned = since(Some(day(2.5).as_millis()));
        assert_eq!(warned.step(day(4.9), days), None);
        assert_eq!(warned.step(day(5.0), days), Some(Step::Disable));
        let late = since(Some(day(30.0).as_millis()));
        assert_eq!(late.step(day(30.9), days), None);
        assert_eq!(late.step(day(31.0), days), Some(Step::Disable));
        assert_eq!(warned.step(day(9.0), None), None, "never, if so set");
        let off = Health { disabled_at: Some(day(5.0)), ..warned };
        assert_eq!(off.step(day(9.0), days), None);
    }

    proptest! {
        #[test]
        fn no_more_are_on_their_way_to_a_slow_receiver_than_allowed(latency in 1u32..=15) {
            let pace = Health { latency: Some(latency), ..Health::default() }.pace(None).unwrap();
            prop_assert!(pace.interval * AT_ONCE + Duration::from_nanos(3) >= Duration::from_secs(latency.into()));
        }
    }
}

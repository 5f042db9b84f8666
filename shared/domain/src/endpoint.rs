//! Webhook endpoints: where a user's events go, which of them, and how they are sent there.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::event::{EventType, NoEvent};
use crate::id::{EndpointId, UserId};
use crate::seal::Sealed;
use crate::steps::Steps;
use crate::time::Moment;
use crate::user::Signing;

/// How many endpoints a user may have: each is a message and a delivery for every event that it wants.
pub const MOST_ENDPOINTS: usize = 20;
/// The fastest rate that an endpoint may ask for, in deliveries a second.
pub const FASTEST_RATE: u32 = 1_000;
/// How many waits an endpoint's own schedule may have: a record keeps 20 attempts.
pub const MOST_STEPS: usize = 19;
/// How long one of them may be.
pub const LONGEST_STEP: Duration = Duration::from_secs(24 * 3_600);

/// A receiver of a user's events, as read from the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its id.
    pub id: EndpointId,
    /// Who owns it.
    pub user_id: UserId,
    /// Where it is.
    pub url: String,
    /// What its owner says of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What it wants to hear of.
    pub events: Events,
    /// Whether its owner has switched it on.
    pub enabled: bool,
    /// What signs what goes there.
    pub signing: Signing,
    /// The waits between attempts, where they are not the deployment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Steps>,
    /// How many deliveries a second it takes; without one, as many as there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<u32>,
    /// What its owner wants sent besides: names and values, sealed, for they may be credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<Sealed>,
    /// When it was created.
    #[serde(with = "crate::time::millis")]
    pub created_at: Moment,
    /// When its owner changed it last.
    #[serde(with = "crate::time::millis")]
    pub updated_at: Moment,
    /// Grows by one with each change, and fences it.
    pub version: u64,
}

impl Endpoint {
    /// Whether it hears of an event of that moment: not of what was before it.
    pub fn hears(&self, event: EventType, at: Moment) -> bool {
        self.events.has(event) && self.created_at <= at
    }
}

/// The events that an endpoint wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Events {
    /// All of them, also those that there will be.
    All,
    /// These, in the order of [`EventType::ALL`].
    Only(Vec<EventType>),
}

/// Why a list of events is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefusedEvents {
    /// The item at that place names no event.
    #[error("must be * or one of job.started, job.completed, job.failed and job.cancelled")]
    Unknown(usize),
    /// There is none.
    #[error("must name at least one event; * stands for all")]
    Empty,
}

impl Events {
    /// How all events are written.
    pub const EVERY: &'static str = "*";

    /// Reads a list of names; a list with `*` in it is all of them.
    pub fn read<T: AsRef<str>>(names: &[T]) -> Result<Self, RefusedEvents> {
        let mut named = Vec::new();
        let mut all = false;
        for (place, name) in names.iter().enumerate() {
            match name.as_ref().trim() {
                Self::EVERY => all = true,
                name => named.push(name.parse().map_err(|NoEvent| RefusedEvents::Unknown(place))?),
            }
        }
        if names.is_empty() {
            return Err(RefusedEvents::Empty);
        }
        let only = EventType::ALL.into_iter().filter(|event| named.contains(event)).collect();
        Ok(if all { Self::All } else { Self::Only(only) })
    }

    /// As they are written.
    pub fn names(&self) -> Vec<&'static str> {
        match self {
            Self::All => vec![Self::EVERY],
            Self::Only(events) => events.iter().map(|event| event.as_str()).collect(),
        }
    }

    /// Whether this is one of them.
    pub fn has(&self, event: EventType) -> bool {
        match self {
            Self::All => true,
            Self::Only(events) => events.contains(&event),
        }
    }
}

impl Serialize for Events {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.names())
    }
}

impl<'de> Deserialize<'de> for Events {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // An event that a later release knows must not make the endpoint unreadable for this one.
        let names = Vec::<String>::deserialize(deserializer)?;
        let known: Vec<_> = names
            .into_iter()
            .filter(|name| name == Self::EVERY || name.parse::<EventType>().is_ok())
            .collect();
        Ok(Self::read(&known).unwrap_or_else(|_| Self::Only(Vec::new())))
    }
}

/// What an owner is told of an endpoint by e-mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// That it has done nothing but fail, and will be switched off.
    Warning,
    /// That it was switched off for that.
    Failing,
    /// That it was switched off because it answered 410 Gone.
    Gone,
}

impl Told {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Failing => "failing",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_in_any_order_and_written_in_one() {
        let read = Events::read(&["job.failed", " JOB.started", "job.failed"]).unwrap();
        assert_eq!(read.names(), ["job.started", "job.failed"]);
        assert!(read.has(EventType::Started) && !read.has(EventType::Completed));
        let all = Events::read(&["job.failed", "*"]).unwrap();
        assert_eq!((all.names(), EventType::ALL.iter().all(|event| all.has(*event))), (vec!["*"], true));
        assert_eq!(Events::read(&["*", "job.exploded"]), Err(RefusedEvents::Unknown(1)));
        assert_eq!(Events::read::<&str>(&[]), Err(RefusedEvents::Empty));
    }

    #[test]
    fn an_event_of_a_later_release_is_passed_over() {
        let stored: Events = serde_json::from_str(r#"["job.failed","job.paused"]"#).unwrap();
        assert_eq!(stored.names(), ["job.failed"]);
        assert_eq!(serde_json::to_string(&stored).unwrap(), r#"["job.failed"]"#);
        let none: Events = serde_json::from_str(r#"["job.paused"]"#).unwrap();
        assert!(EventType::ALL.iter().all(|event| !none.has(*event)));
    }

    #[test]
    fn an_endpoint_hears_of_nothing_that_was_before_it() {
        let at = Moment::from_millis;
        let signing = Signing {
            current: serde_json::from_value("x".into()).unwrap(),
            previous: None,
            previous_until: None,
        };
        let endpoint = Endpoint {
            id: "end_018bcfe568007abcabababababababab".parse().unwrap(),
            user_id: "usr_018bcfe568007abcabababababababab".parse().unwrap(),
            url: "https://example.com".to_owned(),
            description: String::new(),
            events: Events::All,
            enabled: true,
            signing,
            steps: None,
            rate: None,
            headers: None,
            created_at: at(1_000),
            updated_at: at(1_000),
            version: 1,
        };
        assert!(endpoint.hears(EventType::Failed, at(1_000)) && !endpoint.hears(EventType::Failed, at(999)));
        let deaf = Endpoint { events: Events::read(&["job.completed"]).unwrap(), ..endpoint };
        assert!(!deaf.hears(EventType::Failed, at(2_000)));
    }
}

//! Identifiers: a prefix that tells the kind, and a UUID in simple form whose order is the order of creation.
//!
//! Fresh ids are UUIDv7 (RFC 9562, section 5.7). Derived ids are UUIDv8: the same 48 bits of time and then a
//! hash of what they were derived from, so that whoever derives one again gets the same.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::event::EventType;
use crate::time::{Entropy, Moment};

/// The text is not an identifier of the kind wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an id of the form {prefix}<32 hexadecimal digits>")]
pub struct NotAnId {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// What every such id starts with.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id, after all that were made in earlier milliseconds.
            pub fn fresh(now: Moment, entropy: &dyn Entropy) -> Self {
                Self(fresh(now, entropy))
            }

            /// When it was made.
            pub fn made_at(self) -> Moment {
                made_at(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0.simple())
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                parse(text, $prefix).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A job.
    JobId,
    "job_"
);
id!(
    /// A user.
    UserId,
    "usr_"
);
id!(
    /// One run of a job: all attempts between a start and an end.
    RunId,
    "run_"
);
id!(
    /// One event for one endpoint: the `webhook-id` of every attempt to deliver it.
    WebhookId,
    "msg_"
);
id!(
    /// One cancellation, so that its webhook can tell whether it took effect.
    CancelId,
    "can_"
);
id!(
    /// An API key; not the key itself.
    KeyId,
    "key_"
);
id!(
    /// A webhook endpoint.
    EndpointId,
    "end_"
);

impl RunId {
    /// The run of one occurrence of a job's schedule: the same whenever it is asked for, so that an occurrence
    /// that is announced twice starts one run.
    pub fn of_occurrence(job: JobId, due_at: Moment) -> Self {
        let due = due_at.as_millis().to_be_bytes();
        let hash = Sha256::new().chain_update(job.0.as_bytes()).chain_update(due).finalize();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&due[2..]);
        bytes[6..].copy_from_slice(&hash[..10]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

impl WebhookId {
    /// The id of what `run`'s `event` of that moment sends to `endpoint`: the same whenever it is asked for.
    /// The moment gives it its place among others, so that a list of them is in the order of events.
    pub fn derive(run: RunId, event: EventType, at: Moment, endpoint: &str) -> Self {
        let hash = Sha256::new()
            .chain_update(run.0.as_bytes())
            .chain_update([0])
            .chain_update(event.as_str())
            .chain_update([0])
            .chain_update(endpoint)
            .finalize();
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.as_millis().to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&hash[..10]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// What comes before every id of that moment and of later ones, and after those of earlier ones.
    pub fn first_of(at: Moment) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&at.as_millis().max(0).to_be_bytes()[2..]);
        Self(Uuid::from_bytes(bytes))
    }
}

fn fresh(now: Moment, entropy: &dyn Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(now.as_millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

fn made_at(id: Uuid) -> Moment {
    let millis = id.as_bytes()[..6].iter().fold(0i64, |sum, byte| sum << 8 | i64::from(*byte));
    Moment::from_millis(millis)
}

fn parse(text: &str, prefix: &'static str) -> Result<Uuid, NotAnId> {
    let refusal = NotAnId { prefix };
    let digits = text.strip_prefix(prefix).ok_or_else(|| refusal.clone())?;
    // One spelling an id: no hyphens, no capitals, or two texts would name one record.
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return Err(refusal);
    }
    Uuid::try_parse(digits).map_err(|_| refusal)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn ids_sort_by_creation_and_read_back() {
        let early = JobId::fresh(Moment::from_millis(1_700_000_000_000), &Fixed(255));
        let late = JobId::fresh(Moment::from_millis(1_700_000_000_001), &Fixed(0));
        assert!(early < late && early.to_string() < late.to_string());
        assert_eq!(early.to_string().parse::<JobId>().unwrap(), early);
        assert_eq!(early.made_at(), Moment::from_millis(1_700_000_000_000));
    }

    #[test]
    fn one_spelling_an_id() {
        let id = JobId::fresh(Moment::from_millis(0), &Fixed(0xab)).to_string();
        for wrong in
            [id.to_uppercase(), id.replace("job_", "usr_"), format!("{id}0"), String::new(), "job_".into()]
        {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_derived_id_is_the_same_again_and_differs_with_each_part() {
        let (start, end) = (Moment::from_millis(1_700_000_000_000), Moment::from_millis(1_700_000_009_000));
        let run = RunId::fresh(start, &Fixed(1));
        let id = WebhookId::derive(run, EventType::Completed, end, "job");
        assert_eq!(id, WebhookId::derive(run, EventType::Completed, end, "job"));
        assert_ne!(id, WebhookId::derive(run, EventType::Failed, end, "job"));
        assert_ne!(id, WebhookId::derive(run, EventType::Completed, end, "deployment"));
        assert_eq!(id.made_at(), end);
        assert_eq!(id.0.get_version_num(), 8);
        let (before, after) =
            (Moment::from_millis(1_700_000_008_999), Moment::from_millis(1_700_000_009_001));
        assert!(WebhookId::first_of(before) < id && WebhookId::first_of(end) < id);
        assert!(WebhookId::first_of(after) > id && WebhookId::first_of(start).made_at() == start);
    }
}

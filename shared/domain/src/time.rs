//! Moments in time, and the two sources that the outside world is asked for: a clock and randomness.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time with millisecond precision, as every record stores it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(i64);

/// The text was no RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time such as 2026-03-01T12:00:00Z")]
pub struct NotATime;

impl Moment {
    /// The moment so many milliseconds after 1970-01-01T00:00:00Z.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded up: DynamoDB's TTL attribute must not fall before the moment.
    pub const fn as_seconds_ceil(self) -> i64 {
        self.0.div_euclid(1000) + if self.0.rem_euclid(1000) > 0 { 1 } else { 0 }
    }

    /// Reads an RFC 3339 time; what is finer than a millisecond is dropped.
    pub fn parse(text: &str) -> Result<Self, NotATime> {
        text.parse::<Timestamp>().map(|t| Self(t.as_millisecond())).map_err(|_| NotATime)
    }

    /// This moment and `by` more.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `from_millisecond` would leave out the part of a second that comes last of all.
        let nanos = i32::try_from(self.0.rem_euclid(1_000) * 1_000_000).unwrap_or(0);
        match Timestamp::new(self.0.div_euclid(1_000), nanos) {
            Ok(stamp) => write!(f, "{stamp:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Stores a [`Moment`] as a number of milliseconds, which is a third of the text's size.
pub mod millis {
    use super::Moment;
    use serde::{Deserialize, Deserializer, Serializer};

    /// For `#[serde(with = "domain::time::millis")]`.
    pub fn serialize<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(moment.as_millis())
    }

    /// For `#[serde(with = "domain::time::millis")]`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        i64::deserialize(deserializer).map(Moment::from_millis)
    }

    /// The same for an optional moment; pair it with `default` and `skip_serializing_if`.
    pub mod option {
        use super::super::Moment;
        use serde::{Deserialize, Deserializer, Serializer};

        /// For `#[serde(with = "domain::time::millis::option")]`.
        pub fn serialize<S: Serializer>(moment: &Option<Moment>, serializer: S) -> Result<S::Ok, S::Error> {
            match moment {
                Some(moment) => serializer.serialize_some(&moment.as_millis()),
                None => serializer.serialize_none(),
            }
        }

        /// For `#[serde(with = "domain::time::millis::option")]`.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Moment>, D::Error> {
            Ok(Option::<i64>::deserialize(deserializer)?.map(Moment::from_millis))
        }
    }
}

/// Where the present comes from.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Moment;
}

/// Where randomness comes from.
pub trait Entropy: Send + Sync {
    /// Fills the buffer with bytes that nobody can guess.
    fn fill(&self, buffer: &mut [u8]);

    /// A number that nobody can guess.
    fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_be_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_rfc_3339() {
        let moment = Moment::parse("2026-03-01T12:00:00.1239+02:00").unwrap();
        assert_eq!(moment.to_string(), "2026-03-01T10:00:00.123Z");
        assert_eq!(Moment::parse(&moment.to_string()).unwrap(), moment);
        assert!(Moment::parse("yesterday").is_err());
    }

    #[test]
    fn every_time_that_is_read_is_written_as_one() {
        for text in ["9999-12-30T22:00:00.999Z", "-009999-01-02T01:59:59.000Z", "1969-12-31T23:59:59.999Z"] {
            let moment = Moment::parse(text).unwrap();
            assert_eq!(moment.to_string(), text);
            assert_eq!(Moment::parse(&moment.to_string()).unwrap(), moment);
        }
        assert_eq!(Moment::from_millis(i64::MAX).to_string(), "9223372036854775807ms");
    }

    #[test]
    fn the_ttl_never_falls_before_the_moment() {
        assert_eq!(Moment::from_millis(1_000).as_seconds_ceil(), 1);
        assert_eq!(Moment::from_millis(1_001).as_seconds_ceil(), 2);
    }

    #[test]
    fn differences_do_not_go_below_zero() {
        let (early, late) = (Moment::from_millis(5), Moment::from_millis(9));
        assert_eq!(late.since(early), Duration::from_millis(4));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(early.plus(Duration::from_millis(4)), late);
    }
}

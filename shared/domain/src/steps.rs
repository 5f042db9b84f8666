//! When a failed delivery is tried again.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

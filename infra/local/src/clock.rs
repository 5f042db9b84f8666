//! A clock that runs faster than the machine's: for tests of the real process.
//!
//! What a killed process leaves behind is hidden for minutes, by leases and visibility timeouts. A test that
//! waits them out by the wall takes as long; one that shortens them tests another system. With this clock every
//! timeout keeps its length and its logic, and passes sooner.

use std::str::FromStr;
use std::time::Duration;

use boot::clock::SystemClock;
use domain::time::{Clock, Moment};
use engine::Engine;
use tokio_util::sync::CancellationToken;

/// How often those who wait for a moment look at the clock again: what they sleep they measure by the wall.
const TICK: Duration = Duration::from_millis(20);

/// Shows the machine's time at one moment, and from then on runs so many times as fast.
///
/// Processes that are given the same moment and speed agree on the time, so it never goes back at a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FastClock {
    since: Moment,
    speed: u32,
}

/// The text describes no clock.
#[derive(Debug, thiserror::Error)]
#[error("must be milliseconds since 1970, a comma, and a speed from 1 to 1000")]
pub struct NotAClock;

impl FastClock {
    /// A clock that is right now, and runs so many times as fast from here on.
    pub fn from_now(speed: u32) -> Self {
        Self { since: SystemClock.now(), speed }
    }

    fn at(self, real: Moment) -> Moment {
        let passed = real.as_millis().saturating_sub(self.since.as_millis());
        Moment::from_millis(self.since.as_millis().saturating_add(passed.saturating_mul(self.speed.into())))
    }
}

impl Clock for FastClock {
    fn now(&self) -> Moment {
        self.at(SystemClock.now())
    }
}

/// As [`FromStr`] reads it.
impl std::fmt::Display for FastClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{}", self.since.as_millis(), self.speed)
    }
}

impl FromStr for FastClock {
    type Err = NotAClock;

    fn from_str(text: &str) -> Result<Self, NotAClock> {
        let (since, speed) = text.split_once(',').ok_or(NotAClock)?;
        let since = Moment::from_millis(since.parse().map_err(|_| NotAClock)?);
        let speed = speed.parse().ok().filter(|speed| (1..=1_000).contains(speed)).ok_or(NotAClock)?;
        Ok(Self { since, speed })
    }
}

/// Makes everyone who waits for a moment look at the clock anew, again and again.
pub(crate) async fn tick(engine: Engine, stop: CancellationToken) {
    while !stop.is_cancelled() {
        engine.clock_moved();
        tokio::time::sleep(TICK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_faster_from_its_moment_on() {
        let clock: FastClock = "1000,20".parse().unwrap();
        assert_eq!(clock.at(Moment::from_millis(1_000)), Moment::from_millis(1_000));
        assert_eq!(clock.at(Moment::from_millis(1_500)), Moment::from_millis(11_000));
        assert_eq!(clock.to_string().parse::<FastClock>().unwrap(), clock);
    }

    #[test]
    fn what_is_no_clock_is_refused() {
        for wrong in ["", "1000", "now,20", "1000,0", "1000,1001", "1000,-1", "1000,2.5"] {
            assert!(wrong.parse::<FastClock>().is_err(), "{wrong:?}");
        }
    }
}

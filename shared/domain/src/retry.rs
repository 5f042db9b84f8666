//! How long a failed attempt waits for the next one.

use std::time::Duration;

/// No attempt waits longer: it is SQS's longest delay too.
pub const LONGEST: Duration = Duration::from_secs(900);
/// The attempts after the first, unless the job says otherwise.
pub const DEFAULT_MAX_RETRIES: u32 = 3;
/// The most that a job may ask for.
pub const MOST_RETRIES: u32 = 25;

/// Exponential backoff with full jitter: a uniform pick between nothing and `base * 2^retry`.
///
/// Full jitter spreads retries that failed together the most
/// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
}

impl Backoff {
    /// A backoff whose first retry waits at most `base`.
    pub const fn new(base: Duration) -> Self {
        Self { base }
    }

    /// The longest wait before retry number `retry`, counted from 0.
    pub fn ceiling(self, retry: u32) -> Duration {
        let factor = 2u32.checked_pow(retry).unwrap_or(u32::MAX);
        self.base.checked_mul(factor).map_or(LONGEST, |delay| delay.min(LONGEST))
    }

    /// The wait before retry number `retry`, for a `dice` that is uniform over all of `u64`.
    pub fn delay(self, retry: u32, dice: u64) -> Duration {
        let ceiling = u64::try_from(self.ceiling(retry).as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(dice % (ceiling + 1))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stays_between_nothing_and_the_ceiling(base in 0u64..100_000, retry in 0u32..100, dice: u64) {
            let backoff = Backoff::new(Duration::from_millis(base));
            let delay = backoff.delay(retry, dice);
            prop_assert!(delay <= backoff.ceiling(retry));
            prop_assert!(backoff.ceiling(retry) <= LONGEST);
            prop_assert!(backoff.ceiling(retry) <= backoff.ceiling(retry + 1));
        }
    }

    #[test]
    fn doubles_up_to_the_longest() {
        let backoff = Backoff::new(Duration::from_secs(1));
        assert_eq!(backoff.ceiling(0), Duration::from_secs(1));
        assert_eq!(backoff.ceiling(3), Duration::from_secs(8));
        assert_eq!(backoff.ceiling(10), LONGEST);
        assert_eq!(backoff.ceiling(90), LONGEST);
    }
}

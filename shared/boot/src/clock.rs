//! The real clock and the real randomness, and the pair of them that is handed around.

use std::fmt;
use std::sync::Arc;

use domain::time::{Clock, Entropy, Moment};

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that everybody else is given")]
    fn now(&self) -> Moment {
        Moment::from_millis(jiff::Timestamp::now().as_millisecond())
    }
}

/// The operating system's randomness.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// A process that cannot get randomness must not go on: its ids and secrets could be guessed.
    #[allow(
        clippy::panic,
        reason = "there is no safe answer without randomness, and none to give in its place"
    )]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(refused) = getrandom::fill(buffer) {
            panic!("the operating system gives no randomness: {refused}");
        }
    }
}

/// The present and the unguessable, as they are handed to whoever needs them.
#[derive(Clone)]
pub struct Ambient {
    /// Where the present comes from.
    pub clock: Arc<dyn Clock>,
    /// Where randomness comes from.
    pub entropy: Arc<dyn Entropy>,
}

impl Ambient {
    /// The machine's own.
    pub fn system() -> Self {
        Self { clock: Arc::new(SystemClock), entropy: Arc::new(OsEntropy) }
    }

    /// The present moment.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Where randomness comes from, by reference.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }
}

impl fmt::Debug for Ambient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ambient(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_goes_on_and_its_randomness_differs() {
        let ambient = Ambient::system();
        let before = ambient.now();
        assert!(before > Moment::parse("2024-01-01T00:00:00Z").unwrap());
        assert!(ambient.now() >= before);
        assert_ne!(ambient.entropy().number(), ambient.entropy().number());
    }
}

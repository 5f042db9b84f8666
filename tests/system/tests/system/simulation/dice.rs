//! What the seed says.

use domain::time::Entropy;
use testkit::Seeded;

pub(super) struct Dice(Seeded);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    /// A number below that one.
    pub(super) fn below(&self, bound: usize) -> usize {
        usize::try_from(self.0.number() % bound as u64).unwrap()
    }

    /// A number from the first to the second.
    pub(super) fn between(&self, first: u64, last: u64) -> u64 {
        first + self.0.number() % (last - first + 1)
    }

    /// Whether it happens, which it does so seldom.
    pub(super) fn one_in(&self, times: u64) -> bool {
        self.0.number().is_multiple_of(times)
    }

    pub(super) fn pick<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    pub(super) fn word<'a>(&self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// One of those, each as likely as its weight says; nothing if all weigh nothing.
    pub(super) fn weigh<T>(&self, of: Vec<(u64, T)>) -> Option<T> {
        let sum: u64 = of.iter().map(|(weight, _)| weight).sum();
        let mut place = if sum == 0 { return None } else { self.0.number() % sum };
        for (weight, one) in of {
            if place < weight {
                return Some(one);
            }
            place -= weight;
        }
        None
    }
}

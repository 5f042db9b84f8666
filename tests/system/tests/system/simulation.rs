//! A seeded simulation of everything at once: clients that race each other, workers, deliveries and ticks that overlap,
//! messages that come twice, late and in another order, reads that are stale, calls that fail, processes that die or
//! stand still, and time that passes meanwhile.
//!
//! Every call to AWS waits at a turnstile, and the seed says which goes next and what happens to it. One process moves
//! at a time, so a seed is one history: `NIGHTJAR_SEED=17 cargo xtask simulate` replays it and prints it if anything did
//! not hold. `cargo xtask simulate --seeds 200` goes through many.

mod clients;
mod dice;
mod moves;
mod processes;

use std::panic::AssertUnwindSafe;

use futures::FutureExt;
use testkit::leave_report;

use crate::invariants::Findings;
use crate::stage::said;
use moves::Simulation;

/// One seed, to replay it.
const SEED: &str = "NIGHTJAR_SEED";
/// How many seeds.
const SEEDS: &str = "NIGHTJAR_SEEDS";
/// As many as a test of the whole workspace bears.
const FEW: u64 = 24;
/// How much is printed of a history that went wrong.
const LAST_LINES: usize = 120;

/// What came of a seed.
struct History {
    seed: u64,
    lines: Vec<String>,
    violations: Vec<String>,
    calls: usize,
    faults: usize,
}

async fn live(seed: u64) -> History {
    let mut simulation = Simulation::new(seed, number(SEED).is_some()).await;
    let mut findings = Findings::default();
    let lived = AssertUnwindSafe(async {
        simulation.run_wild().await;
        simulation.come_to_rest(&mut findings).await;
    });
    let panicked = lived.catch_unwind().await.err().map(|panic| said(&*panic));
    simulation.stop_time(false);
    let mut violations = findings.into_violations();
    violations.extend(panicked);
    let (calls, faults) = (simulation.calls, simulation.faults);
    History { seed, lines: simulation.into_history(), violations, calls, faults }
}

/// The seeds of which this test has every second one.
async fn live_through(part: u64) {
    let seeds: Vec<u64> = match number(SEED) {
        Some(seed) => vec![seed],
        None => (0..number(SEEDS).unwrap_or(FEW)).collect(),
    };
    let (mut lived, mut calls, mut faults, mut wrong) = (0, 0, 0, Vec::new());
    for seed in seeds.into_iter().filter(|seed| seed % 2 == part) {
        let history = live(seed).await;
        (lived, calls, faults) = (lived + 1, calls + history.calls, faults + history.faults);
        if !history.violations.is_empty() {
            println!("{}", history.told());
            wrong.push(seed);
        }
    }
    let counted = format!("seeds={lived} calls={calls} faults={faults} violations={}", wrong.len());
    leave_report(&format!("part-{part}"), counted);
    assert!(
        wrong.is_empty(),
        "these seeds went wrong: {wrong:?}; NIGHTJAR_SEED={} replays the first",
        wrong[0]
    );
}

impl History {
    fn told(&self) -> String {
        // Of one that is replayed each line is printed as it happens.
        let last = if number(SEED).is_some() { 0 } else { LAST_LINES };
        let left_out = self.lines.len().saturating_sub(last);
        let lines = self.lines[left_out..].join("\n");
        let violations = self.violations.join("\n  ");
        format!(
            "seed {}: ({left_out} lines before)\n{lines}\nseed {} violates:\n  {violations}",
            self.seed, self.seed
        )
    }
}

#[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
fn number(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")))
}

#[tokio::test]
async fn lives_of_even_seeds() {
    live_through(0).await;
}

#[tokio::test]
async fn lives_of_odd_seeds() {
    live_through(1).await;
}

#[tokio::test]
async fn a_seed_is_one_history() {
    for seed in [3, 4, 20, 27] {
        let (first, second) = (live(seed).await, live(seed).await);
        let differs = first.lines.iter().zip(&second.lines).position(|(one, other)| one != other);
        assert_eq!(differs.map(|at| (&first.lines[at], &second.lines[at])), None, "seed {seed}");
        assert_eq!(first.lines.len(), second.lines.len());
        assert!(first.calls > 50, "seed {seed} makes {} calls", first.calls);
    }
}

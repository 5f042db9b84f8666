//! `cargo xtask simulate`: many seeds of the simulation, or one that is to be looked at.

use crate::report::{clock, reports};
use crate::shell::Failure;
use crate::tests_run::{aloud, build_system, only};

/// Which seeds; the tests know these by the same names.
const SEED: &str = "NIGHTJAR_SEED";
const SEEDS: &str = "NIGHTJAR_SEEDS";

/// What the tests of the seeds are called; what else is tested of the simulation is none of them.
const LIVES: &str = "simulation::lives_of";

#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// How many seeds, counted from 0
    #[arg(long, default_value_t = 200, conflicts_with = "seed")]
    seeds: u64,
    /// Only this seed, with every step as it happens
    #[arg(long, env = SEED)]
    seed: Option<u64>,
}

/// Lives through the seeds, and fails if in one of them something did not hold.
pub(crate) fn simulate(asked: &Simulate) -> Result<(), Failure> {
    build_system()?;
    let begun = clock();
    let mut tests = if asked.seed.is_some() { aloud(LIVES) } else { only(LIVES) };
    match asked.seed {
        Some(seed) => tests.env(SEED, seed.to_string()),
        None => tests.env_remove(SEED).env(SEEDS, asked.seeds.to_string()),
    };
    let (parts, ended) = reports("simulation", &mut tests)?;
    let seconds = begun.elapsed().as_secs();
    let sum = |what: &str| parts.values().map(|part| part.number(what)).sum::<u64>();
    let seeds = sum("seeds");
    println!(
        "{seeds} {}, {} calls, {} faults: {} violations, {seconds} s",
        if seeds == 1 { "seed" } else { "seeds" },
        sum("calls"),
        sum("faults"),
        sum("violations"),
    );
    ended
}

//! The whole system: over HTTP, and step by step.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "all of this is a test"
)]

mod house;
mod process;
mod routes;
mod sink;
mod stage;
mod world;

mod adding_a_task;
mod authorisation;
mod cost;
mod crash_points;
mod deployed;
mod events;
mod hostile;
mod invariants;
mod kill;
mod limits;
mod observed;
mod openapi;
mod pipeline;
mod schedules;
mod silence;
mod simulation;
mod template;
mod upgrade;
mod verifying;

mod interleavings;

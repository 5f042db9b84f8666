//! The function over HTTP, on the embedded engine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod admin;
mod bad_input;
mod batch;
mod change;
mod create;
mod deliveries;
mod filters;
mod house;
mod idempotency;
mod legacy;
mod lists;
mod measured;
mod others;
mod preview;
mod public;
mod run;
mod runs;
mod schedules;
mod scopes;
mod secrets;
mod tasks;
mod webhook_test;

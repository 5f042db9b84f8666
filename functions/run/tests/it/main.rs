//! `run`, `rerun`, `cancel`, `pause` and `resume` as a client meets them, on the embedded engine.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod counter;

mod cancel;
mod dead;
mod limits;
mod rest;
mod scopes;
mod start;
mod trouble;

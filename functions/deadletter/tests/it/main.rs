//! The drain of dead letters on the embedded engine, one batch at a time.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod morgue;

mod ended;
mod faults;
mod fires;
mod log;
mod measured;
mod notices;
mod revived;

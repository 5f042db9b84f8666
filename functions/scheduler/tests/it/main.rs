//! The tick on the embedded engine.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod between;
mod tower;

mod announced;
mod crashes;
mod faults;
mod many;
mod measured;
mod races;
mod settings;

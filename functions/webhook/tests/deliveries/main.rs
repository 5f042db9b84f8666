//! Deliveries from the queue to a receiver, on the embedded engine.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod faults;
mod house;
mod sink;

mod broken;
mod cancelled;
mod duplicates;
mod endpoints;
mod failing;
mod flood;
mod health;
mod measured;
mod misbehaving;
mod neighbours;
mod pace;
mod signed;

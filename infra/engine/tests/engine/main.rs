//! The engine as its users see it: through the real SDK.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bed;
mod connector;
mod deep;
mod fairness;
mod mail;
mod mapping;
mod queue;
mod redrive;
mod restart;
mod secrets;
mod table;

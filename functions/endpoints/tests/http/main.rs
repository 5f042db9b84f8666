//! The function over HTTP, on the embedded engine.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod bad_input;
mod change;
mod create;
mod delete;
mod house;
mod large;
mod many;
mod moved_on;
mod others;
mod read;
mod receiver;
mod redeliver;
mod rotate;
mod scopes;
mod trial;
mod trouble;

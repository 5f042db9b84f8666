//! The worker on the embedded engine, one batch at a time.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod server;
mod shop;

mod absent;
mod faults;
mod http;
mod retries;
mod runs;
mod settling;

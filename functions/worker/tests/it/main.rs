//! The worker on the embedded engine, one batch at a time.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod server;
mod shop;
mod tape;

mod absent;
mod account;
mod email;
mod endpoint_notice;
mod endpoints;
mod faults;
mod http;
mod measured;
mod notice;
mod quotas;
mod refused_notices;
mod retries;
mod runs;
mod schedule;
mod settling;
mod tasks;
mod timeouts;

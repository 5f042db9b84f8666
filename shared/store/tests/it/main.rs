//! The table, step by step, on the embedded engine.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod desk;

mod accounts;
mod api_keys;
mod create;
mod deliveries;
mod due;
mod endpoints;
mod expiry;
mod failures;
mod health;
mod lists;
mod notices;
mod pages;
mod people;
mod purge;
mod rates;
mod read;
mod replace;
mod runs;
mod scan;
mod wire;

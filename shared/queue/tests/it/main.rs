//! Sending and receiving, on the embedded engine.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "all of this is a test")]

mod post;

mod drive;
mod poison;
mod send;

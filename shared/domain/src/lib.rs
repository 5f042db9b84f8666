//! What a job is, who owns it and what may happen to it.
//!
//! Nothing here does I/O, reads a clock or rolls dice: time and randomness are arguments. The other rooms
//! store these records, send these messages and translate these errors; the decisions are made here.

pub mod api_key;
pub mod delivery;
pub mod endpoint;
pub mod event;
pub mod filter;
pub mod health;
pub mod id;
pub mod input;
pub mod job;
pub mod life;
pub mod log;
pub mod message;
pub mod notice;
pub mod payload;
pub mod retry;
pub mod schedule;
pub mod seal;
pub mod signature;
pub mod steps;
pub mod time;
pub mod user;
pub mod webhook_url;

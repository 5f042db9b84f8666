//! SQS: standard queues in a SQLite file.

mod admin;
mod fair;
mod fault;
mod message;
mod receive;
mod redrive;
mod send;
mod settings;
mod settle;
mod store;
mod wake;
pub(crate) mod wire;

pub use admin::Depth;
pub(crate) use fault::Fault;
pub(crate) use store::Queues;
pub use wake::QueueWake;

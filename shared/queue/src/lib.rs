//! SQS: which queues there are, sending to them, and driving a batch that came from one.

mod announce;
mod dead;
mod driver;
mod error;
mod send;
mod together;
pub mod topology;

pub use dead::{Begun, DeadLetter, DeadLetters, Heap, Redrive};
pub use driver::{Handled, Source, drive, drive_parsed};
pub use error::QueueError;
pub use send::{JobQueues, NotSent, WebhookQueues};
pub use together::{Crew, Place, Together};

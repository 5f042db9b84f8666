//! For tests only: the system's parts on an embedded engine, a clock to set by hand, and faults to inject.
//!
//! Nothing here stands in for a part of the product. The real SDK talks to the engine; what the engine cannot
//! show by itself (a lost answer, throttling, a conflict, a process that dies) is injected in the SDK's HTTP
//! connector, where it would come from.

#![allow(clippy::print_stdout, reason = "what a test prints is shown with its failure")]

mod bed;
mod build;
mod fault;
mod faults;
mod journal;
mod key;
mod points;
mod recorded;
mod replica;
mod report;
mod source;
mod turnstile;

pub use bed::{Bed, TABLE};
pub use build::{Persona, job, user};
pub use fault::{Call, Fault};
pub use faults::{Faults, When};
pub use journal::Journal;
pub use key::api_key;
pub use points::{Case, FAULTS, Seen, Tally, every_point};
pub use recorded::Recorded;
pub use replica::Replica;
pub use report::leave_report;
pub use source::{ManualClock, Seeded};
pub use turnstile::{Turnstile, Waiting, Way};

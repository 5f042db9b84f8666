//! For tests only: the system's parts on an embedded engine, a clock to set by hand, and faults to inject.
//!
//! Nothing here stands in for a part of the product. The real SDK talks to the engine; what the engine cannot
//! show by itself (a lost answer, throttling, a conflict, a process that dies) is injected in the SDK's HTTP
//! connector, where it would come from.

mod bed;
mod build;
mod fault;
mod key;
mod source;

pub use bed::{Bed, TABLE};
pub use build::{Persona, job, user};
pub use fault::{Call, Fault, Faults, When};
pub use key::api_key;
pub use source::{ManualClock, Seeded};

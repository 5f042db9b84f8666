//! The engine as its users see it: through the real SDK.

mod bed;
mod connector;
mod deep;
mod fairness;
mod mapping;
mod queue;
mod redrive;
mod restart;
mod secrets;
mod table;

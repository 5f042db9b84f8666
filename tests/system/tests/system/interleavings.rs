//! The functions against each other, step by step and in virtual time: what may come in which order, and what
//! is left after a crash at each call.

mod checks;
mod gate;
mod world;

mod attempts;
mod changes;
mod crashes;
mod schedules;
mod starts;
mod year;

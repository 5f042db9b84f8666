//! The functions against each other, step by step and in virtual time: what may come in which order.

mod checks;
mod gate;

mod attempts;
mod changes;
mod schedules;
mod starts;
mod year;

//! What nobody should send: each is answered with a problem that names the place, and none with a 5xx.

mod accounts;
mod bodies;
mod requests;
pub(crate) mod schedules;

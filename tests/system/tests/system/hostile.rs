//! What nobody should send, where the test must be near: each is answered with a problem that names the place, and none
//! with a 5xx. Most of it stands in `deployed::hostile`.

mod any_schedule;
mod mails;
mod requests;

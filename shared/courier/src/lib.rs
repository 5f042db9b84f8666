//! One attempt at a webhook: how it is signed and sent, and what the answer means. Both who delivers and who only
//! tries an endpoint do it in the same way.

mod attempt;
mod headers;

pub use attempt::{Outcome, Parcel, Verdict, send, unsigned};
pub use headers::{HIDDEN, Header, Refused};

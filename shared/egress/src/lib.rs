//! Outbound HTTP to addresses that users name, behind a guard.
//!
//! A webhook URL is a wish from outside: without a guard, `http://169.254.169.254/` would make this system
//! read its own credentials to a stranger. So every address is checked where it is dialled: names inside the
//! connector's resolver, so that no second lookup can give another answer, and literals before the request.
//! Apart from that a call is one attempt and no more: no redirects, proxies, cookies, decompression or retries,
//! one timeout over all of it, and a body that is read up to a cap and not a byte further.

mod allow;
mod client;
mod failure;
mod guard;
mod headers;
mod ranges;
mod resolve;
mod retry_after;

pub use allow::{Allow, BadAllow};
pub use client::{Client, Options, Request, Response};
pub use failure::{Failure, FailureClass};
pub use guard::{AddressGuard, Refused};
pub use headers::is_reserved;
pub use resolve::{Looking, Lookup, SystemLookup};
pub use retry_after::RetryAfter;

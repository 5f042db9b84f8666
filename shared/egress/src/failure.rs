//! Why a call got no answer, in terms that its owner can act on.

use std::error::Error;
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Refused;
use crate::resolve::NoAddress;

/// A call without a whole answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// What kind of failure it is.
    pub class: FailureClass,
    /// What happened, to show to the owner of the URL. It does not repeat the URL, which may hold a secret.
    pub detail: String,
    /// How long the call took until then.
    pub elapsed: Duration,
}

/// The kinds of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The name has no address, or could not be looked up.
    Dns,
    /// Nothing listens there, or no way leads there.
    Connect,
    /// The other side speaks no TLS, or showed a certificate that is not trusted.
    Tls,
    /// The whole answer did not come in time.
    Timeout,
    /// The address is not a public one and not in `EGRESS_ALLOW`.
    RefusedAddress,
    /// The connection broke or the answer was not HTTP; also a request that cannot be sent as it stands.
    Protocol,
}

impl FailureClass {
    /// The name that records and the API show, the same that serde writes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::RefusedAddress => "refused-address",
            Self::Protocol => "protocol",
        }
    }
}

/// Finds the class in the chain of causes, and a text for it.
pub(crate) fn classify(error: reqwest::Error) -> (FailureClass, String) {
    let error = error.without_url();
    let mut handshake = false;
    for cause in causes(&error) {
        if let Some(refused) = cause.downcast_ref::<Refused>() {
            return (FailureClass::RefusedAddress, refused.to_string());
        }
        if let Some(missing) = cause.downcast_ref::<NoAddress>() {
            return (FailureClass::Dns, deepest(missing));
        }
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return (FailureClass::Tls, format!("TLS failed: {tls}"));
        }
        // The operating system's own errors wrap nothing; those of the TLS layer do.
        handshake |= cause.downcast_ref::<io::Error>().is_some_and(|io| io.get_ref().is_some());
    }
    let reason = deepest(&error);
    if error.is_timeout() {
        return (FailureClass::Timeout, format!("timed out: {reason}"));
    }
    match error.is_connect() {
        true if handshake => (FailureClass::Tls, format!("TLS failed: {reason}")),
        true => (FailureClass::Connect, format!("could not connect: {reason}")),
        false => (FailureClass::Protocol, format!("no valid HTTP answer: {reason}")),
    }
}

/// The error and all that led to it. `io::Error` passes over what it wraps, so that is put in by hand.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(io) => io.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// The last cause tells most: "Connection refused" and not "error sending request".
fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_serde() {
        use FailureClass::{Connect, Dns, Protocol, RefusedAddress, Timeout, Tls};
        for class in [Dns, Connect, Tls, Timeout, RefusedAddress, Protocol] {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
        assert_eq!(RefusedAddress.as_str(), "refused-address");
    }

    #[test]
    fn what_an_io_error_wraps_is_found() {
        let tls = rustls::Error::HandshakeNotComplete;
        let error = io::Error::other(io::Error::other(tls));
        assert!(causes(&error).any(|cause| cause.is::<rustls::Error>()));
    }
}

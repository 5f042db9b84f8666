//! The way out over HTTP, as tasks see it.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderName, Method, StatusCode, header};
use url::Url;

use crate::Failure;

/// Calls URLs that users name, at addresses that may be called.
pub trait Outbound: Send + Sync {
    /// Sends the request once and reads the answer, of whatever status.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>>;
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// An `http` or `https` URL.
    pub url: Url,
    /// The headers, none of them reserved ([`is_reserved`]).
    pub headers: HeaderMap,
    /// The body; empty for none.
    pub body: Bytes,
    /// How long everything together may take.
    pub timeout: Duration,
    /// How many bytes of the answer's body to read.
    pub cap: usize,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, up to the cap.
    pub body: Bytes,
    /// Whether the body went on beyond the cap.
    pub truncated: bool,
    /// How long the call took.
    pub elapsed: Duration,
}

/// Whether the header frames the message, names its target or belongs to the connection: it follows from the
/// request, and a task that sets it is told so when it is created.
pub fn is_reserved(name: &HeaderName) -> bool {
    const NAMES: [HeaderName; 10] = [
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::EXPECT,
        header::HOST,
        header::PROXY_AUTHENTICATE,
        header::PROXY_AUTHORIZATION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ];
    NAMES.contains(name) || ["keep-alive", "proxy-connection", "http2-settings"].contains(&name.as_str())
}

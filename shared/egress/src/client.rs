//! One attempt at a call.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::failure::classify;
use crate::resolve::GuardedResolver;
use crate::{AddressGuard, Allow, Failure, FailureClass, Lookup, SystemLookup, headers};

/// How long one attempt to connect may take, TLS included. It is split among a name's addresses, so that a
/// dead first address leaves time for the second.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Connections wait this long for another request. A frozen Lambda wakes up to dead ones, so not long.
const IDLE: Duration = Duration::from_secs(5);

/// HTTP/2 peers may send this much before anyone reads; the libraries' default is 2 MiB.
const STREAM_WINDOW: u32 = 64 * 1024;

/// What a [`Client`] is made of.
#[derive(Clone)]
pub struct Options {
    /// The ranges that the guard opens: `EGRESS_ALLOW`.
    pub allow: Allow,
    /// The `User-Agent` of requests that bring none.
    pub user_agent: HeaderValue,
    /// PEM certificates trusted besides the system's, for receivers behind a private authority.
    pub extra_roots: Vec<Bytes>,
    /// Where names are looked up.
    pub lookup: Arc<dyn Lookup>,
}

/// Sends requests from behind the guard. Clones share their connections.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

/// What to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// Any method but CONNECT and TRACE.
    pub method: Method,
    /// An `http` or `https` URL.
    pub url: Url,
    /// The caller's headers; the reserved ones among them ([`crate::is_reserved`]) are dropped.
    pub headers: HeaderMap,
    /// The body as it goes out; empty for none.
    pub body: Bytes,
    /// For everything together: lookup, connection, TLS, request, headers and body.
    pub timeout: Duration,
    /// How many bytes of the answer's body to keep. What is beyond is not read.
    pub cap: usize,
}

/// What came back, of whatever status. A redirect is an answer like any other.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, up to the cap, as it came over the wire: nothing is decompressed.
    pub body: Bytes,
    /// Whether the body went on beyond the cap.
    pub truncated: bool,
    /// How long the call took.
    pub elapsed: Duration,
}

struct Inner {
    guard: AddressGuard,
    options: Options,
    /// For `http` URLs: knows no certificates.
    plain: OnceLock<reqwest::Client>,
    /// For `https` URLs: made when one is first called, since it parses the system's certificate store.
    secure: OnceLock<reqwest::Client>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            allow: Allow::none(),
            user_agent: HeaderValue::from_static(concat!("Nightjar/", env!("CARGO_PKG_VERSION"))),
            extra_roots: Vec::new(),
            lookup: Arc::new(SystemLookup),
        }
    }
}

impl Client {
    /// A client that does nothing yet: a cold start pays neither for TLS nor for certificates.
    pub fn new(options: Options) -> Self {
        let guard = AddressGuard::new(options.allow.clone());
        Self { inner: Arc::new(Inner { guard, options, plain: OnceLock::new(), secure: OnceLock::new() }) }
    }

    /// The guard, for those who want to refuse an address before they ever call it.
    pub fn guard(&self) -> &AddressGuard {
        &self.inner.guard
    }

    /// Sends the request once and reads the answer.
    ///
    /// Only a request of which nothing went out, because an idle connection turned out to be closed, moves to a
    /// new connection.
    ///
    /// Dropping the future drops the connection. A lookup that hangs in the operating system goes on in its own
    /// thread after the timeout, but nobody waits for it.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let (start, limit) = (Instant::now(), request.timeout);
        self.attempt(request, start).await.map_err(|fault| {
            let (class, detail) = match fault {
                Fault::Http(error) => classify(error),
                Fault::Refused(refused) => (FailureClass::RefusedAddress, refused.to_string()),
                Fault::Unsendable(detail) => (FailureClass::Protocol, detail),
                Fault::Tls(detail) => (FailureClass::Tls, detail),
                Fault::Late(None) => (FailureClass::Timeout, format!("no answer within {limit:?}")),
                Fault::Late(Some(status)) => {
                    let code = status.as_u16();
                    (FailureClass::Timeout, format!("status {code}, but the body took longer than {limit:?}"))
                }
            };
            Failure { class, detail, elapsed: start.elapsed() }
        })
    }

    async fn attempt(&self, request: Request, start: Instant) -> Result<Response, Fault> {
        check_sendable(&request)?;
        // The resolver never sees an address that is written into the URL.
        self.inner.guard.check_url(&request.url)?;
        let client = self.inner.client(request.url.scheme() == "https")?;
        let deadline = start + request.timeout;
        let cap = request.cap;
        let expects_body = matches!(request.method, Method::POST | Method::PUT | Method::PATCH);

        let mut call = client.request(request.method, request.url).headers(headers::own(request.headers));
        if !request.body.is_empty() {
            call = call.body(request.body);
        } else if expects_body {
            // Some servers answer 411 without it (RFC 9110, section 8.6).
            call = call.header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        let mut response = timeout_at(deadline, call.send()).await.map_err(|_| Fault::Late(None))??;
        let status = response.status();
        let read = timeout_at(deadline, read_body(&mut response, cap)).await;
        let (body, truncated) = read.map_err(|_| Fault::Late(Some(status)))??;
        let headers = std::mem::take(response.headers_mut());
        Ok(Response { status, headers, body, truncated, elapsed: start.elapsed() })
    }
}

/// Why an attempt ended early; [`Client::send`] puts it into words.
#[derive(Debug)]
enum Fault {
    Http(reqwest::Error),
    Refused(crate::Refused),
    Unsendable(String),
    Tls(String),
    Late(Option<StatusCode>),
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Http(error)
    }
}

impl From<crate::Refused> for Fault {
    fn from(refused: crate::Refused) -> Self {
        Self::Refused(refused)
    }
}

/// CONNECT would turn the connection into a tunnel, and TRACE would mirror our headers.
fn check_sendable(request: &Request) -> Result<(), Fault> {
    if !matches!(request.url.scheme(), "http" | "https") {
        let scheme = request.url.scheme();
        return Err(Fault::Unsendable(format!("only http and https URLs are called, not {scheme}")));
    }
    if matches!(request.method, Method::CONNECT | Method::TRACE) {
        return Err(Fault::Unsendable(format!("the method {} is not sent", request.method)));
    }
    Ok(())
}

/// Reads until the body ends or is longer than the cap. The copy keeps a small excerpt from holding on to the
/// connection's large buffer.
async fn read_body(response: &mut reqwest::Response, cap: usize) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = cap - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body.into(), true));
        }
    }
    Ok((body.into(), false))
}

impl Inner {
    fn client(&self, secure: bool) -> Result<&reqwest::Client, Fault> {
        let slot = if secure { &self.secure } else { &self.plain };
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        // Two first calls at once may both build one; the second is thrown away. A failure is not kept.
        let client = self.build(secure).map_err(|error| {
            let (_, detail) = classify(error);
            Fault::Tls(format!("the HTTP client could not be made: {detail}"))
        })?;
        Ok(slot.get_or_init(|| client))
    }

    fn build(&self, secure: bool) -> Result<reqwest::Client, reqwest::Error> {
        let resolver =
            GuardedResolver { guard: self.guard.clone(), lookup: Arc::clone(&self.options.lookup) };
        let mut builder = reqwest::Client::builder()
            .dns_resolver(resolver)
            .user_agent(self.options.user_agent.clone())
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(2)
            .http2_initial_stream_window_size(STREAM_WINDOW);
        if secure {
            for pem in &self.options.extra_roots {
                builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(pem)?);
            }
        } else {
            builder = builder.tls_certs_only([]);
        }
        builder.build()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("guard", &self.inner.guard).finish_non_exhaustive()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("allow", &self.allow).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

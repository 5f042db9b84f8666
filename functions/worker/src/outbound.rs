//! The tasks' way out over HTTP: through the address guard.

use egress::FailureClass;
use futures::FutureExt;
use futures::future::BoxFuture;
use tasks::{Failure, Outbound, Request, Response};

/// Calls what the address guard lets through.
pub(crate) struct Guarded(pub(crate) egress::Client);

impl Outbound for Guarded {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        let Request { method, url, headers, body, timeout, cap } = request;
        let request = egress::Request { method, url, headers, body, timeout, cap };
        async move { self.0.send(request).await.map(response).map_err(failure) }.boxed()
    }
}

fn response(response: egress::Response) -> Response {
    let egress::Response { status, headers, body, truncated, elapsed } = response;
    Response { status, headers, body, truncated, elapsed }
}

fn failure(failure: egress::Failure) -> Failure {
    let text = format!("{}: {}", failure.class.as_str(), failure.detail);
    // An address that is refused now is refused next time too.
    if failure.class == FailureClass::RefusedAddress { Failure::Final(text) } else { Failure::Again(text) }
}

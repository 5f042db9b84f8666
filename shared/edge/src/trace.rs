//! The ids of a request: in the log, in the answer's header, and in a problem.

use boot::trace;
use domain::time::{Clock, Entropy};
use http::Request;
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;

/// The ids of the request that is being answered, among its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ids {
    request: String,
    trace: String,
}

impl Ids {
    /// API Gateway's id of the request and X-Ray's of the trace that it belongs to, or made ones.
    ///
    /// A header of the client's is not read: its id would stand in our log under another's request. Lambda itself may
    /// go on with a trace that a client has named; then it is at least the id of a trace, and of nothing else.
    pub(crate) fn of<B>(request: &Request<B>, clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let given = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        let header = request.lambda_context_ref().and_then(|context| context.xray_trace_id.as_deref());
        let traced = header.and_then(trace::root).map(str::to_owned);
        Self {
            request: given.filter(|id| !id.is_empty()).unwrap_or_else(|| trace::fresh_request(entropy)),
            trace: traced.unwrap_or_else(|| trace::fresh(clock, entropy)),
        }
    }

    /// The request's.
    pub fn request(&self) -> &str {
        &self.request
    }

    /// The trace's.
    pub fn trace(&self) -> &str {
        &self.trace
    }
}

//! What Lambda's runtime puts around each call of a function: the ids of the call, for every line of its log.

use boot::{Ambient, trace};
use tracing::Span;

/// The span of a call. As in the cloud a batch of messages has one, and an HTTP request one of its own. All functions
/// share a log here, so it names the function besides.
pub(crate) fn span(function: &str, ambient: &Ambient) -> Span {
    let request = trace::fresh_request(ambient.entropy());
    let traced = trace::fresh(&*ambient.clock, ambient.entropy());
    tracing::error_span!("invocation", function, requestId = request, traceId = traced)
}

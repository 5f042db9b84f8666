//! The id of a request: in the log, in the answer's header, and in a problem.

use http::Request;
use lambda_http::request::RequestContext;

/// The id of the request that is being answered, among its extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// API Gateway's id of the request, or a made one.
    ///
    /// A header of the client's is not read: its id would stand in our log under another's request.
    pub(crate) fn of<B>(request: &Request<B>, entropy: &dyn domain::time::Entropy) -> Self {
        let given = match request.extensions().get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV1(context)) => context.request_id.clone(),
            Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
            _ => None,
        };
        Self(given.filter(|id| !id.is_empty()).unwrap_or_else(|| {
            let mut bytes = [0; 16];
            entropy.fill(&mut bytes);
            hex::encode(bytes)
        }))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

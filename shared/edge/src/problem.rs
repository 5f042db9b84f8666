//! Errors as the caller sees them: RFC 9457 problem documents.

use axum::response::{IntoResponse, Response};
use domain::input::{Fault, NotAnObject};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::code::Code;
use crate::trace::Ids;

/// What a handler of the API returns.
pub type Answer<T> = Result<T, Problem>;

/// Something went wrong, and this is what the caller is told of it.
#[derive(Clone, Debug)]
pub struct Problem {
    code: Code,
    detail: String,
    faults: Vec<Fault>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem as it is written.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem, title = "Problem", example = json!({
    "type": "/docs/errors/validation-failed",
    "title": "A value cannot be taken",
    "status": 400,
    "detail": "/taskName: is required",
    "errors": [{"pointer": "/taskName", "message": "is required"}],
    "requestId": "0190f6d2c0de7abc8def0123456789ab",
    "traceId": "1-67891233-abcdef012345678912345678",
    "message": "/taskName: is required"
}))]
pub struct Document {
    /// Names the kind of problem; where it points there is a page about it.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    kind: String,
    /// The kind in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong this time.
    detail: String,
    /// Each fault with its place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FaultView>,
    /// Name it when you ask about this problem; the log has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The trace that the request is part of, in X-Ray; the log has it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    /// The same as `detail`, for clients that look here.
    message: String,
}

/// One fault and its place.
#[derive(Serialize, ToSchema)]
#[schema(as = Fault)]
struct FaultView {
    /// A JSON Pointer into the body, or the name of a parameter.
    pointer: String,
    /// What is wrong there.
    message: String,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), faults: Vec::new(), headers: Vec::new() }
    }

    /// Faults of a body or of parameters; the detail names the first of them.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.first() {
            None => "the request cannot be taken".to_owned(),
            Some(first) => {
                let more = faults.len() - 1;
                let rest = if more == 0 { String::new() } else { format!(" (and {more} more; see errors)") };
                format!("{}: {}{rest}", first.pointer, first.message)
            }
        };
        Self { faults, ..Self::new(Code::ValidationFailed, detail) }
    }

    /// One fault.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::invalid(vec![Fault::new(pointer, message)])
    }

    /// One fault under another code, such as a name that is taken.
    pub fn at_with(code: Code, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code, ..Self::at(pointer, message) }
    }

    /// Nothing of that kind is there, or it is another user's: nobody may tell which.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no {what} with this id"))
    }

    /// A fault of ours, already logged; the caller is told to name the request.
    pub fn internal() -> Self {
        Self::new(Code::Internal, "something failed on our side; if it happens again, report the requestId")
    }

    /// Something behind the API is busy or away, and may be back in a second.
    pub fn unavailable() -> Self {
        Self::new(Code::Unavailable, "the service is busy; try again in a moment").retry_after(1)
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Tells after how many seconds it is worth trying again.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.with_header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// What kind it is.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What went wrong this time.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// Each fault with its place.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// As it is written, for an answer that holds several (a batch).
    pub fn document(&self, ids: Option<&Ids>) -> Document {
        let view =
            |fault: &Fault| FaultView { pointer: fault.pointer.clone(), message: fault.message.clone() };
        Document {
            kind: format!("/docs/errors/{}", self.code.slug()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.clone(),
            errors: self.faults.iter().map(view).collect(),
            request_id: ids.map(|ids| ids.request().to_owned()),
            trace_id: ids.map(|ids| ids.trace().to_owned()),
            message: self.detail.clone(),
        }
    }

    /// The whole answer.
    pub fn respond(self, ids: Option<&Ids>) -> Response {
        let body = serde_json::to_vec(&self.document(ids)).unwrap_or_default();
        let mut response = (self.code.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        for (name, value) in &self.headers {
            headers.append(name, value.clone());
        }
        // The router's outermost layer knows the request's ids and writes the body again with them.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.respond(None)
    }
}

impl From<NotAnObject> for Problem {
    fn from(refused: NotAnObject) -> Self {
        Self::new(Code::InvalidBody, refused.to_string())
    }
}

impl From<Vec<Fault>> for Problem {
    fn from(faults: Vec<Fault>) -> Self {
        Self::invalid(faults)
    }
}

/// Logged here, where it is handled; the request's span adds its id.
impl From<StoreError> for Problem {
    fn from(failure: StoreError) -> Self {
        let error = &failure as &dyn std::error::Error;
        if matches!(failure, StoreError::Busy(..)) {
            tracing::warn!(error, "the table is busy");
            Self::unavailable()
        } else {
            tracing::error!(error, "the table failed");
            Self::internal()
        }
    }
}

impl From<boot::secrets::SecretError> for Problem {
    fn from(failure: boot::secrets::SecretError) -> Self {
        tracing::error!(error = &failure as &dyn std::error::Error, "a secret cannot be had");
        Self::unavailable()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use serde_json::{Value, json};

    use super::*;

    async fn body(problem: Problem) -> (http::StatusCode, http::HeaderMap, Value) {
        let (parts, body) = problem.respond(Some(&ids())).into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        (parts.status, parts.headers, serde_json::from_slice(&bytes).unwrap())
    }

    /// Of a request that no gateway has named, at a moment that is not random.
    fn ids() -> Ids {
        struct Still;
        impl domain::time::Clock for Still {
            fn now(&self) -> domain::time::Moment {
                domain::time::Moment::from_millis(1_700_000_000_000)
            }
        }
        impl domain::time::Entropy for Still {
            fn fill(&self, buffer: &mut [u8]) {
                buffer.fill(0xab);
            }
        }
        Ids::of(&http::Request::new(()), &Still, &Still)
    }

    #[tokio::test]
    async fn is_written_as_rfc_9457_says() {
        let faults = vec![Fault::new("/email", "is required"), Fault::new("/name", "is required")];
        let (status, headers, body) = body(Problem::invalid(faults)).await;
        assert_eq!(status, 400);
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        let detail = "/email: is required (and 1 more; see errors)";
        assert_eq!(
            body,
            json!({
                "type": "/docs/errors/validation-failed",
                "title": "A value cannot be taken",
                "status": 400,
                "detail": detail,
                "errors": [
                    {"pointer": "/email", "message": "is required"},
                    {"pointer": "/name", "message": "is required"},
                ],
                "requestId": "ab".repeat(16),
                "traceId": format!("1-6553f100-{}", "ab".repeat(12)),
                "message": detail,
            })
        );
    }

    #[tokio::test]
    async fn what_failed_inside_is_not_told() {
        let (status, _, body) = body(Problem::from(boot::secrets::SecretError::Malformed)).await;
        assert_eq!(status, 503);
        assert!(!body.to_string().contains("current"), "{body}");
    }

    #[tokio::test]
    async fn a_busy_service_says_when_to_come_back() {
        let (status, headers, body) = body(Problem::unavailable()).await;
        assert_eq!((status.as_u16(), headers[RETRY_AFTER].to_str().unwrap()), (503, "1"));
        assert!(body.get("errors").is_none());
    }
}

//! What goes around every function's routes.
//!
//! The same under API Gateway, in both payload versions, and under a server of our own: a path may begin with
//! the stage and with `/api`, and end with a slash; every failure is a problem document that names the
//! request; every answer says that it is not to be kept or guessed at.

use std::any::Any;
use std::borrow::Cow;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use boot::clock::{OsEntropy, SystemClock};
use domain::api_key::KeyText;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Uri};
use lambda_http::request::RequestContext;
use tower::Layer;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use crate::code::Code;
use crate::cors::CorsPolicy;
use crate::problem::Problem;
use crate::trace::Ids;

/// The longest part of a path that is logged as it came; an id is shorter, and a secret is not.
const LONGEST_PART: usize = 40;

/// The header that names the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts around these routes what every function needs. Call it once, last, with all routes in place.
pub fn finish(routes: Router, cors: CorsPolicy) -> Router {
    // The path is changed before the routes see it, so this cannot be a layer of theirs.
    let around = from_fn(answer).layer(inside(routes, cors));
    Router::new().fallback_service(around)
}

/// The same for a server that does not answer everybody: what `admit` refuses reaches no route, also none that is
/// not there, and not the answers of CORS.
pub fn finish_behind<F>(routes: Router, cors: CorsPolicy, admit: F) -> Router
where
    F: Fn(&Parts) -> Result<(), Problem> + Clone + Send + Sync + 'static,
{
    let gate = from_fn(move |request: Request, next: Next| {
        let (parts, body) = request.into_parts();
        let admitted = admit(&parts);
        async move {
            match admitted {
                Ok(()) => next.run(Request::from_parts(parts, body)).await,
                Err(refusal) => refusal.into_response(),
            }
        }
    });
    let around = from_fn(answer).layer(gate.layer(inside(routes, cors)));
    Router::new().fallback_service(around)
}

fn inside(routes: Router, cors: CorsPolicy) -> Router {
    let routes = routes
        .fallback(|| async { Problem::new(Code::NotFound, "there is nothing at this path") })
        .method_not_allowed_fallback(method_not_allowed)
        .layer(CatchPanicLayer::custom(panicked));
    cors.around(routes)
}

async fn answer(mut request: Request, next: Next) -> Response {
    let ids = Ids::of(&request, &SystemClock, &OsEntropy);
    if let Some(uri) = route_uri(&request) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(ids.clone());
    // At the highest level, or the lines of a log that tells of errors alone would have no ids.
    let span = tracing::error_span!(
        "request",
        requestId = ids.request(),
        traceId = ids.trace(),
        method = %request.method(),
        path = %loggable(request.uri().path()),
        job = tracing::field::Empty,
    );
    let start = tokio::time::Instant::now();
    async move {
        let response = next.run(request).await;
        let response = complete(response, &ids);
        let status = response.status().as_u16();
        let millis = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        // The log of API Gateway has a line of every request; ours tells of those that went wrong.
        if response.status().is_success() {
            tracing::debug!(status, millis, "answered");
        } else {
            tracing::info!(status, millis, "answered");
        }
        meter::emf::flush(true);
        response
    }
    .instrument(span)
    .await
}

/// Adds what the outermost layer alone knows, and what every answer says to a browser (OWASP, REST Security Cheat
/// Sheet): keep nothing, guess nothing, show it in no frame, tell nobody the path.
fn complete(mut response: Response, ids: &Ids) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        // Headers that inner layers added, such as Allow and those of CORS, stay.
        let (_, body) = problem.respond(Some(ids)).into_parts();
        *response.body_mut() = body;
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(ids.request()) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // A page has a policy of its own; what is no page shows nothing and runs nothing.
    let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    let policy =
        if is_page { "frame-ancestors 'none'" } else { "default-src 'none'; frame-ancestors 'none'" };
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(policy));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn method_not_allowed(method: Method) -> Problem {
    let detail = format!("{method} is not among the methods of this path; see the Allow header");
    Problem::new(Code::MethodNotAllowed, detail)
}

fn panicked(cause: Box<dyn Any + Send + 'static>) -> Response {
    let text = cause
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    Problem::internal().respond(None)
}

/// The path as the log may have it: without what could be a secret that was put there by mistake, such as the
/// text of a key in the place of its id, whole or in part, also spelt with escapes.
fn loggable(path: &str) -> Cow<'_, str> {
    let harmless =
        |part: &str| part.len() <= LONGEST_PART && !part.contains('%') && !part.contains(KeyText::MARK);
    if path.split('/').all(harmless) {
        return Cow::Borrowed(path);
    }
    let parts: Vec<_> = path.split('/').map(|part| if harmless(part) { part } else { "***" }).collect();
    Cow::Owned(parts.join("/"))
}

/// The URI that the routes know; `None` if it is the one that came.
fn route_uri(request: &Request) -> Option<Uri> {
    let stage = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV1(context)) => context.stage.as_deref(),
        Some(RequestContext::ApiGatewayV2(context)) => context.stage.as_deref(),
        _ => None,
    };
    let uri = request.uri();
    let path = route_path(uri.path(), stage.filter(|stage| *stage != "$default"));
    if path == uri.path() {
        return None;
    }
    let text = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(text).ok()?);
    Uri::from_parts(parts).ok()
}

fn route_path<'a>(path: &'a str, stage: Option<&str>) -> &'a str {
    let path = stage.map_or(path, |stage| without(path, stage));
    let path = without(path, "api");
    let path = path.strip_suffix('/').unwrap_or(path);
    if path.is_empty() { "/" } else { path }
}

/// The path without this first segment, if that is what it begins with.
fn without<'a>(path: &'a str, segment: &str) -> &'a str {
    match path.strip_prefix('/').and_then(|rest| rest.strip_prefix(segment)) {
        Some(rest) if rest.is_empty() || rest.starts_with('/') => rest,
        _ => path,
    }
}

#[cfg(test)]
mod tests;

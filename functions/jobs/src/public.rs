//! What anybody may read: that the function is there, and how the API is used.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use edge::{Answer, Code, Problem};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::docs::Page;

/// The description of the whole API, as `cargo xtask openapi` writes it.
pub(crate) const OPENAPI: &str = include_str!("../../../openapi.json");

const FOR_A_WHILE: HeaderValue = HeaderValue::from_static("public, max-age=300");

static PAGE: LazyLock<Page> = LazyLock::new(|| Page::of(OPENAPI));

/// That the function is there.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Whether the API answers. It looks at nothing behind it.
#[utoipa::path(get, path = "/health", tag = "about",
    responses((status = 200, body = Health, description = "It does")))]
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// This description, as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "about",
    responses((status = 200, body = serde_json::Value, description = "The document")))]
pub(crate) async fn openapi() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(CONTENT_TYPE, json), (CACHE_CONTROL, FOR_A_WHILE)], OPENAPI).into_response()
}

/// This description, as a page to read.
#[utoipa::path(get, path = "/docs", tag = "about",
    responses((status = 200, body = String, content_type = "text/html", description = "The page")))]
pub(crate) async fn docs() -> Response {
    let policy = HeaderValue::try_from(PAGE.policy.as_str());
    let policy = policy.unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let headers = [(CONTENT_SECURITY_POLICY, policy), (CACHE_CONTROL, FOR_A_WHILE)];
    (headers, Html(PAGE.html.as_str())).into_response()
}

/// Where the `type` of a problem leads: to its place on that page.
pub(crate) async fn error(Path(slug): Path<String>) -> Answer<Response> {
    let known = Code::ALL.into_iter().find(|code| code.slug() == slug);
    let code = known.ok_or_else(|| Problem::new(Code::NotFound, "there is no such kind of problem"))?;
    // Relative, for the path may begin with a stage or with /api.
    let place = HeaderValue::try_from(format!("../../docs#error-{}", code.slug()));
    let place = place.map_err(|_| Problem::internal())?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, place)]).into_response())
}

//! The engines alone, over HTTP: for functions in processes of their own, which are pointed here by
//! `AWS_ENDPOINT_URL`.

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use engine::{Connector, Engine};
use http::StatusCode;
use http_body_util::BodyExt;

/// One route for every call of every service: the headers tell which.
pub fn routes(engine: &Engine) -> Router {
    Router::new().fallback(call).with_state(engine.connector())
}

async fn call(State(connector): State<Connector>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let request = http::Request::from_parts(parts, SdkBody::from(body.to_bytes()));
    let Ok(request) = request.try_into() else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(answer) = connector.call(request).await else { return StatusCode::BAD_GATEWAY.into_response() };
    match answer.try_into_http1x() {
        Ok(answer) => answer.map(|body| Body::from(body.bytes().unwrap_or_default().to_vec())),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

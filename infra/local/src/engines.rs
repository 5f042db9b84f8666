//! The engines alone, over HTTP: for functions in processes of their own, which are pointed here by
//! `AWS_ENDPOINT_URL`.
//!
//! They ask for no credentials, so they answer only where they are called by a name of this machine
//! (`crate::hosts`).

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_types::body::SdkBody;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use engine::{Connector, Engine};
use http::StatusCode;
use http_body_util::BodyExt;

use crate::hosts::names_this_machine;

/// One route for every call of every service: the headers tell which.
pub fn routes(engine: &Engine) -> Router {
    Router::new().fallback(call).with_state(engine.connector())
}

async fn call(State(connector): State<Connector>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !names_this_machine(&parts.uri, &parts.headers) {
        return (StatusCode::FORBIDDEN, "the engines answer only at localhost, 127.0.0.1 or [::1]")
            .into_response();
    }
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let request = http::Request::from_parts(parts, SdkBody::from(body.to_bytes()));
    let Ok(request) = request.try_into() else { return StatusCode::BAD_REQUEST.into_response() };
    let Ok(answer) = connector.call(request).await else { return StatusCode::BAD_GATEWAY.into_response() };
    match answer.try_into_http1x() {
        Ok(answer) => answer.map(|body| Body::from(body.bytes().unwrap_or_default().to_vec())),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boot::clock::SystemClock;
    use http::header::HOST;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn a_page_from_elsewhere_reaches_no_engine() {
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) }).unwrap();
        engine.set_secret_if_absent("jwt", "the secret text").await.unwrap();
        let asked = async |host: &str| {
            let request = Request::post("/")
                .header(HOST, host)
                .header("x-amz-target", "secretsmanager.GetSecretValue")
                .header("content-type", "application/x-amz-json-1.1")
                .header(
                    "authorization",
                    "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/secretsmanager/aws4_request",
                );
            let request = request.body(Body::from(r#"{"SecretId":"jwt"}"#)).unwrap();
            let answer = routes(&engine).oneshot(request).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8_lossy(&body).into_owned())
        };
        let (status, told) = asked("127.0.0.1:4566").await;
        assert!(status == 200 && told.contains("the secret text"), "{status} {told}");
        let (status, told) = asked("evil.example:4566").await;
        assert!(status == 403 && !told.contains("the secret text"), "{status} {told}");
    }
}

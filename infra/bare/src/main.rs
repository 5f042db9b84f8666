//! The least that a function behind API Gateway is if it is written as the examples of its libraries are, with what ours
//! are made of: `lambda_http`, axum, one client of the SDK, and a token that is verified. It reads no configuration,
//! writes no log and knows none of our rooms.
//!
//! `cargo xtask bench cold` measures the cold starts of the real functions beside it.

use std::sync::OnceLock;

use aws_config::BehaviorVersion;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient, http_client_fn};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use lambda_http::Error;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Error> {
    // The SDK's own way parses the certificate store here, which would make it no yardstick for those that do not.
    let made = OnceLock::<SharedHttpClient>::new();
    let http = http_client_fn(move |settings, components| {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        let client =
            made.get_or_init(|| aws_smithy_http_client::Builder::new().tls_provider(tls).build_https());
        client.http_connector(settings, components)
    });
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new())
        .http_client(http)
        .load()
        .await;
    let routes = Router::new().route("/profile", get(profile)).with_state(Client::new(&config));
    lambda_http::run(routes).await
}

/// Verifies a token and reads the user's record.
async fn profile(State(table): State<Client>, headers: HeaderMap) -> Result<Json<Value>, StatusCode> {
    let user = user(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
    let found = table
        .get_item()
        .table_name("nightjar")
        .key("pk", AttributeValue::S(format!("USER#{user}")))
        .key("sk", AttributeValue::S("PROFILE".to_owned()))
        .send()
        .await
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    let name = found.item.and_then(|mut item| item.remove("name")).ok_or(StatusCode::NOT_FOUND)?;
    let name = name.as_s().map_err(|_| StatusCode::BAD_GATEWAY)?;
    Ok(Json(json!({ "id": user, "name": name })))
}

/// Whom the token stands for. It is signed with no real secret: there is nothing here to protect.
fn user(headers: &HeaderMap) -> Option<String> {
    let token = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    let rules = Validation::new(Algorithm::HS256);
    let token = decode::<Value>(token, &DecodingKey::from_secret(b"bare"), &rules).ok()?;
    token.claims["sub"].as_str().map(str::to_owned)
}

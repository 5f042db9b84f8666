//! The function as a client meets it: through its router, on the embedded engine.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod admins;
mod description;
mod farewell;
mod hostile;
mod keys;
mod limits;
mod profile;
mod sessions;

use std::time::Duration;

use aws_sdk_secretsmanager::config::retry::RetryConfig;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use boot::Vars;
use boot::clients::Clients;
use edge::CorsPolicy;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testkit::Bed;
use tower::ServiceExt;

const PASSWORD: &str = "correct horse battery";

/// The function on a bed of its own.
struct Stage {
    bed: Bed,
    router: Router,
}

/// An answer, read to its end.
#[derive(Debug)]
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Stage {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(variables: &[(&str, &str)]) -> Self {
        let bed = Bed::new().await;
        let secrets = bed.auth_secrets();
        Self::on(bed, secrets, variables)
    }

    fn on(bed: Bed, secrets: std::sync::Arc<boot::SecretCache>, variables: &[(&str, &str)]) -> Self {
        let own = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut vars = Vars::new(bed.vars().into_iter().chain(own));
        let config = auth::Config::read(&mut vars);
        vars.finish().unwrap();
        // The SDK repeats what failed as ever, only sooner.
        let repeats = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let sdk = bed.clients().config().to_builder().retry_config(repeats).build();
        let clients = Clients::from_config(&sdk);
        let routes = auth::routes(auth::App::new(&clients, secrets, config, bed.ambient.clone()));
        let cors = CorsPolicy::of(["http://localhost:3000"]).unwrap();
        Self { router: edge::router::finish(routes, cors), bed }
    }

    async fn send(&self, request: Request<Body>) -> Got {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let got = Got { status: parts.status, headers: parts.headers, body };
        if got.status.is_client_error() || got.status.is_server_error() {
            got.assert_is_a_problem();
        }
        got
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Got {
        self.post_from([198, 51, 100, 1], path, body).await
    }

    async fn post_from(&self, ip: [u8; 4], path: &str, body: impl Into<Body>) -> Got {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("content-type", "application/json")
            .extension(ConnectInfo(std::net::SocketAddr::from((ip, 40_000))));
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn with_token(&self, method: &str, path: &str, token: &str) -> Got {
        let request =
            Request::builder().method(method).uri(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a body with a token or a key; `Null` is no body.
    async fn ask(&self, method: &str, path: &str, credential: &str, body: Value) -> Got {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {credential}"));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    async fn register(&self, name: &str, email: &str) -> Got {
        self.post("/register", registration(name, email)).await
    }

    async fn login(&self, email: &str, password: &str) -> Got {
        self.post("/login", json!({"email": email, "password": password}).to_string()).await
    }

    /// Registers and logs in.
    async fn token(&self) -> String {
        assert_eq!(self.register("Ada", "ada@example.com").await.status, 201);
        let got = self.login("ada@example.com", PASSWORD).await;
        got.body["token"].as_str().unwrap().to_owned()
    }
}

impl Got {
    #[track_caller]
    fn assert_is_a_problem(&self) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.body["status"], self.status.as_u16(), "{self:?}");
        assert_eq!(self.body["detail"], self.body["message"], "{self:?}");
        assert_eq!(self.body["requestId"], self.headers["x-request-id"].to_str().unwrap(), "{self:?}");
        assert!(self.body["type"].as_str().unwrap().starts_with("/docs/errors/"), "{self:?}");
        assert!(!self.body.to_string().contains(PASSWORD), "{self:?}");
    }

    /// The problem's kind.
    fn kind(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().trim_start_matches("/docs/errors/")
    }

    /// The status and the first place that is at fault.
    fn fault(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["errors"][0]["pointer"].as_str().unwrap_or_default())
    }

    fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

fn registration(name: &str, email: &str) -> String {
    json!({"name": name, "email": email, "password": PASSWORD}).to_string()
}

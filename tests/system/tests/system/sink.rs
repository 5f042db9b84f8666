//! A receiver of webhooks, and how it believes them.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::response::IntoResponse;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use sha2::Sha256;
use tokio::net::TcpListener;

/// What came once.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What it was answered with.
    pub(crate) answer: StatusCode,
}

impl Arrival {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// Whether both signatures are right, by other code than that which made them. The time is not looked at:
    /// under a fast clock it is another than the verifier's.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let (id, time) = (self.header("webhook-id"), self.header("webhook-timestamp").parse().unwrap());
        let standard = standardwebhooks::Webhook::new(secret).unwrap().sign(id, time, &self.body).unwrap();
        self.header("webhook-signature").split(' ').any(|one| one == standard)
            && self.header("x-signature") == hex_signature(secret, &self.body)
    }
}

/// The hexadecimal HMAC of the body under the secret's text, as `X-Signature` carries it.
pub(crate) fn hex_signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}

type Judge = Box<dyn FnMut(&Arrival) -> StatusCode + Send>;

/// A receiver at a port of its own.
pub(crate) struct Sink {
    pub(crate) base: String,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
}

impl Sink {
    /// A receiver that answers as `judge` says.
    pub(crate) async fn new(judge: impl FnMut(&Arrival) -> StatusCode + Send + 'static) -> Self {
        Self::slow(Duration::ZERO, judge).await
    }

    /// One that takes so long to answer, and then says what servers commonly say.
    pub(crate) async fn slow(
        takes: Duration,
        judge: impl FnMut(&Arrival) -> StatusCode + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let arrivals = Arc::new(Mutex::new(Vec::new()));
        let judge: Arc<Mutex<Judge>> = Arc::new(Mutex::new(Box::new(judge)));
        let kept = Arc::clone(&arrivals);
        let routes = Router::new().fallback(move |request: Request<Body>| {
            let (kept, judge) = (Arc::clone(&kept), Arc::clone(&judge));
            async move {
                let (parts, body) = request.into_parts();
                let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
                if !takes.is_zero() {
                    tokio::time::sleep(takes).await;
                }
                let path = parts.uri.path().to_owned();
                let mut arrival = Arrival { path, headers: parts.headers, body, answer: StatusCode::OK };
                arrival.answer = judge.lock().unwrap()(&arrival);
                let answer = arrival.answer;
                kept.lock().unwrap().push(arrival);
                if takes.is_zero() {
                    return answer.into_response();
                }
                let headers = [("content-type", "application/json"), ("server", "nginx")];
                (answer, headers, r#"{"ok":true}"#).into_response()
            }
        });
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { base, arrivals }
    }

    /// What has come so far.
    pub(crate) fn arrivals(&self) -> MutexGuard<'_, Vec<Arrival>> {
        self.arrivals.lock().unwrap()
    }
}

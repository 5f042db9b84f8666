//! A receiver that checks what it gets.

use std::collections::HashMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use boot::clock::SystemClock;
use bytes::Bytes;
use domain::signature;
use domain::time::Clock;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::sync::oneshot;

/// Tells whoever waits for a number that a webhook with it has come, rightly signed.
#[derive(Clone)]
pub(crate) struct Sink {
    waiting: Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>,
    secret: Arc<[String; 1]>,
}

impl Sink {
    /// Starts a receiver that believes this secret; says where.
    pub(crate) async fn start(secret: String) -> Result<(Self, SocketAddr), Box<dyn Error + Send + Sync>> {
        let sink = Self { waiting: Arc::default(), secret: Arc::new([secret]) };
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let address = listener.local_addr()?;
        let routes = Router::new().route("/", post(receive)).with_state(sink.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok((sink, address))
    }

    /// To be told when the webhook of that number has come.
    pub(crate) fn expect(&self, number: u64) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        self.waiting().insert(number, tell);
        told
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, HashMap<u64, oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

async fn receive(State(sink): State<Sink>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let fits = signature::verify_standard(
        &sink.secret[..],
        text("webhook-id"),
        text("webhook-timestamp"),
        text("webhook-signature"),
        &body,
        SystemClock.now(),
    );
    if !fits {
        return StatusCode::UNAUTHORIZED;
    }
    let number =
        serde_json::from_slice(&body).ok().and_then(|body: Value| body["payload"]["number"].as_u64());
    if let Some(tell) = number.and_then(|number| sink.waiting().remove(&number)) {
        let _ = tell.send(());
    }
    StatusCode::NO_CONTENT
}

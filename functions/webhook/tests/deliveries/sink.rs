//! A receiver of webhooks that answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// A request as it arrived.
pub(crate) struct Arrived {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Arrived {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Whether the official library believes it, under this secret.
    pub(crate) fn verified_by(&self, secret: &str) -> bool {
        // The library's own `verify` looks at the machine's clock, and the tests have another.
        let timestamp = self.header("webhook-timestamp").parse().unwrap();
        let webhook = standardwebhooks::Webhook::new(secret).unwrap();
        let expected = webhook.sign(self.header("webhook-id"), timestamp, &self.body).unwrap();
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// An answer to come.
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    meet: Option<Arc<Barrier>>,
    late: Duration,
}

pub(crate) fn answer(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: Bytes::new(), meet: None, late: Duration::ZERO }
}

impl Answer {
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Only after so long.
    pub(crate) fn late(self, late: Duration) -> Self {
        Self { late, ..self }
    }

    /// Only when as many requests as the barrier is wide have arrived.
    pub(crate) fn meeting(self, barrier: &Arc<Barrier>) -> Self {
        Self { meet: Some(Arc::clone(barrier)), ..self }
    }
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    answers: Mutex<VecDeque<Answer>>,
}

pub(crate) struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Dropping it ends the server.
    _serving: JoinSet<()>,
}

impl Sink {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let (address, shared) = (listener.local_addr().unwrap(), Arc::new(Shared::default()));
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, _serving: serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook?token=t0ken", self.address)
    }

    /// The answers to the next requests; what comes after them is answered with 200.
    pub(crate) fn will(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.answers.lock().unwrap().extend(answers);
    }

    pub(crate) fn arrivals(&self) -> usize {
        self.shared.arrived.lock().unwrap().len()
    }

    /// What has arrived since this was last asked.
    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.shared.arrived.lock().unwrap())
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    shared.arrived.lock().unwrap().push(Arrived { headers, body });
    let answer = shared.answers.lock().unwrap().pop_front().unwrap_or_else(|| answer(200).body("ok"));
    if let Some(barrier) = &answer.meet {
        barrier.wait().await;
    }
    tokio::time::sleep(answer.late).await;
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(answer.body)).unwrap()
}

//! A receiver of webhooks on this machine, that answers as it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
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

struct Shared {
    arrived: Mutex<Vec<Arrived>>,
    status: StatusCode,
    body: String,
}

pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    // Dropping it ends the server.
    _serving: JoinSet<()>,
}

impl Receiver {
    pub(crate) async fn answering(status: u16, body: &str) -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            arrived: Mutex::default(),
            status: StatusCode::from_u16(status).unwrap(),
            body: body.to_owned(),
        });
        let router = Router::new().fallback(take).with_state(Arc::clone(&shared));
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, _serving: serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// What has arrived since this was last asked.
    pub(crate) fn take(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.shared.arrived.lock().unwrap())
    }
}

async fn take(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    shared.arrived.lock().unwrap().push(Arrived { headers, body });
    (shared.status, [("x-request-id", "theirs")], shared.body.clone()).into_response()
}

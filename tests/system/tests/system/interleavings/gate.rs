//! A call that is held up until a test lets it go: whatever else happens, happens in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::{Notify, Semaphore};

use crate::world::{Hands, World};

/// Holds one call of an operation up. Clones share the state.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    inner: SharedHttpConnector,
    operation: &'static str,
    /// The number of the call, from 0.
    nth: usize,
    met: Arc<AtomicUsize>,
    reached: Arc<Notify>,
    open: Arc<Semaphore>,
}

impl World {
    /// Another process, of which the nth call of that operation is held up.
    pub(crate) fn held_up(&self, operation: &'static str, nth: usize) -> (Hands, Gate) {
        let gate = Gate::new(self.bed.engine.connector(), operation, nth);
        (self.process(gate.clone()), gate)
    }
}

impl Gate {
    pub(crate) fn new(inner: impl HttpConnector + 'static, operation: &'static str, nth: usize) -> Self {
        Self {
            inner: SharedHttpConnector::new(inner),
            operation,
            nth,
            met: Arc::default(),
            reached: Arc::default(),
            open: Arc::new(Semaphore::new(0)),
        }
    }

    /// Waits until the call is about to be made.
    pub(crate) async fn reached(&self) {
        let reached = tokio::time::timeout(Duration::from_secs(30), self.reached.notified());
        reached.await.unwrap_or_else(|_| panic!("{} number {} was never called", self.operation, self.nth));
    }

    /// Lets the call go.
    pub(crate) fn open(&self) {
        self.open.add_permits(1);
    }
}

impl HttpConnector for Gate {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let named = target.ends_with(&format!(".{}", self.operation));
        let held = named && self.met.fetch_add(1, Ordering::SeqCst) == self.nth;
        if !held {
            return self.inner.call(request);
        }
        let gate = self.clone();
        HttpConnectorFuture::new(async move {
            gate.reached.notify_one();
            if let Ok(permit) = gate.open.acquire().await {
                permit.forget();
            }
            gate.inner.call(request).await
        })
    }
}

impl HttpClient for Gate {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

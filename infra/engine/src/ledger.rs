//! Who asks AWS for what: each kind of call that a function makes, written down once.
//!
//! What an IAM policy could tell apart makes a kind: the action, the resource, and of a partition's key the part that
//! says what kind of record lies there.

mod asked;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde_json::Value;

pub use asked::{Asked, asked};

/// A file with a line of JSON for each kind of call. Clones share it.
#[derive(Clone)]
pub struct Ledger(Arc<Mutex<Lines>>);

struct Lines {
    file: File,
    known: BTreeSet<(&'static str, Asked)>,
}

impl Ledger {
    /// A ledger in that folder, in a file of this process.
    pub fn open(folder: &Path) -> io::Result<Self> {
        create_dir_all(folder)?;
        let name = folder.join(format!("{}.jsonl", std::process::id()));
        let file = OpenOptions::new().create(true).append(true).open(name)?;
        Ok(Self(Arc::new(Mutex::new(Lines { file, known: BTreeSet::new() }))))
    }

    /// The way of that function: a client that notes each call before it goes on through `inner`.
    pub fn noting(&self, function: &'static str, inner: impl HttpClient + 'static) -> SharedHttpClient {
        let inner = SharedHttpClient::new(inner);
        SharedHttpClient::new(Noting { inner, function, ledger: self.clone() })
    }

    fn note(&self, function: &'static str, request: &HttpRequest) -> io::Result<()> {
        let body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for asked in asked(target, request.uri(), &body) {
            if lines.known.insert((function, asked.clone())) {
                let line = serde_json::json!({ "function": function, "asked": asked });
                lines.file.write_all(format!("{line}\n").as_bytes())?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ledger(..)")
    }
}

/// A client, or one of its connectors, that notes what goes through it.
#[derive(Clone, Debug)]
struct Noting<T> {
    inner: T,
    function: &'static str,
    ledger: Ledger,
}

impl HttpClient for Noting<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Noting { inner, function: self.function, ledger: self.ledger.clone() })
    }
}

impl HttpConnector for Noting<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Err(error) = self.ledger.note(self.function, &request) {
            tracing::error!(%error, "a call could not be noted");
        }
        self.inner.call(request)
    }
}

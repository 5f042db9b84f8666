//! What was written to the table, in the order of the writes.

use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use serde_json::{Map, Value};

use crate::Call;

/// A connector that keeps what was written, whether or not its writer ever learnt of it. Clones share it.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: SharedHttpConnector,
    entries: Arc<Mutex<Vec<Map<String, Value>>>>,
    /// Every write as it was asked for.
    writes: Arc<Mutex<Vec<HttpRequest>>>,
}

impl Journal {
    /// A journal of what goes through this connector.
    pub fn new(inner: impl HttpConnector + 'static) -> Self {
        Self { inner: SharedHttpConnector::new(inner), entries: Arc::default(), writes: Arc::default() }
    }

    /// The first of the writes that took effect and were not taken yet, at most so many.
    pub fn take_writes(&self, most: usize) -> Vec<HttpRequest> {
        let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = most.min(writes.len());
        writes.drain(..taken).collect()
    }

    /// How many writes wait to be taken.
    pub fn untaken(&self) -> usize {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// The items of jobs as they were written, in DynamoDB's JSON.
    pub fn entries(&self) -> Vec<Map<String, Value>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl HttpConnector for Journal {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let jobs = jobs(&call);
        let write = if call.writes() { request.try_clone() } else { None };
        if jobs.is_empty() && write.is_none() {
            return self.inner.call(request);
        }
        let journal = self.clone();
        HttpConnectorFuture::new(async move {
            let answer = journal.inner.call(request).await?;
            if answer.status().is_success() {
                journal.entries.lock().unwrap_or_else(PoisonError::into_inner).extend(jobs);
                journal.writes.lock().unwrap_or_else(PoisonError::into_inner).extend(write);
            }
            Ok(answer)
        })
    }
}

impl HttpClient for Journal {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The jobs that a call would write whole. A row that only moves within the index of what is due is no new version.
fn jobs(call: &Call) -> Vec<Map<String, Value>> {
    if !matches!(call.name(), "PutItem" | "TransactWriteItems") {
        return Vec::new();
    }
    let Ok(mut body) = serde_json::from_str::<Value>(&call.body) else { return Vec::new() };
    let puts = match call.name() {
        "PutItem" => vec![body["Item"].take()],
        _ => {
            let parts = body["TransactItems"].as_array_mut().map(std::mem::take).unwrap_or_default();
            parts.into_iter().map(|mut part| part["Put"]["Item"].take()).collect()
        }
    };
    let items = puts.into_iter().filter_map(|put| match put {
        Value::Object(item) => Some(item),
        _ => None,
    });
    items.filter(|item| item["sk"]["S"] == "JOB").collect()
}

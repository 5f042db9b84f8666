//! What happens on the way of one request: somebody else acts before it, or a part of a batch is refused.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use futures::future::BoxFuture;
use serde_json::{Value, json};
use testkit::Bed;

/// A connection on which this happens to the first batch that is sent.
#[derive(Clone)]
pub(crate) struct Between {
    inner: SharedHttpConnector,
    what: Arc<Mutex<Option<What>>>,
}

enum What {
    /// This, before the batch arrives.
    Act(BoxFuture<'static, ()>),
    /// The service does not take these entries.
    Refuse(Vec<usize>),
}

impl Between {
    pub(crate) fn act(bed: &Bed, act: impl Future<Output = ()> + Send + 'static) -> SharedHttpClient {
        Self::connect(bed, What::Act(Box::pin(act)))
    }

    pub(crate) fn refuse(bed: &Bed, entries: &[usize]) -> SharedHttpClient {
        Self::connect(bed, What::Refuse(entries.to_vec()))
    }

    fn connect(bed: &Bed, what: What) -> SharedHttpClient {
        let inner = SharedHttpConnector::new(bed.faults.clone());
        SharedHttpClient::new(Self { inner, what: Arc::new(Mutex::new(Some(what))) })
    }
}

impl HttpConnector for Between {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_batch =
            request.headers().get("x-amz-target").is_some_and(|target| target.ends_with(".SendMessageBatch"));
        let what = if is_batch { self.what.lock().unwrap().take() } else { None };
        let inner = self.inner.clone();
        match what {
            None => inner.call(request),
            Some(What::Act(act)) => HttpConnectorFuture::new(async move {
                act.await;
                inner.call(request).await
            }),
            Some(What::Refuse(entries)) => HttpConnectorFuture::new(async move {
                let (request, refused) = without(request, &entries);
                let mut response = inner.call(request).await?;
                let answer = response.body().bytes().expect("an answer in memory");
                let mut answer: Value = serde_json::from_slice(answer).unwrap();
                answer["Failed"] = refused;
                let mut told = HttpResponse::new(response.status(), SdkBody::from(answer.to_string()));
                std::mem::swap(told.headers_mut(), response.headers_mut());
                told.headers_mut().remove("content-length");
                Ok(told)
            }),
        }
    }
}

impl HttpClient for Between {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl std::fmt::Debug for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Between(..)")
    }
}

/// The request without these entries, and what the service says of them.
fn without(mut request: HttpRequest, entries: &[usize]) -> (HttpRequest, Value) {
    let mut body: Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
    let mut refused = Vec::new();
    let all = std::mem::take(body["Entries"].as_array_mut().unwrap());
    for (n, entry) in all.into_iter().enumerate() {
        if entries.contains(&n) {
            refused.push(json!({"Id": entry["Id"], "Code": "InternalError", "SenderFault": false}));
        } else {
            body["Entries"].as_array_mut().unwrap().push(entry);
        }
    }
    *request.body_mut() = SdkBody::from(body.to_string());
    request.headers_mut().remove("content-length");
    (request, Value::Array(refused))
}

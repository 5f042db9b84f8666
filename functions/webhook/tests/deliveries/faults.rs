//! AWS calls that fail before or after they have taken effect.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::StatusCode;
use tokio::sync::watch;

/// When a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    /// It never arrives.
    Before,
    /// It is told that its condition failed.
    Refused,
    /// It takes effect, but its answer is lost.
    After,
    /// It takes effect, and its answer is lost only once two more calls of the operation were answered.
    Overtaken,
}

/// The engine's connector with faults in front of it, and a list of the calls.
#[derive(Clone, Debug)]
pub(crate) struct Faults {
    engine: engine::Connector,
    shared: Arc<Mutex<Shared>>,
    answered: watch::Sender<HashMap<String, usize>>,
}

#[derive(Debug, Default)]
struct Shared {
    calls: Vec<String>,
    faults: Vec<(String, Fails)>,
}

impl Faults {
    pub(crate) fn new(engine: engine::Connector) -> Self {
        Self { engine, shared: Arc::default(), answered: watch::Sender::default() }
    }

    /// The next call of that operation fails (the next that succeeds, unless it is to fail before it arrives);
    /// said twice, the next two do.
    pub(crate) fn next(&self, operation: &str, fails: Fails) {
        self.shared.lock().unwrap().faults.push((operation.to_owned(), fails));
    }

    /// Takes out the first fault of these kinds that waits for the operation.
    fn take(&self, operation: &str, kinds: &[Fails]) -> Option<Fails> {
        let faults = &mut self.shared.lock().unwrap().faults;
        let at = faults.iter().position(|(of, fails)| of == operation && kinds.contains(fails))?;
        Some(faults.remove(at).1)
    }

    /// The operations called since this was last asked, failed ones too.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().unwrap().calls)
    }
}

impl HttpConnector for Faults {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        self.shared.lock().unwrap().calls.push(operation.clone());
        let faults = self.clone();
        HttpConnectorFuture::new(async move {
            match faults.take(&operation, &[Fails::Before, Fails::Refused]) {
                None => {}
                Some(Fails::Refused) => return Ok(refused()),
                Some(_) => return Err(lost()),
            }
            let answer = faults.engine.call(request).await;
            let count = |all: &HashMap<String, usize>| all.get(&operation).copied().unwrap_or(0);
            let mine = count(&faults.answered.borrow()) + 1;
            faults.answered.send_modify(|all| *all.entry(operation.clone()).or_default() += 1);
            if !answer.as_ref().is_ok_and(|answer| answer.status().is_success()) {
                return answer;
            }
            match faults.take(&operation, &[Fails::After, Fails::Overtaken]) {
                None => return answer,
                Some(Fails::Overtaken) => {
                    let _ = faults.answered.subscribe().wait_for(|all| count(all) >= mine + 2).await;
                }
                Some(_) => {}
            }
            Err(lost())
        })
    }
}

impl HttpClient for Faults {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

fn lost() -> ConnectorError {
    ConnectorError::io("the connection broke".into())
}

fn refused() -> HttpResponse {
    let body =
        r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":""}"#;
    HttpResponse::new(StatusCode::BAD_REQUEST.into(), SdkBody::from(body))
}

//! Secrets Manager: winterbaume's, which lives in memory, with every change kept in our file first.

use std::sync::Arc;

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use bytes::Bytes;
use futures::FutureExt;
use http::{HeaderMap, HeaderValue};
use serde_json::json;
use tokio::sync::Mutex;
use winterbaume_core::{MockRequest, MockResponse, MockService, StatefulService, default_account_id};
use winterbaume_secretsmanager::{SecretsManagerService, SecretsmanagerStateView};

use crate::mail::{into_response, mock_request};
use crate::sqs::{Fault, Queues, wire::REGION};

/// The name its state is kept under.
const KEPT: &str = "secretsmanager";
const HOST: &str = "https://secretsmanager.us-east-1.amazonaws.com/";

pub(crate) struct Secrets {
    service: SecretsManagerService,
    queues: Arc<Queues>,
    /// Changes are made and kept one after the other, so that an older state never overwrites a newer.
    writing: Mutex<()>,
}

impl Secrets {
    /// Reads back what was kept.
    pub(crate) fn open(queues: Arc<Queues>) -> Result<Self, Fault> {
        let service = SecretsManagerService::new();
        if let Some(text) = queues.kept(KEPT)? {
            let view: SecretsmanagerStateView = serde_json::from_str(&text)?;
            // Nobody else has the service yet, so nothing in here waits.
            let restored = service.restore(default_account_id(), REGION, view).now_or_never();
            if !matches!(restored, Some(Ok(()))) {
                return Err(Fault::Unsupported("the secrets kept cannot be restored".to_owned()));
            }
        }
        Ok(Self { service, queues, writing: Mutex::default() })
    }

    pub(crate) async fn answer(&self, operation: &str, request: &HttpRequest) -> Result<HttpResponse, Fault> {
        Ok(into_response(self.carry_out(operation, mock_request(request)).await?))
    }

    /// Creates a secret; says false, and changes nothing, if there is one of that name.
    pub(crate) async fn set_if_absent(&self, name: &str, value: &str) -> Result<bool, Fault> {
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-target", HeaderValue::from_static("secretsmanager.CreateSecret"));
        let body = json!({ "Name": name, "SecretString": value }).to_string();
        let request =
            MockRequest { method: "POST".to_owned(), uri: HOST.to_owned(), headers, body: Bytes::from(body) };
        let response = self.carry_out("CreateSecret", request).await?;
        let body = String::from_utf8_lossy(&response.body);
        match response.status {
            200 => Ok(true),
            _ if body.contains("ResourceExistsException") => Ok(false),
            _ => Err(Fault::Unsupported(format!("the secret was refused: {body}"))),
        }
    }

    async fn carry_out(&self, operation: &str, request: MockRequest) -> Result<MockResponse, Fault> {
        if ["Get", "List", "Describe", "BatchGet"].iter().any(|reads| operation.starts_with(reads)) {
            return Ok(self.service.handle(request).await);
        }
        let _writing = self.writing.lock().await;
        let response = self.service.handle(request).await;
        if response.status / 100 == 2 {
            let view = self.service.snapshot(default_account_id(), REGION).await;
            self.queues.keep(KEPT, &serde_json::to_string(&view)?)?;
        }
        Ok(response)
    }
}

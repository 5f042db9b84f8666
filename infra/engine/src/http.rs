//! Where the SDK's requests arrive: a connector without a socket.

use std::fmt;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http::StatusCode;

use crate::dynamo::Dynamo;
use crate::folder::Folder;
use crate::mail::Mail;
use crate::secrets::Secrets;
use crate::sqs::{Fault, Queues, wire};

const TARGET: &str = "x-amz-target";
const QUERY_ERROR: &str = "x-amzn-query-error";

/// The services behind the connector.
pub(crate) struct Services {
    pub(crate) dynamo: Dynamo,
    pub(crate) queues: Arc<Queues>,
    pub(crate) secrets: Secrets,
    pub(crate) mail: Mail,
    /// Held, not used, and dropped last: the folder is free once the files are closed.
    pub(crate) _folder: Option<Folder>,
}

/// An SDK's HTTP client and connector in one, which answers in this process. Cheap to clone.
#[derive(Clone)]
pub struct Connector(pub(crate) Arc<Services>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let services = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            // A call over a wire always gives others their turn, and code that races must race here too.
            tokio::task::yield_now().await;
            Ok(services.answer(request).await)
        })
    }
}

impl HttpClient for Connector {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Services {
    async fn answer(&self, request: HttpRequest) -> HttpResponse {
        let body = request.body().bytes().unwrap_or_default();
        let target = request.headers().get(TARGET).and_then(|target| target.split_once('.'));
        match target {
            Some(("DynamoDB_20120810", operation)) => {
                let (status, body) = self.dynamo.answer(operation, body);
                respond(status, body)
            }
            Some(("AmazonSQS", operation)) => match wire::answer(&self.queues, operation, body).await {
                Ok(body) => respond(StatusCode::OK, body),
                Err(fault) => refuse(operation, &fault),
            },
            Some(("secretsmanager", operation)) => match self.secrets.answer(operation, &request).await {
                Ok(response) => response,
                Err(fault) => refuse(operation, &fault),
            },
            None if request.uri().contains("/v2/email/") => self.mail.answer(&request).await,
            _ => respond(
                StatusCode::NOT_IMPLEMENTED,
                r#"{"__type":"UnknownOperationException","message":"No such service in this engine"}"#,
            ),
        }
    }
}

/// A JSON answer.
pub(crate) fn respond(status: StatusCode, body: impl Into<SdkBody>) -> HttpResponse {
    let mut response = HttpResponse::new(status.into(), body.into());
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

fn refuse(operation: &str, fault: &Fault) -> HttpResponse {
    let (status, side) = if fault.is_ours() {
        tracing::error!(operation, error = fault as &dyn std::error::Error, "the engine failed");
        (StatusCode::INTERNAL_SERVER_ERROR, "Receiver")
    } else {
        (StatusCode::BAD_REQUEST, "Sender")
    };
    let body = serde_json::json!({ "__type": fault.shape(), "message": fault.to_string() });
    let mut response = respond(status, body.to_string());
    response.headers_mut().insert(QUERY_ERROR, format!("{};{side}", fault.code()));
    response
}

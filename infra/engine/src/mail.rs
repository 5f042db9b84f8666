//! SES: winterbaume's, which keeps what was sent in memory.

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use winterbaume_core::{MockRequest, MockResponse, MockService, default_account_id};
use winterbaume_sesv2::SesV2Service;

use crate::sqs::wire::REGION;

/// An e-mail that SES accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    /// The sender's address.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// The subject line.
    pub subject: String,
    /// The text.
    pub body: String,
    /// The id that the sender was told.
    pub message_id: String,
}

#[derive(Default)]
pub(crate) struct Mail(SesV2Service);

impl Mail {
    pub(crate) async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        into_response(self.0.handle(mock_request(request)).await)
    }

    pub(crate) async fn sent(&self) -> Vec<SentMail> {
        let state = self.0.shared_state().get(default_account_id(), REGION);
        let state = state.read().await;
        let mails = state.sent_emails.iter().map(|mail| SentMail {
            from: mail.from.clone(),
            to: mail.to.clone(),
            subject: mail.subject.clone(),
            body: mail.body.clone(),
            message_id: mail.message_id.clone(),
        });
        mails.collect()
    }
}

/// The request as winterbaume's services take it.
pub(crate) fn mock_request(request: &HttpRequest) -> MockRequest {
    let mut headers = HeaderMap::new();
    for (name, value) in request.headers() {
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value))
        {
            headers.insert(name, value);
        }
    }
    MockRequest {
        method: request.method().to_owned(),
        uri: request.uri().to_owned(),
        headers,
        body: request.body().bytes().map(Bytes::copy_from_slice).unwrap_or_default(),
    }
}

pub(crate) fn into_response(answer: MockResponse) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::new(status.into(), SdkBody::from(answer.body));
    for (name, value) in &answer.headers {
        if let Ok(value) = value.to_str() {
            response.headers_mut().insert(name.as_str().to_owned(), value.to_owned());
        }
    }
    response
}

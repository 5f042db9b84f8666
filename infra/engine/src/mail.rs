//! SES: winterbaume's, and an outbox in memory beside it that can be looked at.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use domain::time::{Clock, Moment};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::Value;
use winterbaume_core::{MockRequest, MockResponse, MockService, default_account_id};
use winterbaume_sesv2::SesV2Service;

use crate::sqs::wire::REGION;

/// How many e-mails are kept to be looked at; older ones make room.
const KEPT: usize = 1_000;

/// An e-mail that SES accepted. It is serialised as an API would show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SentMail {
    /// The id that the sender was told.
    pub message_id: String,
    /// When, by the engine's clock.
    pub at: Moment,
    /// The sender.
    pub from: String,
    /// The recipients' addresses.
    pub to: Vec<String>,
    /// Those who get a copy.
    pub cc: Vec<String>,
    /// Those who get a copy and are not named.
    pub bcc: Vec<String>,
    /// Where answers go.
    pub reply_to: Vec<String>,
    /// The subject line.
    pub subject: String,
    /// The plain text, if it has one.
    pub text: Option<String>,
    /// The HTML, if it has one.
    pub html: Option<String>,
}

pub(crate) struct Mail {
    service: SesV2Service,
    clock: Arc<dyn Clock>,
    sent: Mutex<VecDeque<SentMail>>,
}

impl Mail {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self { service: SesV2Service::default(), clock, sent: Mutex::default() }
    }

    pub(crate) async fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let answer = self.service.handle(mock_request(request)).await;
        let path = request.uri().split('?').next().unwrap_or_default();
        if answer.status == 200 && path.ends_with("/v2/email/outbound-emails") {
            self.note(request.body().bytes().unwrap_or_default(), &answer.body);
            // The service itself keeps every mail for ever, and not all of it.
            let state = self.service.shared_state().get(default_account_id(), REGION);
            state.write().await.sent_emails.clear();
        }
        into_response(answer)
    }

    /// The last of them, the oldest first.
    pub(crate) fn sent(&self) -> Vec<SentMail> {
        self.outbox().iter().cloned().collect()
    }

    fn note(&self, request: &[u8], answer: &[u8]) {
        let request: Value = serde_json::from_slice(request).unwrap_or_default();
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let text = |place: &str| request.pointer(place).and_then(Value::as_str).map(str::to_owned);
        let list = |place: &str| {
            let list = request.pointer(place).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let mail = SentMail {
            message_id: answer.get("MessageId").and_then(Value::as_str).unwrap_or_default().to_owned(),
            at: self.clock.now(),
            from: text("/FromEmailAddress").unwrap_or_default(),
            to: list("/Destination/ToAddresses"),
            cc: list("/Destination/CcAddresses"),
            bcc: list("/Destination/BccAddresses"),
            reply_to: list("/ReplyToAddresses"),
            subject: text("/Content/Simple/Subject/Data").unwrap_or_default(),
            text: text("/Content/Simple/Body/Text/Data"),
            html: text("/Content/Simple/Body/Html/Data"),
        };
        let mut outbox = self.outbox();
        if outbox.len() >= KEPT {
            outbox.pop_front();
        }
        outbox.push_back(mail);
    }

    fn outbox(&self) -> MutexGuard<'_, VecDeque<SentMail>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
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

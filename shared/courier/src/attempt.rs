//! The signed request, and what its answer means.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use domain::delivery::DeliveryAttempt;
use domain::health::SLOWEST;
use domain::id::WebhookId;
use domain::log::{MAX_ERROR_BYTES, cut};
use domain::signature;
use domain::time::{Clock, Moment};
use egress::{Failure, Request, Response, RetryAfter};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::headers::{HIDDEN, Header, of_answer};

/// How long the receiver may take.
const TIMEOUT: Duration = SLOWEST;
/// How much of its answer is kept.
const ANSWER_KEPT: usize = 4 * 1024;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Nightjar-Webhooks/", env!("CARGO_PKG_VERSION")));

/// The class of an answer that is no success.
const STATUS: &str = "status";
/// The class of a message that nothing can sign.
const SECRET: &str = "secret";
/// The class of a request that cannot be made.
const REQUEST: &str = "request";

/// What came of an attempt.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attempt, not yet numbered.
    pub attempt: DeliveryAttempt,
    /// What it means.
    pub verdict: Verdict,
}

/// What an attempt means for the delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver took it.
    Taken,
    /// It did not; it may have asked for a longer wait than the step's.
    Failed {
        /// Its wish.
        asked: Option<Duration>,
    },
    /// It never will: 410 Gone.
    Gone,
}

/// What is to be sent, and where.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    /// Where.
    pub url: &'a str,
    /// The `webhook-id`.
    pub id: WebhookId,
    /// The exact bytes.
    pub body: &'a str,
    /// What signs; the first also makes `X-Signature`.
    pub secrets: &'a [String],
    /// What is sent besides.
    pub headers: &'a [Header],
}

/// Sends it once, signed at this moment.
pub async fn send(egress: &egress::Client, parcel: Parcel<'_>, clock: &dyn Clock) -> Outcome {
    let sent_at = clock.now();
    let request = match request(parcel, sent_at) {
        Ok(request) => request,
        Err(reason) => return failed(REQUEST, &reason.to_string(), blank(sent_at, Duration::ZERO)),
    };
    let request_headers = shown(&request.headers, parcel.headers);
    let outcome = match egress.send(request).await {
        Ok(response) => answered(&response, sent_at, clock.now()),
        Err(failure) => unanswered(&failure, sent_at),
    };
    Outcome { attempt: DeliveryAttempt { request_headers, ..outcome.attempt }, ..outcome }
}

/// The message as it goes out at this moment.
fn request(parcel: Parcel<'_>, sent_at: Moment) -> Result<Request, Unsendable> {
    let url = Url::parse(parcel.url).map_err(|_| Unsendable("the URL cannot be read"))?;
    let (body, seconds) = (parcel.body.as_bytes(), sent_at.as_millis().div_euclid(1000));
    let id = parcel.id.to_string();
    let older = parcel.secrets.first().map(|secret| signature::hex_of_body(secret, body)).unwrap_or_default();
    let signed = [
        ("webhook-signature", signature::standard(parcel.secrets, &id, seconds, body)),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("x-signature", older),
    ];
    let mut headers = HeaderMap::with_capacity(6 + parcel.headers.len());
    for header in parcel.headers {
        headers.insert(header.name.clone(), header.value.clone());
    }
    // Ours come last, and take the place of whatever has their names.
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, AGENT);
    for (name, value) in signed {
        let value = HeaderValue::try_from(value).map_err(|_| Unsendable("a header cannot be written"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let body = Bytes::copy_from_slice(body);
    Ok(Request { method: Method::POST, url, headers, body, timeout: TIMEOUT, cap: ANSWER_KEPT })
}

/// What was sent, as its owner may see it later: what follows from the rest of the record is left out, and so are the
/// values of the owner's own headers, which may be credentials.
fn shown(sent: &HeaderMap, own: &[Header]) -> BTreeMap<String, String> {
    const FOLLOWS: [&str; 3] = ["content-type", "webhook-id", "webhook-timestamp"];
    let kept = sent.iter().filter(|(name, _)| !FOLLOWS.contains(&name.as_str()));
    let shown = kept.map(|(name, value)| {
        let hidden = own.iter().any(|header| header.name == *name);
        let value = if hidden { HIDDEN } else { value.to_str().unwrap_or_default() };
        (name.as_str().to_owned(), value.to_owned())
    });
    shown.collect()
}

/// Why a message cannot be made into a request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsendable(&'static str);

/// What the answer means. Any 2xx is a success; a redirect is none, for it is not followed.
fn answered(response: &Response, sent_at: Moment, now: Moment) -> Outcome {
    let status = response.status;
    let verdict = match status {
        _ if status.is_success() => Verdict::Taken,
        StatusCode::GONE => Verdict::Gone,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            let wish = response.headers.get(RETRY_AFTER);
            Verdict::Failed { asked: wish.and_then(|value| RetryAfter::parse(value, now)) }
        }
        _ => Verdict::Failed { asked: None },
    };
    let error = (verdict != Verdict::Taken).then(|| {
        let hint = match verdict {
            Verdict::Gone => ": the receiver wants no more of it",
            _ if status.is_redirection() => ": redirects are not followed",
            _ => "",
        };
        format!("the receiver answered {status}{hint}")
    });
    Outcome {
        attempt: DeliveryAttempt {
            response_status: Some(status.as_u16()),
            response_headers: of_answer(&response.headers),
            response_body: text(response),
            error_class: error.as_ref().map(|_| STATUS.to_owned()),
            error,
            ..blank(sent_at, response.elapsed)
        },
        verdict,
    }
}

/// What a call without an answer means.
fn unanswered(failure: &Failure, sent_at: Moment) -> Outcome {
    failed(failure.class.as_str(), &failure.detail, blank(sent_at, failure.elapsed))
}

/// An attempt that ended before it began, for want of a secret. It counts, so that the owner sees it.
pub fn unsigned(reason: &str, now: Moment) -> Outcome {
    failed(SECRET, reason, blank(now, Duration::ZERO))
}

fn failed(class: &str, error: &str, blank: DeliveryAttempt) -> Outcome {
    let error = Some(cut(error, MAX_ERROR_BYTES));
    let attempt = DeliveryAttempt { error, error_class: Some(class.to_owned()), ..blank };
    Outcome { attempt, verdict: Verdict::Failed { asked: None } }
}

fn blank(sent_at: Moment, elapsed: Duration) -> DeliveryAttempt {
    DeliveryAttempt {
        attempt: 0,
        sent_at,
        duration_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        request_headers: BTreeMap::new(),
        response_status: None,
        response_headers: BTreeMap::new(),
        response_body: None,
        error: None,
        error_class: None,
        next_attempt_at: None,
    }
}

/// The answer's beginning as text. What was no UTF-8 grows when it is replaced, hence the second cut.
fn text(response: &Response) -> Option<String> {
    let mut text = String::from_utf8_lossy(&response.body).into_owned();
    if response.truncated {
        text.push('…');
    }
    (!text.is_empty()).then(|| cut(&text, ANSWER_KEPT))
}

//! One attempt: the signed request, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use domain::delivery::DeliveryAttempt;
use domain::log::{MAX_ERROR_BYTES, cut};
use domain::message::Deliver;
use domain::signature;
use domain::time::Moment;
use egress::{Failure, Request, Response, RetryAfter};
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use crate::decide::{Outcome, Verdict};

/// How long the receiver may take.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(15);
/// How much of its answer is kept.
pub(crate) const ANSWER_KEPT: usize = 4 * 1024;

const AGENT: HeaderValue = HeaderValue::from_static(concat!("Nightjar-Webhooks/", env!("CARGO_PKG_VERSION")));

/// The class of an answer that is no success.
const STATUS: &str = "status";
/// The class of a message that nothing can sign.
const SECRET: &str = "secret";
/// The class of a request that cannot be made.
const REQUEST: &str = "request";

/// The message as it goes out at this moment, signed with each secret; the first also makes `X-Signature`.
pub(crate) fn request(message: &Deliver, secrets: &[String], sent_at: Moment) -> Result<Request, Unsendable> {
    let url = Url::parse(&message.url).map_err(|_| Unsendable("the URL cannot be read"))?;
    let (body, seconds) = (message.body.as_bytes(), sent_at.as_millis().div_euclid(1000));
    let id = message.webhook_id.to_string();
    let older = secrets.first().map(|secret| signature::hex_of_body(secret, body)).unwrap_or_default();
    let signed = [
        ("webhook-signature", signature::standard(secrets, &id, seconds, body)),
        ("webhook-id", id),
        ("webhook-timestamp", seconds.to_string()),
        ("x-signature", older),
    ];
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, AGENT);
    for (name, value) in signed {
        let value = HeaderValue::try_from(value).map_err(|_| Unsendable("a header cannot be written"))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    let body = Bytes::copy_from_slice(body);
    Ok(Request { method: Method::POST, url, headers, body, timeout: TIMEOUT, cap: ANSWER_KEPT })
}

/// Why a message cannot be made into a request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unsendable(&'static str);

/// What the answer means. Any 2xx is a success; a redirect is none, for it is not followed.
pub(crate) fn answered(response: &Response, sent_at: Moment, now: Moment) -> Outcome {
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
            response_body: text(response),
            error_class: error.as_ref().map(|_| STATUS.to_owned()),
            error,
            ..blank(sent_at, response.elapsed)
        },
        verdict,
    }
}

/// What a call without an answer means.
pub(crate) fn unanswered(failure: &Failure, sent_at: Moment) -> Outcome {
    failed(failure.class.as_str(), &failure.detail, blank(sent_at, failure.elapsed))
}

/// An attempt that ended before it began, for want of a secret. It counts, so that the owner sees it.
pub(crate) fn unsigned(reason: &str, now: Moment) -> Outcome {
    failed(SECRET, reason, blank(now, Duration::ZERO))
}

/// An attempt at what cannot be sent.
pub(crate) fn unsendable(reason: &Unsendable, now: Moment) -> Outcome {
    failed(REQUEST, &reason.to_string(), blank(now, Duration::ZERO))
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
        response_status: None,
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

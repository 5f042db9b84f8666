//! A task that calls a URL.
//!
//! Payload: `url`, and if wanted `method` (POST if there is a `body`, else GET), `headers`, `body` (text is sent
//! as it is, anything else as JSON) and `expectedStatus` (any 2xx otherwise).

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use egress::{FailureClass, Request};
use serde_json::{Value, json};

use super::{Answer, Call, Failure};

/// How much of the answer is read.
const CAP: usize = 4 * 1024;
/// How much of it is kept as the result: every write bills the whole item.
const KEPT: usize = 1024;

pub(super) async fn run(call: &Call<'_>) -> Answer {
    let request = request(call).map_err(Failure::Final)?;
    let expected = call.payload.get("expectedStatus").and_then(Value::as_u64);
    let response = call.egress.send(request).await.map_err(|failure| {
        let text = format!("{}: {}", failure.class.as_str(), failure.detail);
        // An address that is refused now is refused next time too.
        if failure.class == FailureClass::RefusedAddress {
            Failure::Final(text)
        } else {
            Failure::Again(text)
        }
    })?;
    let status = response.status.as_u16();
    let text = domain::log::cut(&String::from_utf8_lossy(&response.body), KEPT);
    let fits = expected.map_or_else(|| response.status.is_success(), |wanted| u64::from(status) == wanted);
    if !fits {
        let wanted = expected.map_or_else(|| "2xx".to_owned(), |wanted| wanted.to_string());
        return Err(Failure::Again(format!("the answer was {status} where {wanted} was expected: {text}")));
    }
    let millis = u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX);
    Ok(Some(json!({ "status": status, "body": text, "truncated": response.truncated, "durationMs": millis })))
}

fn request(call: &Call<'_>) -> Result<Request, String> {
    let payload = &call.payload;
    let url = payload.get("url").and_then(Value::as_str).ok_or("the payload has no url")?;
    let url = url.parse().map_err(|e| format!("the payload's url cannot be called: {e}"))?;
    let body = match payload.get("body") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some((text.clone(), "text/plain; charset=utf-8")),
        Some(value) => Some((value.to_string(), "application/json")),
    };
    let method = match payload.get("method").and_then(Value::as_str) {
        Some(name) => Method::from_bytes(name.to_ascii_uppercase().as_bytes()).map_err(|e| e.to_string())?,
        None if body.is_some() => Method::POST,
        None => Method::GET,
    };
    let mut headers = HeaderMap::new();
    if let Some((_, content_type)) = &body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    // A receiver that keeps these can tell a repeated attempt from a new run.
    let run = call.attempt.run.to_string();
    headers.insert("idempotency-key", HeaderValue::try_from(run).map_err(|e| e.to_string())?);
    for (name, value) in payload.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let fault = || format!("the payload's header {name:?} cannot be sent");
        let value = value.as_str().ok_or_else(fault)?;
        headers.insert(
            HeaderName::try_from(name.as_str()).map_err(|_| fault())?,
            HeaderValue::try_from(value).map_err(|_| fault())?,
        );
    }
    let body = body.map(|(text, _)| Bytes::from(text)).unwrap_or_default();
    Ok(Request { method, url, headers, body, timeout: call.limit, cap: CAP })
}

//! A task that calls a URL.
//!
//! Payload: `url`, and if wanted `method` (POST if there is a `body`, else GET), `headers`, `body` (text is sent
//! as it is, anything else as JSON), `expectedStatus` (one or a list; any 2xx otherwise) and `timeoutSeconds`
//! (or `timeout`). Result: `status`, `contentType`, `body`, `truncated`, `durationMs`.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use bytes::Bytes;
use domain::input::Fault;
use domain::job::LONGEST_TIMEOUT;
use domain::log::cut;
use domain::webhook_url::HttpUrl;
use serde_json::{Value, json};
use url::Url;

use crate::reading::{Reading, escaped, refused};
use crate::{Answer, Call, Failure, Request, Response, is_reserved};

/// How much of the answer is read.
const CAP: usize = 4 * 1024;
/// How much of it is kept as the result: every write bills the whole item.
const KEPT: usize = 1024;
/// How much of its content type is kept.
const KEPT_TYPE: usize = 100;
/// The most headers.
const MOST_HEADERS: usize = 50;
/// The most statuses.
const MOST_STATUSES: usize = 20;
/// Whoever runs a task ends it at its limit, and says so. The call itself is given up only after that.
const GRACE: Duration = Duration::from_secs(1);

pub(crate) fn check(payload: &Value) -> Vec<Fault> {
    read(payload).err().unwrap_or_default()
}

pub(crate) async fn run(call: &Call<'_>) -> Answer {
    let plan = read(&call.payload).map_err(refused)?;
    let expected = plan.expected.clone();
    let response = call.world.outbound.send(request(call, plan)?).await?;
    let status = response.status.as_u16();
    let fits = if expected.is_empty() { response.status.is_success() } else { expected.contains(&status) };
    if fits {
        return Ok(Some(result(&response)));
    }
    let wanted = match expected.as_slice() {
        [] => "2xx".to_owned(),
        some => some.iter().map(u16::to_string).collect::<Vec<_>>().join(" or "),
    };
    let text = cut(&String::from_utf8_lossy(&response.body), KEPT);
    Err(Failure::Again(format!("the answer was {status} where {wanted} was expected: {text}")))
}

/// What a payload asks for.
#[derive(Debug)]
struct Plan {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    /// Empty for any 2xx.
    expected: Vec<u16>,
    timeout: Option<Duration>,
}

fn read(payload: &Value) -> Result<Plan, Vec<Fault>> {
    let mut reading = Reading::of(payload);
    let url = url(&mut reading);
    let body = match reading.member("body") {
        None => None,
        Some(Value::String(text)) => Some((text.clone(), "text/plain; charset=utf-8")),
        Some(value) => Some((value.to_string(), "application/json")),
    };
    let method = method(&mut reading, if body.is_some() { Method::POST } else { Method::GET });
    let mut headers = HeaderMap::new();
    if let Some((_, content_type)) = &body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    }
    own_headers(&mut reading, &mut headers);
    let expected = expected(&mut reading);
    let timeout = timeout(&mut reading);
    let body = body.map(|(text, _)| Bytes::from(text)).unwrap_or_default();
    reading.finish(url.map(|url| Plan { url, method, headers, body, expected, timeout }))
}

fn url(reading: &mut Reading<'_>) -> Option<Url> {
    let text = reading.member("url").and_then(Value::as_str);
    let read = match text {
        None => Err("an http task needs the url to call, as text".to_owned()),
        Some(text) => HttpUrl::parse(text)
            .map_err(|refused| refused.to_string())
            .and_then(|url| Url::parse(url.as_str()).map_err(|refused| refused.to_string())),
    };
    read.map_err(|message| reading.fault("url", message)).ok()
}

fn method(reading: &mut Reading<'_>, default: Method) -> Method {
    const METHODS: [Method; 6] =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let Some(given) = reading.member("method") else { return default };
    let known = given
        .as_str()
        .and_then(|name| METHODS.iter().find(|method| method.as_str().eq_ignore_ascii_case(name)));
    known.cloned().unwrap_or_else(|| {
        reading.fault("method", "must be one of GET, HEAD, POST, PUT, PATCH, DELETE");
        default
    })
}

fn own_headers(reading: &mut Reading<'_>, headers: &mut HeaderMap) {
    let Some(given) = reading.member("headers") else { return };
    let Some(given) = given.as_object() else {
        return reading.fault("headers", "must be an object whose values are texts");
    };
    if given.len() > MOST_HEADERS {
        return reading.fault("headers", format!("has {} headers; {MOST_HEADERS} are the most", given.len()));
    }
    for (name, value) in given {
        match own_header(name, value) {
            Ok((name, value)) => {
                headers.insert(name, value);
            }
            Err(message) => reading.fault(format!("headers/{}", escaped(name)), message),
        }
    }
}

fn own_header(name: &str, value: &Value) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "is no name of a header")?;
    if is_reserved(&name) {
        return Err("is a header that the call itself sets");
    }
    let value = value.as_str().ok_or("must be a text")?;
    let value =
        HeaderValue::try_from(value).map_err(|_| "must not hold line breaks or control characters")?;
    Ok((name, value))
}

fn expected(reading: &mut Reading<'_>) -> Vec<u16> {
    let status = |value: &Value| {
        value.as_u64().and_then(|number| u16::try_from(number).ok()).filter(|code| (100..600).contains(code))
    };
    match reading.member("expectedStatus") {
        None => Vec::new(),
        Some(Value::Array(list)) if list.is_empty() || list.len() > MOST_STATUSES => {
            reading.fault("expectedStatus", format!("must list 1 to {MOST_STATUSES} statuses"));
            Vec::new()
        }
        Some(Value::Array(list)) => {
            let mut found = Vec::new();
            for (n, value) in list.iter().enumerate() {
                match status(value) {
                    Some(code) => found.push(code),
                    None => {
                        reading
                            .fault(format!("expectedStatus/{n}"), "must be an HTTP status from 100 to 599");
                    }
                }
            }
            found
        }
        Some(value) => status(value).map(|code| vec![code]).unwrap_or_else(|| {
            reading.fault("expectedStatus", "must be an HTTP status from 100 to 599, or a list of them");
            Vec::new()
        }),
    }
}

fn timeout(reading: &mut Reading<'_>) -> Option<Duration> {
    let name = if reading.member("timeoutSeconds").is_some() { "timeoutSeconds" } else { "timeout" };
    let seconds = reading.member(name)?.as_u64();
    match seconds.filter(|seconds| (1..=u64::from(LONGEST_TIMEOUT)).contains(seconds)) {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => {
            reading.fault(name, format!("must be a whole number of seconds from 1 to {LONGEST_TIMEOUT}"));
            None
        }
    }
}

fn request(call: &Call<'_>, plan: Plan) -> Result<Request, Failure> {
    let mut headers = plan.headers;
    // A receiver that keeps these can tell a repeated attempt from a new run.
    let run = HeaderValue::try_from(call.attempt.run.to_string());
    let run = run.map_err(|refused| Failure::Final(refused.to_string()))?;
    headers.entry("idempotency-key").or_insert(run);
    let timeout = plan.timeout.filter(|own| *own < call.limit).unwrap_or(call.limit + GRACE);
    Ok(Request { method: plan.method, url: plan.url, headers, body: plan.body, timeout, cap: CAP })
}

fn result(response: &Response) -> Value {
    let whole = String::from_utf8_lossy(&response.body);
    let kept = cut(&whole, KEPT);
    let truncated = response.truncated || kept.len() < whole.len();
    let content_type = response.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    json!({
        "status": response.status.as_u16(),
        "contentType": content_type.map(|text| cut(text, KEPT_TYPE)),
        "body": kept,
        "truncated": truncated,
        "durationMs": u64::try_from(response.elapsed.as_millis()).unwrap_or(u64::MAX),
    })
}

#[cfg(test)]
mod tests;

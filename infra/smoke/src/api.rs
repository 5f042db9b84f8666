//! Asking over HTTP.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Response};
use serde_json::Value;

/// Longer than API Gateway lets a function take.
const TIMEOUT: Duration = Duration::from_secs(35);
/// As much of an answer as a complaint quotes.
const QUOTED: usize = 300;

/// A deployment, and who asks it.
pub(crate) struct Api {
    http: Client,
    url: String,
    token: Option<String>,
}

/// What it answered.
pub(crate) struct Answer {
    asked: String,
    pub(crate) status: u16,
    kind: String,
    retry_after: Option<String>,
    pub(crate) body: Value,
    text: String,
}

impl Api {
    pub(crate) fn of(url: &str) -> Result<Self, String> {
        let http = Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build().map_err(told)?;
        Ok(Self { http, url: url.trim_end_matches('/').to_owned(), token: None })
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Asks with this token from now on.
    pub(crate) fn log_in(&mut self, token: &str) {
        self.token = Some(token.to_owned());
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, String> {
        self.ask(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.ask(Method::DELETE, path, Some(body)).await
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let asked = format!("{method} {path}");
        let mut request = self.http.request(method, self.url(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| format!("{asked}: {}", told(error)))?;
        Answer::read(asked, response).await
    }
}

impl Answer {
    async fn read(asked: String, response: Response) -> Result<Self, String> {
        let header =
            |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (kind, retry_after) = (header(CONTENT_TYPE).unwrap_or_default(), header(RETRY_AFTER));
        let status = response.status().as_u16();
        let text = response.text().await.map_err(|error| format!("{asked}: {}", told(error)))?;
        let body = serde_json::from_str(&text).unwrap_or_default();
        Ok(Self { asked, status, kind, retry_after, body, text })
    }

    /// The answer, if it has this status.
    pub(crate) fn with(self, status: u16) -> Result<Self, String> {
        if self.status == status {
            return Ok(self);
        }
        match (self.status, &self.retry_after) {
            (429, Some(seconds)) => Err(format!(
                "{} is refused, for the limit of this address is reached (AuthRateLimitMax); try again in {seconds} s",
                self.asked
            )),
            _ => Err(self.complaint(&format!("{status} was to come"))),
        }
    }

    /// Fails unless it is a problem document.
    pub(crate) fn as_problem(&self) -> Result<(), String> {
        let is_one = self.kind.starts_with("application/problem+json")
            && self.body["status"] == self.status
            && self.body["requestId"].is_string();
        let wanted = "a problem document with its status and a requestId was to come";
        if is_one { Ok(()) } else { Err(self.complaint(wanted)) }
    }

    /// A text at this place of the body.
    pub(crate) fn text_at(&self, pointer: &str) -> Result<&str, String> {
        let text = self.body.pointer(pointer).and_then(Value::as_str);
        text.ok_or_else(|| self.complaint(&format!("there was to be a text at {pointer}")))
    }

    /// The list at this place of the body.
    pub(crate) fn list_at(&self, pointer: &str) -> Result<&[Value], String> {
        let list = self.body.pointer(pointer).and_then(Value::as_array).map(Vec::as_slice);
        list.ok_or_else(|| self.complaint(&format!("there was to be a list at {pointer}")))
    }

    /// What came instead of what was to come.
    pub(crate) fn complaint(&self, wanted: &str) -> String {
        let beginning: String = self.text.chars().take(QUOTED).collect();
        format!("{} answered {} {beginning:?}; {wanted}", self.asked, self.status)
    }
}

/// An error with all that led to it.
fn told(error: reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

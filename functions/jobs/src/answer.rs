//! Answers: a job with its ETag, and rows until an answer is full.

use axum::Json;
use axum::response::{IntoResponse, Response};
use domain::job::Job;
use edge::views::{JobView, SeenJob};
use edge::{Answer, Caller, Problem, etag};
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::create::Made;

/// Lambda answers at most 6 MB, counted in the form in which the body travels inside of it.
pub(crate) const MAX_BYTES: usize = 5_000_000;

const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A job, and what was done to it.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobAnswer {
    #[serde(flatten)]
    job: SeenJob,
    /// What was done.
    message: &'static str,
}

/// What was done.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Done {
    /// In words.
    pub(crate) message: &'static str,
    /// To which job.
    pub(crate) job_id: String,
}

/// A job that was created, now or before under the same key.
pub(crate) fn created(caller: &Caller, made: &Made) -> Response {
    let message = created_message(&made.job);
    let mut response = job(StatusCode::CREATED, caller, &made.job, made.view(), message);
    let headers = response.headers_mut();
    if let Ok(place) = HeaderValue::try_from(format!("/jobs/{}", made.job.id)) {
        headers.insert(LOCATION, place);
    }
    if made.replayed {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// What is said of a new job. A first run leaves this trace, however far it has come.
pub(crate) fn created_message(job: &Job) -> &'static str {
    if job.run.is_some() { "Job created and started" } else { "Job created successfully" }
}

/// A job with its ETag, as far as the caller may see it.
pub(crate) fn job(
    status: StatusCode,
    caller: &Caller,
    job: &Job,
    view: JobView,
    message: &'static str,
) -> Response {
    let answer = JobAnswer { job: SeenJob::by(caller, view), message };
    (status, [etag(job.version)], Json(answer)).into_response()
}

/// Rows of an answer, as long as they fit.
#[derive(Debug)]
pub(crate) struct Rows {
    rows: Vec<Box<RawValue>>,
    room: usize,
}

impl Rows {
    /// For so many bytes.
    pub(crate) fn new(room: usize) -> Self {
        Self { rows: Vec::new(), room }
    }

    /// Adds rows that belong together, all or none; false if there is no room for them. The first always have
    /// room: a list that gives nothing would never end.
    pub(crate) fn push<T: Serialize>(&mut self, rows: &[T]) -> Answer<bool> {
        let texts: Result<Vec<_>, _> = rows.iter().map(serde_json::value::to_raw_value).collect();
        let texts = texts.map_err(|error| {
            tracing::error!(%error, "a row cannot be written as JSON");
            Problem::internal()
        })?;
        let bytes = texts.iter().map(|text| text.get().len() + 1).sum::<usize>();
        if bytes > self.room && !self.rows.is_empty() {
            return Ok(false);
        }
        self.room = self.room.saturating_sub(bytes);
        self.rows.extend(texts);
        Ok(true)
    }

    /// The rows.
    pub(crate) fn into_rows(self) -> Vec<Box<RawValue>> {
        self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_end_where_the_room_does_but_never_before_the_first() {
        let mut rows = Rows::new(10);
        assert!(rows.push(&["a text longer than that"]).unwrap());
        assert!(!rows.push(&["b"]).unwrap());
        let mut rows = Rows::new(10);
        assert!(rows.push(&["aa", "bb"]).unwrap());
        assert!(!rows.push(&["c"]).unwrap());
        assert_eq!(rows.into_rows().len(), 2);
    }
}

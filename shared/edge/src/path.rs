//! Ids in paths.

use std::str::FromStr;

use axum::extract::{FromRequestParts, RawPathParams};
use domain::id::{EndpointId, JobId, RunId, UserId, WebhookId};
use http::request::Parts;

use crate::problem::Problem;

/// An id that a path may hold.
pub trait Named: FromStr {
    /// What it is the id of, in the words of a 404.
    const WHAT: &'static str;
}

impl Named for JobId {
    const WHAT: &'static str = "job";
}
impl Named for UserId {
    const WHAT: &'static str = "user";
}
impl Named for RunId {
    const WHAT: &'static str = "run";
}
impl Named for WebhookId {
    const WHAT: &'static str = "delivery";
}

impl Named for EndpointId {
    const WHAT: &'static str = "webhook endpoint";
}

/// The first id of this kind in the path. What is no such id names nothing that exists, so it is a 404.
///
/// Ids begin with a prefix that tells their kind: a path with a job's and a delivery's id is read by two of
/// these, in any order.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

impl<T: Named, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let missing = || Problem::not_found(T::WHAT);
        let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| missing())?;
        params.iter().find_map(|(_, text)| text.parse().ok()).map(Self).ok_or_else(missing)
    }
}

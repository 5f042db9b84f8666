//! Rate limits: so many in a window, counted in the table, told in headers.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::{IntoResponseParts, ResponseParts};
use domain::time::Moment;
use http::{HeaderName, HeaderValue};
use store::{Count, Store, Window};

use crate::code::Code;
use crate::problem::Problem;

/// What is left (draft-ietf-httpapi-ratelimit-headers).
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What the limit is.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// So many in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What is counted: a part of the record's key, and the name in the headers.
    pub scope: &'static str,
    /// How many; 0 switches the limit off.
    pub max: u64,
    /// How long the window is.
    pub window: Duration,
}

/// Where a subject stands within a limit; as a part of an answer it adds the headers.
#[derive(Clone, Copy, Debug)]
pub struct Standing(Option<Known>);

#[derive(Clone, Copy, Debug)]
struct Known {
    limit: Limit,
    left: u64,
    seconds: u64,
}

impl Limit {
    /// Counts one more of this subject's, or answers 429.
    pub async fn count(&self, store: &Store, subject: &str, now: Moment) -> Result<Standing, Problem> {
        let Some(window) = self.window_at(now) else { return Ok(Standing(None)) };
        match store.count_in_window(self.scope, subject, window, self.max).await? {
            Count::Allowed { used } => Ok(self.standing(self.max.saturating_sub(used), window, now)),
            Count::Refused => Err(self.refusal(window, now)),
        }
    }

    /// Answers 429 if the limit is reached, and counts nothing.
    pub async fn check(&self, store: &Store, subject: &str, now: Moment) -> Result<Standing, Problem> {
        let Some(window) = self.window_at(now) else { return Ok(Standing(None)) };
        let used = store.window_count(self.scope, subject, window).await?;
        if used >= self.max {
            return Err(self.refusal(window, now));
        }
        Ok(self.standing(self.max - used, window, now))
    }

    fn window_at(&self, now: Moment) -> Option<Window> {
        (self.max > 0 && !self.window.is_zero()).then(|| Window::around(now, self.window))
    }

    fn standing(&self, left: u64, window: Window, now: Moment) -> Standing {
        let seconds = window.end().since(now).as_millis().div_ceil(1_000);
        Standing(Some(Known { limit: *self, left, seconds: u64::try_from(seconds).unwrap_or(u64::MAX) }))
    }

    fn refusal(&self, window: Window, now: Moment) -> Problem {
        let standing = self.standing(0, window, now);
        let seconds = standing.0.map_or(1, |known| known.seconds.max(1));
        let detail = format!(
            "only {} in {} seconds are allowed here; try again in {seconds} seconds",
            self.max,
            self.window.as_secs()
        );
        let problem = Problem::new(Code::RateLimited, detail).retry_after(seconds);
        standing.headers().fold(problem, |problem, (name, value)| problem.with_header(name, value))
    }
}

impl Standing {
    fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let lines = self.0.map(|known| {
            let Known { limit: Limit { scope, max, window }, left, seconds } = known;
            [
                (RATE_LIMIT_POLICY, format!("\"{scope}\";q={max};w={}", window.as_secs())),
                (RATE_LIMIT, format!("\"{scope}\";r={left};t={seconds}")),
            ]
        });
        let lines = lines.into_iter().flatten();
        lines.filter_map(|(name, text)| Some((name, HeaderValue::try_from(text).ok()?)))
    }
}

impl IntoResponseParts for Standing {
    type Error = Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Infallible> {
        for (name, value) in self.headers() {
            parts.headers_mut().append(name, value);
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    const LIMIT: Limit = Limit { scope: "login", max: 3, window: Duration::from_secs(900) };

    #[test]
    fn tells_what_is_left_and_until_when() {
        let now = Moment::from_millis(900_000 * 7 + 870_500);
        let window = LIMIT.window_at(now).unwrap();
        let answer = (LIMIT.standing(2, window, now), "ok").into_response();
        assert_eq!(answer.headers()[RATE_LIMIT_POLICY], "\"login\";q=3;w=900");
        assert_eq!(answer.headers()[RATE_LIMIT], "\"login\";r=2;t=30");
    }

    #[test]
    fn a_refusal_says_when_to_come_back() {
        let now = Moment::from_millis(900_000 * 8 - 1);
        let answer = LIMIT.refusal(LIMIT.window_at(now).unwrap(), now).into_response();
        assert_eq!(answer.status(), 429);
        assert_eq!(answer.headers()["retry-after"], "1");
        assert_eq!(answer.headers()[RATE_LIMIT], "\"login\";r=0;t=1");
    }

    #[test]
    fn none_at_all_is_no_limit() {
        let now = Moment::from_millis(0);
        assert!(Limit { max: 0, ..LIMIT }.window_at(now).is_none());
        assert!(Limit { window: Duration::ZERO, ..LIMIT }.window_at(now).is_none());
        assert_eq!((Standing(None), "ok").into_response().headers().get(RATE_LIMIT), None);
    }
}

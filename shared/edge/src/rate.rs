//! Rate limits: so many in a window, counted in the table, told in headers.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::{IntoResponseParts, ResponseParts};
use domain::time::Moment;
use http::{HeaderName, HeaderValue};
use store::{Count, Hold, Store, Window};

use crate::code::Code;
use crate::problem::Problem;

/// What is left (draft-ietf-httpapi-ratelimit-headers).
pub const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// What the limit is.
pub const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How long a request waits for others to settle the places that they hold: a password takes well under a second.
const PATIENCE: Duration = Duration::from_secs(5);
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

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

/// A place within a limit, held until it is known whether it counts. One that is dropped counts.
#[derive(Debug)]
#[must_use]
pub struct Held(Option<Place>);

#[derive(Debug)]
struct Place {
    store: Store,
    scope: &'static str,
    subject: String,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    limit: Limit,
    left: u64,
    seconds: u64,
}

impl Limit {
    /// Counts one more of this subject's, or answers 429.
    pub async fn count(&self, store: &Store, subject: &str, now: Moment) -> Result<Standing, Problem> {
        self.count_many(store, subject, 1, now).await
    }

    /// Counts so many more of this subject's, all of them or none, or answers 429.
    pub async fn count_many(
        &self,
        store: &Store,
        subject: &str,
        many: u64,
        now: Moment,
    ) -> Result<Standing, Problem> {
        let Some(window) = self.window_at(now).filter(|_| many > 0) else { return Ok(Standing(None)) };
        match store.count_many_in_window(self.scope, subject, window, many, self.max).await? {
            Count::Allowed { used } => Ok(self.standing(self.max.saturating_sub(used), window, now)),
            Count::Refused if many == 1 => Err(self.refusal(window, now)),
            Count::Refused => {
                let left = self.max.saturating_sub(store.window_count(self.scope, subject, window).await?);
                Err(self.refusal_of_many(many, left, window, now))
            }
        }
    }

    /// Takes back what was counted at that moment and turned out not to count. What cannot be taken back counts.
    pub async fn take_back(&self, store: &Store, subject: &str, many: u64, now: Moment) {
        let Some(window) = self.window_at(now).filter(|_| many > 0) else { return };
        if let Err(failure) = store.uncount_in_window(self.scope, subject, window, many).await {
            let error = &failure as &dyn std::error::Error;
            tracing::warn!(scope = self.scope, error, "what did not count was not taken back");
        }
    }

    /// Counts one more of this subject's until it is known whether it counts, or answers 429.
    ///
    /// Where only failures count, an attempt must hold a place before it is judged, or any number of them could
    /// be judged at the same moment. While places are held by attempts that may yet succeed, this waits for
    /// them: many good attempts at once are not refused.
    pub async fn hold(&self, store: &Store, subject: &str, now: Moment) -> Result<Held, Problem> {
        let Some(window) = self.window_at(now) else { return Ok(Held(None)) };
        let (mut waited, mut pause) = (Duration::ZERO, SHORTEST_PAUSE);
        loop {
            match store.hold_in_window(self.scope, subject, window, self.max).await? {
                Hold::Held => break,
                Hold::Refused { settled: false } if waited < PATIENCE => {}
                Hold::Refused { .. } => return Err(self.refusal(window, now)),
            }
            tokio::time::sleep(pause).await;
            waited += pause;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(Held(Some(Place { store: store.clone(), scope: self.scope, subject: subject.to_owned(), window })))
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
        standing.told_in(problem)
    }

    fn refusal_of_many(&self, many: u64, left: u64, window: Window, now: Moment) -> Problem {
        let standing = self.standing(left, window, now);
        let seconds = standing.0.map_or(1, |known| known.seconds.max(1));
        let detail = format!(
            "these are {many}, and of the {} in {} seconds that are allowed here {left} are left; ask for fewer, \
             or try again in {seconds} seconds",
            self.max,
            self.window.as_secs()
        );
        standing.told_in(Problem::new(Code::RateLimited, detail).retry_after(seconds))
    }
}

impl Held {
    /// It counts.
    pub async fn keep(self) {
        self.settle(true).await;
    }

    /// It does not count.
    pub async fn give_back(self) {
        self.settle(false).await;
    }

    /// What cannot be settled counts: the caller has had its answer by then, and one place fewer.
    async fn settle(self, counts: bool) {
        let Some(Place { store, scope, subject, window }) = self.0 else { return };
        if let Err(failure) = store.settle_in_window(scope, &subject, window, counts).await {
            tracing::warn!(scope, error = &failure as &dyn std::error::Error, "a held place was not settled");
        }
    }
}

impl Standing {
    /// Tells it with what came of the request, be that a failure.
    pub fn beside<T>(self, answer: Result<T, Problem>) -> Result<(Self, T), Problem> {
        match answer {
            Ok(told) => Ok((self, told)),
            Err(problem) => Err(self.told_in(problem)),
        }
    }

    fn told_in(self, problem: Problem) -> Problem {
        self.headers().fold(problem, |problem, (name, value)| problem.with_header(name, value))
    }

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
    fn a_failure_tells_what_is_left_too_and_of_two_limits_both() {
        let now = Moment::from_millis(900_000 * 7);
        let window = LIMIT.window_at(now).unwrap();
        let standing = LIMIT.standing(1, window, now);
        let told = |problem: Problem| {
            let answer = standing.beside::<()>(Err(problem)).unwrap_err().into_response();
            let lines = answer.headers().get_all(RATE_LIMIT).iter();
            let lines: Vec<_> = lines.map(|line| line.to_str().unwrap().to_owned()).collect();
            (answer.status().as_u16(), lines)
        };
        let mine = "\"login\";r=1;t=900".to_owned();
        assert_eq!(told(Problem::not_found("job")), (404, vec![mine.clone()]));
        let other = Limit { scope: "other", ..LIMIT }.refusal(window, now);
        assert_eq!(told(other), (429, vec!["\"other\";r=0;t=900".to_owned(), mine]));
        assert_eq!(
            standing.beside(Ok("ok")).unwrap().into_response().headers()[RATE_LIMIT_POLICY],
            "\"login\";q=3;w=900"
        );
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

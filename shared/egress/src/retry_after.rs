//! When a receiver asks to be called again.

use std::time::{Duration, SystemTime};

use domain::time::Moment;
use http::HeaderValue;

/// The `Retry-After` header, RFC 9110 section 10.2.3.
#[derive(Debug)]
pub struct RetryAfter;

impl RetryAfter {
    /// How long from `now` the sender should wait: either form, seconds or an HTTP-date. A date that has
    /// passed is no wait at all; what is neither form is `None`. The caller caps it.
    pub fn parse(value: &HeaderValue, now: Moment) -> Option<Duration> {
        let text = value.to_str().ok()?.trim_matches([' ', '\t']);
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            // Too many digits for a number still mean a very long wait, and u32 seconds are 136 years.
            return Some(Duration::from_secs(text.parse::<u32>().unwrap_or(u32::MAX).into()));
        }
        let since_1970 = httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(Moment::from_millis(i64::try_from(since_1970.as_millis()).ok()?).since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<Duration> {
        let now = Moment::parse("1994-11-06T08:49:07Z").unwrap();
        RetryAfter::parse(&HeaderValue::from_bytes(text.as_bytes()).unwrap(), now)
    }

    #[test]
    fn reads_seconds() {
        assert_eq!(parse("120"), Some(Duration::from_secs(120)));
        assert_eq!(parse(" 0\t"), Some(Duration::ZERO));
        assert_eq!(parse(&"9".repeat(300)), Some(Duration::from_secs(u32::MAX.into())));
    }

    #[test]
    fn reads_the_three_forms_of_a_date() {
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(parse(date), Some(Duration::from_secs(30)), "{date}");
        }
    }

    #[test]
    fn a_date_that_has_passed_is_no_wait() {
        assert_eq!(parse("Sun, 06 Nov 1994 08:49:06 GMT"), Some(Duration::ZERO));
    }

    #[test]
    fn anything_else_is_nothing() {
        for bad in ["", "-1", "+5", "1.5", "soon", "10 s", "Sun, 31 Feb 1994 08:49:37 GMT", "\u{661}"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}

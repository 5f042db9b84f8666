//! What a request shows to prove who sends it: a session's token, or an API key, each in one header.

use domain::api_key::KeyText;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::code::Code;
use crate::problem::Problem;

/// The other header that an API key may stand in.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// What was shown, not yet believed.
#[derive(Debug)]
pub(crate) enum Shown<'a> {
    /// A token.
    Token(&'a str),
    /// A key.
    Key(KeyText),
}

/// What these headers show. The same key in both headers is one credential; two different ones are refused, for
/// either could be the one that was meant.
pub(crate) fn shown(headers: &HeaderMap) -> Result<Shown<'_>, Problem> {
    match (bearer(headers)?, api_key(headers)?) {
        (None, None) => {
            let detail = "this needs a token: log in and send Authorization: Bearer <token>, or an API key";
            // RFC 6750, section 3.1: no error code where no credentials were sent.
            let challenge = HeaderValue::from_static("Bearer realm=\"nightjar\"");
            Err(Problem::new(Code::Unauthorized, detail).with_header(WWW_AUTHENTICATE, challenge))
        }
        (Some(one), Some(other)) if one != other => {
            Err(refuse(Code::Unauthorized, "Authorization and X-Api-Key differ: send one of them"))
        }
        (Some(text), None) if !text.starts_with(KeyText::MARK) => Ok(Shown::Token(text)),
        (Some(text), _) | (None, Some(text)) => {
            let key = KeyText::parse(text).map(Shown::Key);
            key.ok_or_else(|| refuse(Code::Unauthorized, "the API key is not one that this API makes"))
        }
    }
}

/// A 401 to credentials that were sent and are not believed.
pub fn refuse(code: Code, detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"nightjar\", error=\"invalid_token\"");
    Problem::new(code, detail).with_header(WWW_AUTHENTICATE, challenge)
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = given.next() else { return Ok(None) };
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim();
    if given.next().is_some() || !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(refuse(Code::Unauthorized, "send one header of the form Authorization: Bearer <token>"));
    }
    Ok(Some(token))
}

fn api_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut given = headers.get_all(API_KEY).iter();
    let Some(header) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(refuse(Code::Unauthorized, "send one X-Api-Key header"));
    }
    Ok(Some(header.to_str().unwrap_or_default().trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(HeaderName, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    fn key() -> String {
        format!("njk_{}A", "x".repeat(42))
    }

    fn told(all: &[(HeaderName, &str)]) -> Result<String, Problem> {
        Ok(match shown(&headers(all))? {
            Shown::Token(text) => format!("token {text}"),
            Shown::Key(key) => format!("key {}", key.expose()),
        })
    }

    #[test]
    fn reads_a_token_or_a_key() {
        let (key, bearer) = (key(), format!("Bearer {}", key()));
        assert_eq!(told(&[(AUTHORIZATION, "Bearer abc")]).unwrap(), "token abc");
        assert_eq!(told(&[(AUTHORIZATION, "bearer  abc ")]).unwrap(), "token abc");
        let as_key = format!("key {key}");
        assert_eq!(told(&[(AUTHORIZATION, &bearer)]).unwrap(), as_key);
        assert_eq!(told(&[(API_KEY, &key)]).unwrap(), as_key);
        assert_eq!(told(&[(API_KEY, &key), (AUTHORIZATION, &bearer)]).unwrap(), as_key);
    }

    #[test]
    fn refuses_what_is_neither() {
        let (key, bearer) = (key(), format!("Bearer {}", key()));
        let other = format!("njk_{}A", "y".repeat(42));
        let wrong: &[&[(HeaderName, &str)]] = &[
            &[(AUTHORIZATION, "abc")],
            &[(AUTHORIZATION, "Basic abc")],
            &[(AUTHORIZATION, "Bearer")],
            &[(AUTHORIZATION, "Bearer ")],
            &[(AUTHORIZATION, &key)],
            &[(AUTHORIZATION, "Bearer a"), (AUTHORIZATION, "Bearer b")],
            &[(AUTHORIZATION, "Bearer njk_short")],
            &[(API_KEY, "")],
            &[(API_KEY, "eyJ.e30.x")],
            &[(API_KEY, &bearer)],
            &[(API_KEY, &key), (API_KEY, &key)],
            &[(API_KEY, &key), (AUTHORIZATION, "Bearer eyJ.e30.x")],
            &[(API_KEY, &other), (AUTHORIZATION, &bearer)],
            &[(API_KEY, &key), (AUTHORIZATION, "Basic abc")],
        ];
        for wrong in wrong {
            let problem = told(wrong).unwrap_err();
            assert_eq!(problem.code(), Code::Unauthorized, "{wrong:?}");
            assert!(!problem.detail().contains("xxx"), "{}", problem.detail());
        }
        assert!(told(&[]).unwrap_err().detail().contains("log in"));
    }
}

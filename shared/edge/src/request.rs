//! Reading bodies: so much and no more, as JSON.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use domain::input::Fields;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, request::Parts};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::code::Code;
use crate::problem::Problem;

/// The largest body that is read, unless a handler says otherwise.
pub const MAX_BODY: usize = 1024 * 1024;

/// How much of a body that is too large is read all the same.
const MOST_DISCARDED: usize = 8 * 1024 * 1024;

/// A body as it came, of at most [`MAX_BODY`].
#[derive(Debug)]
pub struct RawBody(pub Bytes);

/// A body that is a JSON object.
#[derive(Debug)]
pub struct JsonFields {
    /// Its members.
    pub fields: Fields,
    /// Its bytes, for whoever must tell two bodies apart.
    pub raw: Bytes,
}

/// Reads a body of at most so many bytes; a larger one is a 413.
pub async fn read(parts: &Parts, mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let declared =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large(parts, body, limit).await);
    }
    let failure = match Limited::new(&mut body, limit).collect().await {
        Ok(read) => return Ok(read.to_bytes()),
        Err(failure) => failure,
    };
    if failure.is::<LengthLimitError>() {
        return Err(too_large(parts, body, limit).await);
    }
    tracing::debug!(error = &*failure as &dyn std::error::Error, "a body broke off");
    Err(Problem::new(Code::InvalidBody, "the body broke off before its end"))
}

/// Reads on for a while before it refuses: who is still sending does not listen, and would see a connection
/// that breaks in place of the answer. Who waits for leave to send is not given it.
async fn too_large(parts: &Parts, body: Body, limit: usize) -> Problem {
    if !parts.headers.contains_key(EXPECT) {
        let mut rest = Limited::new(body, MOST_DISCARDED);
        while let Some(Ok(_)) = rest.frame().await {}
    }
    let detail = format!("the body is larger than the {limit} bytes that are taken");
    Problem::new(Code::PayloadTooLarge, detail)
}

/// Lets a body pass as JSON that is declared as JSON or not declared at all.
pub fn expect_json(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(declared) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let declared = declared.to_str().unwrap_or("?");
    let essence = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    if essence.is_empty() || subtype == "json" || subtype.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::new(
        Code::UnsupportedMediaType,
        format!("the body is declared as {essence}; send application/json"),
    ))
}

/// The members of a body that may be left out. Nothing, blanks and `null` are a body that was left out, however they
/// are declared.
pub fn optional_fields(headers: &HeaderMap, body: &[u8]) -> Result<Option<Fields>, Problem> {
    if matches!(body.trim_ascii(), b"" | b"null") {
        return Ok(None);
    }
    expect_json(headers)?;
    Ok(Some(Fields::parse(body)?))
}

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        read(&parts, body, MAX_BODY).await.map(Self)
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonFields {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        expect_json(&parts.headers)?;
        let raw = read(&parts, body, MAX_BODY).await?;
        Ok(Self { fields: Fields::parse(&raw)?, raw })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refused(content_type: Option<&str>, body: impl Into<Body>) -> Problem {
        let mut request = http::Request::builder();
        if let Some(content_type) = content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        JsonFields::from_request(request.body(body.into()).unwrap(), &()).await.unwrap_err()
    }

    #[tokio::test]
    async fn takes_json_under_its_names_and_under_none() {
        for name in [None, Some("application/json; charset=utf-8"), Some("Application/Vnd.x+JSON")] {
            let mut headers = HeaderMap::new();
            if let Some(name) = name {
                headers.insert(CONTENT_TYPE, name.parse().unwrap());
            }
            assert!(expect_json(&headers).is_ok(), "{name:?}");
        }
        assert_eq!(refused(Some("text/plain"), "{}").await.code(), Code::UnsupportedMediaType);
    }

    #[tokio::test]
    async fn refuses_what_is_too_large_whether_declared_or_not() {
        let large = vec![b' '; MAX_BODY + 1];
        assert_eq!(refused(None, large.clone()).await.code(), Code::PayloadTooLarge);
        let stream = futures::stream::iter(
            large.chunks(65_536).map(|c| Ok::<_, std::io::Error>(c.to_vec())).collect::<Vec<_>>(),
        );
        assert_eq!(refused(None, Body::from_stream(stream)).await.code(), Code::PayloadTooLarge);
        let request =
            http::Request::builder().header(CONTENT_LENGTH, "99999999").body(Body::empty()).unwrap();
        assert_eq!(RawBody::from_request(request, &()).await.unwrap_err().code(), Code::PayloadTooLarge);
    }

    #[test]
    fn a_body_may_be_left_out_or_null() {
        let none = HeaderMap::new();
        for left_out in ["", " \n", "null", " null\r\n"] {
            assert!(optional_fields(&none, left_out.as_bytes()).unwrap().is_none(), "{left_out:?}");
        }
        assert!(optional_fields(&none, b"{}").unwrap().is_some());
        for wrong in ["nul", "[null]", "0"] {
            assert_eq!(
                optional_fields(&none, wrong.as_bytes()).unwrap_err().code(),
                Code::InvalidBody,
                "{wrong}"
            );
        }
        let text = HeaderMap::from_iter([(CONTENT_TYPE, "text/plain".parse().unwrap())]);
        assert_eq!(optional_fields(&text, b"{}").unwrap_err().code(), Code::UnsupportedMediaType);
    }

    #[tokio::test]
    async fn says_what_is_wrong_with_a_body() {
        for (body, told) in [("", "empty"), ("[]", "object"), ("{", "not valid JSON")] {
            let problem = refused(None, body).await;
            assert_eq!(problem.code(), Code::InvalidBody);
            assert!(problem.detail().contains(told), "{}", problem.detail());
        }
        let broken = futures::stream::iter([Err::<Vec<u8>, _>(std::io::Error::other("gone"))]);
        assert!(refused(None, Body::from_stream(broken)).await.detail().contains("broke off"));
    }
}

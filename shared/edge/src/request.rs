//! Reading bodies: so much and no more, as JSON.

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use domain::input::Fields;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, request::Parts};
use http_body_util::LengthLimitError;

use crate::code::Code;
use crate::problem::Problem;

/// The largest body that is read, unless a handler says otherwise.
pub const MAX_BODY: usize = 1024 * 1024;

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

/// Reads a body of at most so many bytes; a larger one is a 413, and what is left of it is not read.
pub async fn read(parts: &Parts, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::PayloadTooLarge,
            format!("the body is larger than the {limit} bytes that are taken"),
        )
    };
    let declared =
        parts.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    to_bytes(body, limit).await.map_err(|failure| {
        let cause = std::error::Error::source(&failure);
        if cause.is_some_and(|cause| cause.is::<LengthLimitError>()) {
            return too_large();
        }
        tracing::debug!(error = &failure as &dyn std::error::Error, "a body broke off");
        Problem::new(Code::InvalidBody, "the body broke off before its end")
    })
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

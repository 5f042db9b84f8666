//! Which web pages may call the API from a browser.

use std::time::Duration;

use axum::Router;
use boot::Vars;
use http::header::{AUTHORIZATION, CONTENT_TYPE, ETAG, IF_MATCH, LOCATION, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{Any, CorsLayer};
use url::Url;

use crate::credentials::API_KEY;
use crate::rate::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::router::REQUEST_ID;

/// The origins whose pages may call the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CorsPolicy(Vec<Origin>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Origin {
    Every,
    One(HeaderValue),
}

/// The text is no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no origin such as https://app.example.com, nor *")]
pub struct NotAnOrigin(String);

impl CorsPolicy {
    /// No page of another origin.
    pub fn none() -> Self {
        Self::default()
    }

    /// Pages of these origins; `*` is every origin.
    pub fn of<T: AsRef<str>>(origins: impl IntoIterator<Item = T>) -> Result<Self, NotAnOrigin> {
        origins.into_iter().map(|text| origin(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// `CORS_ORIGINS`, also read as `FRONTEND_URL`: origins between commas.
    pub fn read(vars: &mut Vars) -> Self {
        let origins: Vec<String> = vars.list(["CORS_ORIGINS", "FRONTEND_URL"]);
        Self::of(origins).unwrap_or_else(|refused| {
            vars.fault("CORS_ORIGINS", refused.to_string());
            Self::none()
        })
    }

    pub(crate) fn around(self, router: Router) -> Router {
        if self.0.is_empty() {
            return router;
        }
        // Tokens and keys travel in headers that pages set themselves, never in cookies: credentials stay off, which
        // is what makes `*` harmless.
        let layer = CorsLayer::new()
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_MATCH,
                API_KEY,
                HeaderName::from_static("idempotency-key"),
            ])
            .expose_headers([ETAG, LOCATION, RETRY_AFTER, RATE_LIMIT, RATE_LIMIT_POLICY, REQUEST_ID])
            .max_age(Duration::from_secs(3_600));
        let layer = if self.0.contains(&Origin::Every) {
            layer.allow_origin(Any)
        } else {
            let named = self.0.into_iter().filter_map(|origin| match origin {
                Origin::One(value) => Some(value),
                Origin::Every => None,
            });
            layer.allow_origin(named.collect::<Vec<_>>())
        };
        router.layer(layer)
    }
}

fn origin(text: &str) -> Result<Origin, NotAnOrigin> {
    let refusal = || NotAnOrigin(text.to_owned());
    if text == "*" {
        return Ok(Origin::Every);
    }
    let url = Url::parse(text).map_err(|_| refusal())?;
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !bare || !matches!(url.scheme(), "http" | "https") {
        return Err(refusal());
    }
    // As browsers write it: lower case, no default port, no slash at the end.
    HeaderValue::try_from(url.origin().ascii_serialization()).map(Origin::One).map_err(|_| refusal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_origins_as_browsers_write_them() {
        let mut vars = Vars::new([("FRONTEND_URL", "HTTP://Localhost:3000/, https://app.example.com:443")]);
        let policy = CorsPolicy::read(&mut vars);
        assert_eq!(policy, CorsPolicy::of(["http://localhost:3000", "https://app.example.com"]).unwrap());
        assert!(vars.finish().is_ok());
    }

    #[test]
    fn refuses_what_is_no_origin() {
        for wrong in ["localhost:3000", "https://a/b", "ftp://a", "null", "https://u@a", "https://a?x"] {
            assert!(CorsPolicy::of([wrong]).is_err(), "{wrong}");
        }
        let mut vars = Vars::new([("CORS_ORIGINS", "nonsense")]);
        assert_eq!(CorsPolicy::read(&mut vars), CorsPolicy::none());
        assert!(vars.finish().unwrap_err().to_string().contains("CORS_ORIGINS"));
    }
}

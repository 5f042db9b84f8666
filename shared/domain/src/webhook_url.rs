//! URLs that may be called: http or https, with a host, without credentials.

use std::fmt;

use serde::Serialize;
use url::Url;

/// The longest URL.
pub const MAX_BYTES: usize = 2048;

/// A URL that passed the rules above. Where its host leads is egress's to judge, when it is called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct HttpUrl(String);

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`MAX_BYTES`].
    #[error("must be at most 2048 bytes long")]
    TooLong,
    /// Not an absolute http or https URL.
    #[error("must be an absolute http:// or https:// URL")]
    NotHttp,
    /// Carries a user name or password, which would end in logs.
    #[error("must not carry a user name or password")]
    Credentials,
}

impl HttpUrl {
    /// Takes a URL as it stood in a request.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        if text.len() > MAX_BYTES {
            return Err(Refused::TooLong);
        }
        let url = Url::parse(text).map_err(|_| Refused::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(Refused::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refused::Credentials);
        }
        Ok(Self(text.to_owned()))
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_http_and_nothing_else() {
        assert!(HttpUrl::parse("https://example.com/hook?x=1").is_ok());
        assert!(HttpUrl::parse("http://127.0.0.1:3001/webhook-test").is_ok());
        for (text, why) in [
            ("ftp://example.com", Refused::NotHttp),
            ("/hook", Refused::NotHttp),
            ("javascript:alert(1)", Refused::NotHttp),
            ("", Refused::NotHttp),
            ("https://user:secret@example.com", Refused::Credentials),
        ] {
            assert_eq!(HttpUrl::parse(text).unwrap_err(), why, "{text}");
        }
        assert_eq!(
            HttpUrl::parse(&format!("https://x.io/{}", "a".repeat(3_000))).unwrap_err(),
            Refused::TooLong
        );
    }
}

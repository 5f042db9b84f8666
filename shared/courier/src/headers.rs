//! The headers that an owner wants sent besides ours, and those of an answer that are kept.

use std::collections::BTreeMap;

use domain::log::cut;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER,
    SERVER, USER_AGENT,
};

/// How much of a header's value is kept.
const VALUE_KEPT: usize = 256;
/// How long a value may be.
const LONGEST_VALUE: usize = 1_024;
/// What stands for a value that is not shown.
pub const HIDDEN: &str = "********";

/// A header that an owner wants sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: HeaderName,
    /// Its value.
    pub value: HeaderValue,
}

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The name has characters that no name has (RFC 9110, section 5.1).
    #[error("is no header's name")]
    Name,
    /// It is one of those that every webhook carries, or that frame the request.
    #[error("is set by the sender and cannot be chosen")]
    Reserved,
    /// The value is empty, too long, or has characters that are not visible ASCII.
    #[error("must have 1 to 1024 visible ASCII characters, blanks and tabs only between them")]
    Value,
}

impl Header {
    /// Takes a header as it stood in a request.
    pub fn parse(name: &str, value: &str) -> Result<Self, Refused> {
        let name = HeaderName::try_from(name).map_err(|_| Refused::Name)?;
        if is_reserved(&name) {
            return Err(Refused::Reserved);
        }
        let fits = (1..=LONGEST_VALUE).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ' || byte == b'\t')
            && value.trim() == value;
        let value = HeaderValue::try_from(value).ok().filter(|_| fits).ok_or(Refused::Value)?;
        Ok(Self { name, value })
    }

    /// Reads what [`write`](Self::write) has written; `None` if it is nothing of the kind.
    pub fn read(text: &str) -> Option<Vec<Self>> {
        let pairs: Vec<(String, String)> = serde_json::from_str(text).ok()?;
        pairs.iter().map(|(name, value)| Self::parse(name, value).ok()).collect()
    }

    /// Several headers as one text, to be sealed.
    pub fn write(headers: &[Self]) -> String {
        let pairs: Vec<_> = headers
            .iter()
            .map(|header| (header.name.as_str(), header.value.to_str().unwrap_or_default()))
            .collect();
        serde_json::to_string(&pairs).unwrap_or_default()
    }
}

fn is_reserved(name: &HeaderName) -> bool {
    // Nothing is compressed, and a cookie would make our requests somebody's session.
    let ours = [CONTENT_TYPE, CONTENT_ENCODING, USER_AGENT, COOKIE].contains(name)
        || name == "x-signature"
        || name.as_str().starts_with("webhook-");
    ours || egress::is_reserved(name)
}

/// What an answer said that helps to understand it.
pub(crate) fn of_answer(headers: &HeaderMap) -> BTreeMap<String, String> {
    let request_id = HeaderName::from_static("x-request-id");
    let kept = [CONTENT_TYPE, LOCATION, RETRY_AFTER, SERVER, request_id];
    let found = kept.iter().filter_map(|name| {
        let value = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
        Some((name.as_str().to_owned(), cut(&value, VALUE_KEPT)))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_every_webhook_carries_cannot_be_chosen() {
        for name in [
            "Content-Type",
            "host",
            "Content-Length",
            "transfer-encoding",
            "webhook-id",
            "Webhook-Anything",
            "X-Signature",
            "user-agent",
            "cookie",
            "connection",
        ] {
            assert_eq!(Header::parse(name, "x"), Err(Refused::Reserved), "{name}");
        }
        for name in ["", "a b", "a:b", "ä", "a\nb"] {
            assert_eq!(Header::parse(name, "x"), Err(Refused::Name), "{name:?}");
        }
        assert!(Header::parse("Authorization", "Bearer abc def").is_ok());
    }

    #[test]
    fn a_value_is_a_line_of_visible_characters() {
        for value in ["", " x", "x ", "a\nb", "a\r\nX-More: 1", "ä", "\u{7f}", &"x".repeat(1_025)] {
            assert_eq!(Header::parse("x-team", value), Err(Refused::Value), "{value:?}");
        }
        assert!(Header::parse("x-team", &"x".repeat(1_024)).is_ok());
    }

    #[test]
    fn headers_are_read_as_they_were_written() {
        let headers =
            [Header::parse("Authorization", "Bearer \"a\"").unwrap(), Header::parse("x-n", "1").unwrap()];
        assert_eq!(Header::read(&Header::write(&headers)).unwrap(), headers);
        assert_eq!(Header::read("{}"), None);
        assert_eq!(Header::read(r#"[["host","x"]]"#), None);
    }

    #[test]
    fn of_an_answer_only_what_helps_is_kept_and_not_all_of_it() {
        let mut headers = HeaderMap::new();
        headers.insert("server", HeaderValue::from_bytes(b"caf\xe9").unwrap());
        headers.insert("location", HeaderValue::try_from("x".repeat(5_000)).unwrap());
        headers.insert("set-cookie", HeaderValue::from_static("session=secret"));
        let kept = of_answer(&headers);
        assert_eq!(kept.keys().map(String::as_str).collect::<Vec<_>>(), ["location", "server"]);
        assert_eq!(kept["server"], "caf\u{fffd}");
        assert!(kept["location"].len() <= VALUE_KEPT);
    }
}

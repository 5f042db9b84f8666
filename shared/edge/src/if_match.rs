//! Versions in headers: what a record is at, and which versions a request may change.

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::code::Code;
use crate::problem::{Answer, Problem};

/// The header that tells a record's version.
pub fn etag(version: u64) -> (HeaderName, HeaderValue) {
    let value = HeaderValue::try_from(format!("\"{version}\""));
    (ETAG, value.unwrap_or(HeaderValue::from_static("\"\"")))
}

/// Which versions a request may change: any if it does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<u64>>);

impl IfMatch {
    /// `*`, or versions as ETags tell them, weak or not, between commas. A text that no ETag of ours has
    /// matches no version.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut texts = headers.get_all(IF_MATCH).iter().peekable();
        if texts.peek().is_none() {
            return Self(None);
        }
        let mut versions = Vec::new();
        for tag in texts.flat_map(|text| text.to_str().unwrap_or_default().split(',')) {
            let tag = tag.trim();
            if tag == "*" {
                return Self(None);
            }
            versions.extend(tag.trim_start_matches("W/").trim_matches('"').parse::<u64>().ok());
        }
        Self(Some(versions))
    }

    /// Lets a change of this version of something pass, or answers 412.
    pub fn check(&self, what: &str, version: u64) -> Answer<()> {
        if self.0.as_ref().is_none_or(|versions| versions.contains(&version)) {
            return Ok(());
        }
        let detail = format!("the {what} is at version {version} and If-Match names another");
        let (name, value) = etag(version);
        Err(Problem::new(Code::VersionMismatch, detail).with_header(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(texts: &[&str]) -> IfMatch {
        IfMatch::read(&texts.iter().map(|text| (IF_MATCH, text.parse().unwrap())).collect())
    }

    #[test]
    fn it_names_versions_or_any() {
        assert_eq!((read(&[]), read(&["*"])), (IfMatch(None), IfMatch(None)));
        assert_eq!(read(&["\"3\", W/\"4\""]), IfMatch(Some(vec![3, 4])));
        assert_eq!(read(&["7", "\"8\""]), IfMatch(Some(vec![7, 8])));
        assert_eq!(read(&["\"abc\""]), IfMatch(Some(vec![])));
    }

    #[test]
    fn another_version_is_a_412_that_names_the_one_there_is() {
        assert!(read(&["\"3\""]).check("job", 3).is_ok() && read(&["*"]).check("job", 9).is_ok());
        let problem = read(&["\"3\""]).check("job", 4).unwrap_err();
        assert_eq!(problem.code(), Code::VersionMismatch);
        assert!(problem.detail().starts_with("the job is at version 4"));
    }
}

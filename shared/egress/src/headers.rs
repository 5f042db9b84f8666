//! Which request headers are not the caller's to set.

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

/// Whether the header frames the message or names its target. Such headers come from the request itself: a
/// second opinion in them is how requests are smuggled. [`crate::Client::send`] drops them.
pub fn is_reserved(name: &HeaderName) -> bool {
    [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        HOST,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ]
    .contains(name)
        || ["keep-alive", "proxy-connection", "http2-settings"].contains(&name.as_str())
}

/// The headers without those that are reserved.
pub(crate) fn own(headers: HeaderMap) -> HeaderMap {
    if !headers.keys().any(is_reserved) {
        return headers;
    }
    let kept = headers.iter().filter(|(name, _)| !is_reserved(name));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn drops_what_frames_the_message_and_keeps_the_rest() {
        let mut headers = HeaderMap::new();
        for name in ["host", "content-length", "transfer-encoding", "connection", "upgrade", "keep-alive"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        headers.append("x-kept", HeaderValue::from_static("one"));
        headers.append("x-kept", HeaderValue::from_static("two"));
        let kept = own(headers);
        assert_eq!(kept.len(), 2);
        assert_eq!(kept.get_all("x-kept").iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}

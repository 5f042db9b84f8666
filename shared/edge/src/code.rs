//! The error codes: one list, one page each under `docs/errors`.

use http::StatusCode;

/// What kind of thing went wrong. The slug is a contract; the texts are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// The body is no JSON object.
    InvalidBody,
    /// A member or parameter has a value that cannot be taken.
    ValidationFailed,
    /// No credentials, or none that are believed.
    Unauthorized,
    /// A token was good once.
    TokenExpired,
    /// Known, but not allowed.
    Forbidden,
    /// Nothing is there, or nothing of the caller's.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// Something else has the name or stands in the way.
    Conflict,
    /// The job runs already.
    AlreadyRunning,
    /// The job has ended already.
    AlreadyEnded,
    /// `If-Match` names another version than the stored one.
    VersionMismatch,
    /// The body is larger than is read.
    PayloadTooLarge,
    /// The body is not declared as JSON.
    UnsupportedMediaType,
    /// An `Idempotency-Key` came before with another body.
    IdempotencyKeyReused,
    /// Too many requests in a window.
    RateLimited,
    /// A fault of ours.
    Internal,
    /// Something behind the API is busy or away.
    Unavailable,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 17] = [
        Self::InvalidBody,
        Self::ValidationFailed,
        Self::Unauthorized,
        Self::TokenExpired,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::AlreadyRunning,
        Self::AlreadyEnded,
        Self::VersionMismatch,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::IdempotencyKeyReused,
        Self::RateLimited,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The last part of a problem's `type`, and the name of its page.
    pub const fn slug(self) -> &'static str {
        self.parts().0
    }

    /// A problem's `title`.
    pub const fn title(self) -> &'static str {
        self.parts().1
    }

    /// A problem's `status`.
    pub const fn status(self) -> StatusCode {
        self.parts().2
    }

    const fn parts(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::InvalidBody => ("invalid-body", "The body cannot be read", StatusCode::BAD_REQUEST),
            Self::ValidationFailed => {
                ("validation-failed", "A value cannot be taken", StatusCode::BAD_REQUEST)
            }
            Self::Unauthorized => ("unauthorized", "Not signed in", StatusCode::UNAUTHORIZED),
            Self::TokenExpired => ("token-expired", "The token has expired", StatusCode::UNAUTHORIZED),
            Self::Forbidden => ("forbidden", "Not allowed", StatusCode::FORBIDDEN),
            Self::NotFound => ("not-found", "Not found", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => {
                ("method-not-allowed", "The method does not fit the path", StatusCode::METHOD_NOT_ALLOWED)
            }
            Self::Conflict => ("conflict", "It is in the way of something else", StatusCode::CONFLICT),
            Self::AlreadyRunning => ("already-running", "The job is running", StatusCode::CONFLICT),
            Self::AlreadyEnded => ("already-ended", "The job has ended", StatusCode::CONFLICT),
            Self::VersionMismatch => {
                ("version-mismatch", "The record has changed", StatusCode::PRECONDITION_FAILED)
            }
            Self::PayloadTooLarge => ("payload-too-large", "Too large", StatusCode::PAYLOAD_TOO_LARGE),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", "Not JSON", StatusCode::UNSUPPORTED_MEDIA_TYPE)
            }
            Self::IdempotencyKeyReused => (
                "idempotency-key-reused",
                "The Idempotency-Key belongs to another request",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::RateLimited => ("rate-limited", "Too many requests", StatusCode::TOO_MANY_REQUESTS),
            Self::Internal => ("internal", "A fault of ours", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable => ("unavailable", "Try again soon", StatusCode::SERVICE_UNAVAILABLE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_that_tells_cause_and_remedy() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        for code in Code::ALL {
            let page = std::fs::read_to_string(format!("{folder}/{}.md", code.slug()))
                .unwrap_or_else(|failure| panic!("{}: {failure}", code.slug()));
            assert!(page.starts_with(&format!("# {}\n", code.slug())), "{}", code.slug());
            assert!(page.contains(&code.status().as_u16().to_string()), "{} names its status", code.slug());
            for part in ["## Cause", "## Example", "## Mend"] {
                assert!(page.contains(part), "{}: {part}", code.slug());
            }
            assert!(page.contains(&format!("\"type\": \"/docs/errors/{}\"", code.slug())), "{}", code.slug());
            assert!(page.contains(code.title()), "{} shows its title", code.slug());
        }
        let pages = std::fs::read_dir(folder).unwrap().count();
        assert_eq!(pages, Code::ALL.len(), "a page for each code and no other");
    }
}

//! What can go wrong with the table.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// The table did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It is busy, throttled or out of reach: the same request may succeed a moment later.
    #[error("the table is busy or out of reach ({0})")]
    Busy(String),
    /// It refused, or what it holds cannot be read: the same request would fail again.
    #[error("the table refused or holds what cannot be read ({0})")]
    Broken(String),
}

/// Codes that pass by themselves, besides what never reached the table.
const PASSING: [&str; 8] = [
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "TransactionCanceledException",
    "InternalServerError",
    "ServiceUnavailable",
];

impl StoreError {
    pub(crate) fn sdk<E: ProvideErrorMetadata>(error: SdkError<E>) -> Self {
        match &error {
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
                Self::Busy("no answer".to_owned())
            }
            _ => {
                let code = error.code().unwrap_or("unknown error");
                let text = format!("{code}: {}", error.message().unwrap_or("no message"));
                if PASSING.contains(&code) { Self::Busy(text) } else { Self::Broken(text) }
            }
        }
    }

    pub(crate) fn unreadable(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Broken(format!("{what}: {error}"))
    }
}

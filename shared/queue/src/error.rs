//! What can go wrong with a queue.

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

/// A queue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// It is busy or out of reach: the same request may succeed a moment later.
    #[error("the queue is busy or out of reach ({0})")]
    Busy(String),
    /// It refused: the same request would be refused again.
    #[error("the queue refused ({0})")]
    Broken(String),
}

const PASSING: [&str; 5] =
    ["RequestThrottled", "ThrottlingException", "KmsThrottled", "InternalFailure", "ServiceUnavailable"];

impl QueueError {
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
}

//! What SQS answers when it refuses, in both spellings that the SDKs read.

/// A refusal, or a failure of the storage under it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("The specified queue does not exist.")]
    NoQueue,
    #[error("A queue already exists with the same name and a different value for attribute {0}")]
    QueueExists(String),
    #[error("The input receipt handle is invalid.")]
    BadHandle,
    #[error("The specified message isn't in flight.")]
    NotInFlight,
    #[error("{0}")]
    Invalid(String),
    #[error("The request must contain the parameter {0}.")]
    Missing(&'static str),
    #[error("Invalid value for the parameter {0}.")]
    AttributeValue(String),
    #[error("Unknown Attribute {0}.")]
    AttributeName(String),
    #[error(
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
    )]
    Contents,
    #[error("There should be at least one entry in the request.")]
    EmptyBatch,
    #[error("Maximum number of entries per request are 10. You have sent {0}.")]
    TooManyEntries(usize),
    #[error("Id {0} repeated.")]
    RepeatedId(String),
    #[error("Batch requests cannot be longer than {0} bytes.")]
    BatchTooLong(usize),
    #[error("{0}")]
    NoResource(String),
    #[error("{0}")]
    Unsupported(String),
    #[error("the queue storage failed")]
    Storage(#[from] rusqlite::Error),
    #[error("the queue storage holds a row that cannot be read")]
    Row(#[from] serde_json::Error),
    #[error("no randomness to be had")]
    Entropy,
}

impl Fault {
    /// The code of the query protocol, which the SDKs prefer when they see it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::NoQueue => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueExists(_) => "QueueAlreadyExists",
            Self::BadHandle => "ReceiptHandleIsInvalid",
            Self::NotInFlight => "AWS.SimpleQueueService.MessageNotInflight",
            Self::Invalid(_) => "InvalidParameterValue",
            Self::Missing(_) => "MissingParameter",
            Self::AttributeValue(_) => "InvalidAttributeValue",
            Self::AttributeName(_) => "InvalidAttributeName",
            Self::Contents => "InvalidMessageContents",
            Self::EmptyBatch => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::TooManyEntries(_) => "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            Self::RepeatedId(_) => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::BatchTooLong(_) => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::NoResource(_) => "ResourceNotFoundException",
            Self::Unsupported(_) => "AWS.SimpleQueueService.UnsupportedOperation",
            Self::Storage(_) | Self::Row(_) | Self::Entropy => "InternalFailure",
        }
    }

    /// The `__type` of the JSON protocol.
    pub(crate) fn shape(&self) -> String {
        let name = match self {
            Self::NoQueue => "QueueDoesNotExist",
            Self::QueueExists(_) => "QueueNameExists",
            _ => {
                let code = self.code();
                code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
            }
        };
        format!("com.amazonaws.sqs#{name}")
    }

    /// Whether the caller is not to blame.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(self, Self::Storage(_) | Self::Row(_) | Self::Entropy)
    }
}

//! What is measured, and by which event.

use serde_json::Value;

/// A function, the sample event that its first poll is answered with, and what must come of that.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    pub(crate) event: &'static str,
    pub(crate) wanted: Wanted,
}

/// What an answer must be.
#[derive(Clone, Copy)]
pub(crate) enum Wanted {
    /// An HTTP answer of this status.
    Status(u64),
    /// A batch of which no message failed.
    NoFailure,
    /// A count of what a tick has announced.
    Count,
}

/// The bare one first. Each event is one that reads the table, so that the first answer has a first call in it. That of
/// `auth` is not a login: that takes 19 MiB and its time on purpose, at whatever temperature.
pub(crate) const SUBJECTS: [Subject; 9] = [
    Subject { name: "bare", event: "auth/profile.v2", wanted: Wanted::Status(200) },
    Subject { name: "auth", event: "auth/profile.v2", wanted: Wanted::Status(200) },
    Subject { name: "jobs", event: "jobs/list.v2", wanted: Wanted::Status(200) },
    Subject { name: "run", event: "run/run.v2", wanted: Wanted::Status(202) },
    Subject { name: "endpoints", event: "endpoints/list.v2", wanted: Wanted::Status(200) },
    Subject { name: "worker", event: "worker/run", wanted: Wanted::NoFailure },
    Subject { name: "webhook", event: "webhook/deliver", wanted: Wanted::NoFailure },
    Subject { name: "deadletter", event: "deadletter/run", wanted: Wanted::NoFailure },
    Subject { name: "scheduler", event: "scheduler/tick", wanted: Wanted::Count },
];

impl Subject {
    /// Whether it is what the others are compared with.
    pub(crate) fn is_bare(&self) -> bool {
        self.name == "bare"
    }

    /// How its binary is called.
    pub(crate) fn binary(&self) -> String {
        format!("nightjar-{}", self.name)
    }
}

impl Wanted {
    /// Whether this is such an answer.
    pub(crate) fn is(self, answer: &Value) -> bool {
        match self {
            Self::Status(status) => answer["statusCode"] == status,
            Self::NoFailure => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
            Self::Count => answer["sent"].is_u64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_that_failed_is_none() {
        assert!(Wanted::Status(200).is(&json!({ "statusCode": 200 })));
        assert!(!Wanted::Status(200).is(&json!({ "statusCode": 401 })));
        assert!(Wanted::NoFailure.is(&json!({ "batchItemFailures": [] })));
        assert!(!Wanted::NoFailure.is(&json!({ "batchItemFailures": [{ "itemIdentifier": "1" }] })));
        assert!(!Wanted::NoFailure.is(&json!({})));
        assert!(Wanted::Count.is(&json!({ "sent": 0 })));
        assert!(!Wanted::Count.is(&json!({ "errorMessage": "no" })));
    }
}

//! Where a job stands and how urgent it is, in words.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Created, and nothing has asked it to run.
    Pending,
    /// A run is on: queued, being worked on, or waiting for its next attempt.
    Running,
    /// Its last run ended well.
    Completed,
    /// Its last run ended badly.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
}

impl Status {
    /// Every status, in the order of a job's life.
    pub const ALL: [Self; 5] = [Self::Pending, Self::Running, Self::Completed, Self::Failed, Self::Cancelled];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether a job in it does nothing more by itself.
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// How urgent a job is: each priority has a queue and workers of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Before the others.
    High,
    /// In between.
    Medium,
    /// The default.
    #[default]
    Low,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// The text names none of the known values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct Unknown(&'static str);

impl FromStr for Status {
    type Err = Unknown;

    /// In any case; `IN_PROGRESS` is read as running and `canceled` as cancelled.
    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text.to_ascii_lowercase().as_str() {
            "pending" => Ok(Self::Pending),
            "running" | "in_progress" => Ok(Self::Running),
            "completed" => Ok(Self::Completed),
            "failed" => Ok(Self::Failed),
            "cancelled" | "canceled" => Ok(Self::Cancelled),
            _ => Err(Unknown("pending, running, completed, failed, cancelled")),
        }
    }
}

impl FromStr for Priority {
    type Err = Unknown;

    /// In any case.
    fn from_str(text: &str) -> Result<Self, Unknown> {
        match text.to_ascii_lowercase().as_str() {
            "high" => Ok(Self::High),
            "medium" => Ok(Self::Medium),
            "low" => Ok(Self::Low),
            _ => Err(Unknown("high, medium, low")),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_any_case_and_written_in_lower() {
        assert_eq!("HIGH".parse(), Ok(Priority::High));
        assert_eq!("In_Progress".parse(), Ok(Status::Running));
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
            assert_eq!(serde_json::to_string(&status).unwrap(), format!("\"{status}\""));
        }
        for priority in Priority::ALL {
            assert_eq!(priority.as_str().parse(), Ok(priority));
        }
        assert!("urgent".parse::<Priority>().unwrap_err().to_string().contains("high, medium, low"));
    }
}

//! What a job's log tells: short entries, written in the same write as the change they tell of.

use serde::{Deserialize, Serialize};

use crate::job::Status;
use crate::time::Moment;

/// How many entries a job keeps; older ones make room.
pub const MAX_ENTRIES: usize = 20;
/// How long an error text may be before it is cut.
pub const MAX_ERROR_BYTES: usize = 1024;

/// One entry. Member names are single letters where it is stored: every write bills the whole item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Its number in the job's life, from 1.
    #[serde(rename = "n")]
    pub number: u64,
    /// When.
    #[serde(rename = "t", with = "crate::time::millis")]
    pub at: Moment,
    /// The job's status from then on.
    #[serde(rename = "s")]
    pub status: Status,
    /// What happened.
    #[serde(rename = "m")]
    pub message: String,
    /// What went wrong, if something did.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The entries of one job, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Log(Vec<LogEntry>);

impl Log {
    /// Adds an entry and lets go of the oldest when there are too many.
    pub fn add(&mut self, at: Moment, status: Status, message: impl Into<String>, error: Option<&str>) {
        let number = self.0.last().map_or(1, |last| last.number.saturating_add(1));
        let error = error.map(|text| cut(text, MAX_ERROR_BYTES));
        self.0.push(LogEntry { number, at, status, message: message.into(), error });
        let surplus = self.0.len().saturating_sub(MAX_ENTRIES);
        self.0.drain(..surplus);
    }

    /// Oldest first.
    pub fn entries(&self) -> &[LogEntry] {
        &self.0
    }
}

/// The text, cut to so many bytes at a character boundary, with an ellipsis where something is gone.
pub fn cut(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let mut end = bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_their_numbers() {
        let mut log = Log::default();
        for n in 0..25 {
            log.add(Moment::from_millis(n), Status::Running, format!("step {n}"), None);
        }
        assert_eq!(log.entries().len(), MAX_ENTRIES);
        assert_eq!(log.entries()[0].number, 6);
        assert_eq!(log.entries()[19].message, "step 24");
    }

    #[test]
    fn the_last_number_stays_the_last() {
        let entry = LogEntry {
            number: u64::MAX,
            at: Moment::from_millis(0),
            status: Status::Running,
            message: "step".into(),
            error: None,
        };
        let mut log = Log(vec![entry]);
        log.add(Moment::from_millis(1), Status::Running, "another", None);
        assert_eq!(log.entries()[1].number, u64::MAX);
    }

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("ééééé", 8), "éé…");
        assert!(cut(&"x".repeat(5_000), MAX_ERROR_BYTES).len() <= MAX_ERROR_BYTES);
    }
}

//! What a tick has done, and the line of log that tells it.

use std::fmt::Display;
use std::time::Duration;

use serde::Serialize;

/// What one tick has done, counted in rows of the index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ticked {
    /// Rows that were read.
    pub read: usize,
    /// Rows that were announced before and are not to be looked at again yet.
    pub waiting: usize,
    /// Occurrences that were announced now.
    pub sent: usize,
    /// Those of them that had been announced before, and nothing came of it.
    pub again: usize,
    /// Those that were announced for the first time, and after their time.
    pub late: usize,
    /// How late the latest of these was, in milliseconds.
    pub late_ms: u64,
    /// Rows that were moved on after that.
    pub moved: usize,
    /// Rows that somebody else had changed in the meantime.
    pub outrun: usize,
    /// Rows that were announced and could not be moved: the next tick announces them again.
    pub unmoved: usize,
    /// Occurrences that could not be announced, or are not known to be: the next tick announces them again.
    pub failed: usize,
    /// Shards that could not be read to the end.
    pub unread_shards: usize,
    /// Shards that were not read to the end because the time was up.
    pub left_shards: usize,
    /// What went wrong first.
    pub trouble: Option<String>,
}

/// Not all that was due was announced. The next tick makes up for it, but somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{failed} occurrences could not be announced, and {shards} shards not be read to the end ({trouble})"
)]
pub struct Unfinished {
    failed: usize,
    shards: usize,
    trouble: String,
}

impl Ticked {
    /// Itself, if all that was due was announced.
    pub fn finished(self) -> Result<Self, Unfinished> {
        let shards = self.unread_shards + self.left_shards;
        if self.failed + shards == 0 {
            return Ok(self);
        }
        let trouble = self.trouble.unwrap_or_else(|| "the time was up".to_owned());
        Err(Unfinished { failed: self.failed, shards, trouble })
    }

    pub(crate) fn announced(&mut self, before: bool, late: Duration) {
        self.sent += 1;
        if before {
            self.again += 1;
        } else if !late.is_zero() {
            self.late += 1;
            self.late_ms = self.late_ms.max(u64::try_from(late.as_millis()).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn note(&mut self, trouble: impl Display) {
        self.trouble.get_or_insert_with(|| trouble.to_string());
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.read += other.read;
        self.waiting += other.waiting;
        self.sent += other.sent;
        self.again += other.again;
        self.late += other.late;
        self.late_ms = self.late_ms.max(other.late_ms);
        self.moved += other.moved;
        self.outrun += other.outrun;
        self.unmoved += other.unmoved;
        self.failed += other.failed;
        self.unread_shards += other.unread_shards;
        self.left_shards += other.left_shards;
        self.trouble = self.trouble.take().or(other.trouble);
    }

    /// One line, however many rows there were, with what is not zero. A tick without work is no news.
    pub(crate) fn log(&self, took: Duration) {
        let some = |count: usize| Some(count).filter(|count| *count > 0);
        macro_rules! line {
            ($level:ident, $text:literal) => {
                tracing::$level!(
                    read = some(self.read),
                    waiting = some(self.waiting),
                    sent = some(self.sent),
                    again = some(self.again),
                    late = some(self.late),
                    late_ms = Some(self.late_ms).filter(|late| *late > 0),
                    moved = some(self.moved),
                    outrun = some(self.outrun),
                    unmoved = some(self.unmoved),
                    failed = some(self.failed),
                    unread_shards = some(self.unread_shards),
                    left_shards = some(self.left_shards),
                    trouble = self.trouble.as_deref(),
                    took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                    $text
                )
            };
        }
        match self.trouble {
            None if self.left_shards == 0 && self.sent == 0 => line!(debug, "ticked"),
            None if self.left_shards == 0 => line!(info, "ticked"),
            _ => line!(warn, "ticked, but not all went well"),
        }
    }
}

//! How often something happened in a window of time.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use domain::time::Moment;

use crate::{Store, StoreError, keys};

/// A window of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When it began.
    pub start: Moment,
    /// How long it is.
    pub length: Duration,
}

impl Window {
    /// The window of that length which `now` is in.
    pub fn around(now: Moment, length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX).max(1);
        Self { start: Moment::from_millis(now.as_millis() - now.as_millis().rem_euclid(millis)), length }
    }

    /// When it ends.
    pub fn end(self) -> Moment {
        self.start.plus(self.length)
    }
}

/// Whether one more is within the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// It is, and was counted.
    Allowed {
        /// How many there are now.
        used: u64,
    },
    /// It is not.
    Refused,
}

impl Store {
    /// Counts one more, unless the limit is reached: one conditional write, exact however many ask at once.
    ///
    /// Cost: 1 WRU. A lost answer may count one call twice, to the caller's disadvantage by one.
    pub async fn count_in_window(
        &self,
        scope: &str,
        subject: &str,
        window: Window,
        limit: u64,
    ) -> Result<Count, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(scope, subject, window), "COUNT")))
            .update_expression("ADD used :one SET expiresAt = :expires")
            .condition_expression("attribute_not_exists(used) OR used < :limit")
            .expression_attribute_values(":one", keys::number(1))
            .expression_attribute_values(":limit", keys::number(limit))
            .expression_attribute_values(
                ":expires",
                keys::number(window.end().plus(window.length).as_seconds_ceil()),
            )
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
            .send()
            .await;
        match sent {
            Ok(updated) => {
                let used =
                    updated.attributes.as_ref().and_then(|new| new.get("used")?.as_n().ok()?.parse().ok());
                Ok(Count::Allowed { used: used.unwrap_or(limit) })
            }
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(Count::Refused)
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// How many were counted in the window so far.
    pub async fn window_count(&self, scope: &str, subject: &str, window: Window) -> Result<u64, StoreError> {
        let item = self.get(row(scope, subject, window), "COUNT").await?;
        Ok(item.and_then(|item| item.get("used")?.as_n().ok()?.parse().ok()).unwrap_or(0))
    }
}

fn row(scope: &str, subject: &str, window: Window) -> String {
    format!("RATE#{scope}#{subject}#{}", window.start.as_millis() / 1000)
}

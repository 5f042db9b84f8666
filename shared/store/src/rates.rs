//! How often something happened in a window of time.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::time::Moment;

use crate::{Item, Store, StoreError, keys};

/// The sort key of what is counted.
pub(crate) const COUNT: &str = "COUNT";

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

/// Whether one more is within the limit, which may yet turn out not to count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// It is, and counts until it is settled.
    Held,
    /// It is not.
    Refused {
        /// Whether that is for good: the limit is reached by those that count in any case. Else it depends on
        /// others that are not settled yet.
        settled: bool,
    },
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
        self.count_many_in_window(scope, subject, window, 1, limit).await
    }

    /// Counts so many more, all of them or none: none if they would pass the limit. Exact as
    /// [`count_in_window`](Self::count_in_window), at the same cost.
    pub async fn count_many_in_window(
        &self,
        scope: &str,
        subject: &str,
        window: Window,
        many: u64,
        limit: u64,
    ) -> Result<Count, StoreError> {
        let Some(before) = limit.checked_sub(many) else { return Ok(Count::Refused) };
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(scope, subject, window), COUNT)))
            .update_expression("ADD used :many SET expiresAt = :expires")
            .condition_expression("attribute_not_exists(used) OR used <= :before")
            .expression_attribute_values(":many", keys::number(many))
            .expression_attribute_values(":before", keys::number(before))
            .expression_attribute_values(":expires", expires(window))
            .return_values(aws_sdk_dynamodb::types::ReturnValue::UpdatedNew)
            .send()
            .await;
        match sent {
            Ok(updated) => {
                Ok(Count::Allowed { used: updated.attributes.map_or(limit, |row| number(&row, "used")) })
            }
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(Count::Refused)
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Takes back what was counted and turned out not to count. No count falls below nothing.
    ///
    /// A lost answer may take it back twice, to the caller's advantage.
    pub async fn uncount_in_window(
        &self,
        scope: &str,
        subject: &str,
        window: Window,
        many: u64,
    ) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(scope, subject, window), COUNT)))
            .update_expression("SET used = used - :many")
            .condition_expression("used >= :many")
            .expression_attribute_values(":many", keys::number(many))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(()),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Counts one more for as long as it is not known whether it counts: who holds none may not go on, so that
    /// however many ask at once, no more than the limit are under way or have come to count.
    ///
    /// Each hold is to be settled by [`settle_in_window`](Self::settle_in_window). A crash before: it counts,
    /// and this window never knows that. A lost answer may hold twice, to the caller's disadvantage by one.
    pub async fn hold_in_window(
        &self,
        scope: &str,
        subject: &str,
        window: Window,
        limit: u64,
    ) -> Result<Hold, StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(scope, subject, window), COUNT)))
            .update_expression("ADD used :one, held :one SET expiresAt = :expires")
            .condition_expression("attribute_not_exists(used) OR used < :limit")
            .expression_attribute_values(":one", keys::number(1))
            .expression_attribute_values(":limit", keys::number(limit))
            .expression_attribute_values(":expires", expires(window))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Hold::Held),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                let found = match e.err() {
                    UpdateItemError::ConditionalCheckFailedException(failed) => failed.item.as_ref(),
                    _ => None,
                };
                let settled =
                    found.is_some_and(|row| number(row, "used").saturating_sub(number(row, "held")) >= limit);
                Ok(Hold::Refused { settled })
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Ends a hold: from now on it counts for good, or it never has.
    ///
    /// A lost answer may settle another's hold in its place; none is settled that is not there.
    pub async fn settle_in_window(
        &self,
        scope: &str,
        subject: &str,
        window: Window,
        counts: bool,
    ) -> Result<(), StoreError> {
        let update = if counts { "ADD held :less" } else { "ADD held :less, used :less" };
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(scope, subject, window), COUNT)))
            .update_expression(update)
            .condition_expression("held > :none")
            .expression_attribute_values(":less", keys::number(-1))
            .expression_attribute_values(":none", keys::number(0))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(()),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// How many were counted in the window so far.
    pub async fn window_count(&self, scope: &str, subject: &str, window: Window) -> Result<u64, StoreError> {
        let item = self.get(row(scope, subject, window), COUNT).await?;
        Ok(item.map_or(0, |row| number(&row, "used")))
    }
}

pub(crate) fn number(row: &Item, name: &str) -> u64 {
    row.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(0)
}

/// One window after its end: clocks differ, and TTL is not to the second.
fn expires(window: Window) -> AttributeValue {
    keys::number(window.end().plus(window.length).as_seconds_ceil())
}

fn row(scope: &str, subject: &str, window: Window) -> String {
    format!("RATE#{scope}#{subject}#{}", window.start.as_millis() / 1000)
}

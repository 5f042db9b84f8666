//! What is known of receivers. No write here is fenced: each says something that holds whatever else was written,
//! and is harmless when it is said twice. The record of an endpoint is made and deleted with it, and nothing here
//! brings it back.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::endpoint::Told;
use domain::health::{Health, Pace, Showing, Subject};
use domain::time::Moment;
use serde_dynamo::aws_sdk_dynamodb_1::from_item;

use crate::create::expired;
use crate::{Item, Store, StoreError, keys};

/// How long a receiver is remembered that is no endpoint, from the last time that there was news of it.
const REMEMBERED: Duration = Duration::from_secs(30 * 86_400);
/// How often a turn is asked for while others take theirs.
const RACES: usize = 5;

/// When something may go to a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now.
    Now,
    /// Then: that turn is nobody else's.
    At(Moment),
    /// Not for a while: ask again.
    Later,
}

impl Store {
    /// What is known of a receiver, read consistently.
    pub async fn health(&self, subject: &Subject, now: Moment) -> Result<Health, StoreError> {
        let found = self.get(keys::health(subject), keys::HEALTH).await?;
        found.filter(|item| !expired(item, now)).map_or_else(|| Ok(Health::default()), read)
    }

    /// What is known of several receivers, in no order; those that nothing is known of are left out.
    pub async fn healths(
        &self,
        subjects: &[Subject],
        now: Moment,
    ) -> Result<Vec<(String, Health)>, StoreError> {
        let wanted = subjects.iter().map(|subject| keys::key(keys::health(subject), keys::HEALTH)).collect();
        let mut found = Vec::new();
        for item in self.batch_get(wanted, false).await?.into_iter().filter(|item| !expired(item, now)) {
            let of = item.get("pk").and_then(|pk| pk.as_s().ok()).and_then(|pk| keys::subject(pk));
            found.push((of.unwrap_or_default().to_owned(), read(item)?));
        }
        Ok(found)
    }

    /// Notes what an attempt has shown. Call it where that is news only: it costs 1 WRU.
    pub async fn note_showing(
        &self,
        subject: &Subject,
        showing: Showing,
        sent_at: Moment,
    ) -> Result<(), StoreError> {
        let update = self.health_update(subject);
        let update = if showing.taken {
            let base = "SET latency = :latency";
            update.update_expression(format!("{} REMOVE failingSince, warnedAt", self.lasting(base, subject)))
        } else {
            let base = "SET latency = :latency, failingSince = if_not_exists(failingSince, :at)";
            update
                .update_expression(self.lasting(base, subject))
                .expression_attribute_values(":at", keys::number(sent_at.as_millis()))
        };
        let update = update.expression_attribute_values(":latency", keys::number(showing.latency));
        took_effect(if_there(expiring(update, subject, sent_at), subject, None)).await.map(|_| ())
    }

    /// Notes that an attempt is taking long, while it still is.
    pub async fn note_slow(&self, subject: &Subject, latency: u32, now: Moment) -> Result<(), StoreError> {
        let update = self
            .health_update(subject)
            .update_expression(self.lasting("SET latency = :latency", subject))
            .expression_attribute_values(":latency", keys::number(latency));
        took_effect(if_there(expiring(update, subject, now), subject, None)).await.map(|_| ())
    }

    /// Notes that the owner was warned of failures that have gone on since then; false if that was noted before,
    /// or they are over.
    pub async fn note_warned(
        &self,
        subject: &Subject,
        since: Moment,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let update = self
            .health_update(subject)
            .update_expression("SET warnedAt = :now")
            .condition_expression("failingSince = :since AND attribute_not_exists(warnedAt)")
            .expression_attribute_values(":since", keys::number(since.as_millis()))
            .expression_attribute_values(":now", keys::number(now.as_millis()));
        took_effect(update).await
    }

    /// Switches an endpoint off; false if it is, or if it was to be for failures that are over.
    pub async fn switch_off(
        &self,
        subject: &Subject,
        told: Told,
        since: Option<Moment>,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let update = self
            .health_update(subject)
            .update_expression("SET disabledAt = :now, disabledFor = :told")
            .expression_attribute_values(":now", keys::number(now.as_millis()))
            .expression_attribute_values(":told", keys::text(told.as_str()));
        let on = "attribute_not_exists(disabledAt)";
        let update = match since {
            Some(since) => update
                .condition_expression(format!("{on} AND failingSince = :since"))
                .expression_attribute_values(":since", keys::number(since.as_millis())),
            None => if_there(update, subject, Some(on)),
        };
        took_effect(update).await
    }

    /// Forgets what an endpoint was switched off for.
    pub async fn switch_on(&self, subject: &Subject) -> Result<(), StoreError> {
        let update = self
            .health_update(subject)
            .update_expression("REMOVE disabledAt, disabledFor, failingSince, warnedAt");
        took_effect(if_there(update, subject, None)).await.map(|_| ())
    }

    /// Takes the next turn at a receiver: exact, however many ask at once.
    ///
    /// Cost: 1 WRU; none where the turns that may be given out are known to be gone. A lost answer, and a crash
    /// afterwards, waste a turn.
    pub async fn take_turn(
        &self,
        subject: &Subject,
        seen: Option<Moment>,
        pace: Pace,
        now: Moment,
    ) -> Result<Turn, StoreError> {
        let interval = i64::try_from(pace.interval.as_millis()).unwrap_or(i64::MAX).max(1);
        let last = now.plus(pace.burst).plus(pace.ahead);
        let mut seen = seen;
        for _ in 0..RACES {
            let (update, queued) = match seen {
                Some(turn) if turn > last => return Ok(Turn::Later),
                Some(turn) if turn > now => {
                    let update = self
                        .health_update(subject)
                        .update_expression(self.lasting("SET turn = turn + :interval", subject))
                        .condition_expression("turn > :now AND turn <= :last")
                        .expression_attribute_values(":interval", keys::number(interval))
                        .expression_attribute_values(":last", keys::number(last.as_millis()));
                    (update, true)
                }
                _ => {
                    let next = now.as_millis().saturating_add(interval);
                    let update = self
                        .health_update(subject)
                        .update_expression(self.lasting("SET turn = :next", subject))
                        .expression_attribute_values(":next", keys::number(next));
                    let free = "(attribute_not_exists(turn) OR turn <= :now)";
                    (if_there(update, subject, Some(free)), false)
                }
            };
            let update = expiring(update, subject, now)
                .expression_attribute_values(":now", keys::number(now.as_millis()))
                .return_values(ReturnValue::UpdatedOld)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match update.send().await {
                Ok(_) if !queued => return Ok(Turn::Now),
                Ok(done) => {
                    let mine = done.attributes.as_ref().and_then(turn).unwrap_or(now);
                    let burst = i64::try_from(pace.burst.as_millis()).unwrap_or(0);
                    let mine = Moment::from_millis(mine.as_millis().saturating_sub(burst));
                    return Ok(if mine <= now { Turn::Now } else { Turn::At(mine) });
                }
                Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                    seen = match e.err() {
                        UpdateItemError::ConditionalCheckFailedException(failed) => {
                            failed.item.as_ref().and_then(turn)
                        }
                        _ => None,
                    };
                }
                Err(e) => return Err(StoreError::sdk(e)),
            }
        }
        Ok(Turn::Later)
    }

    fn health_update(&self, subject: &Subject) -> UpdateItemFluentBuilder {
        let key = keys::key(keys::health(subject), keys::HEALTH);
        self.client.update_item().table_name(self.table()).set_key(Some(key))
    }

    /// The expression, with the TTL of what nobody deletes.
    fn lasting(&self, set: &str, subject: &Subject) -> String {
        if subject.is_endpoint() { set.to_owned() } else { format!("{set}, expiresAt = :expires") }
    }
}

fn expiring(update: UpdateItemFluentBuilder, subject: &Subject, now: Moment) -> UpdateItemFluentBuilder {
    if subject.is_endpoint() {
        return update;
    }
    let expires = now.plus(REMEMBERED).as_seconds_ceil();
    update.expression_attribute_values(":expires", keys::number(expires))
}

/// Under this condition, and, where an endpoint may have been deleted, that it was not.
fn if_there(
    update: UpdateItemFluentBuilder,
    subject: &Subject,
    condition: Option<&str>,
) -> UpdateItemFluentBuilder {
    let there = subject.is_endpoint().then_some("attribute_exists(pk)");
    let all: Vec<_> = [there, condition].into_iter().flatten().collect();
    if all.is_empty() { update } else { update.condition_expression(all.join(" AND ")) }
}

async fn took_effect(update: UpdateItemFluentBuilder) -> Result<bool, StoreError> {
    match update.send().await {
        Ok(_) => Ok(true),
        Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
        Err(e) => Err(StoreError::sdk(e)),
    }
}

fn turn(item: &Item) -> Option<Moment> {
    item.get("turn")?.as_n().ok()?.parse().ok().map(Moment::from_millis)
}

pub(crate) fn read(item: Item) -> Result<Health, StoreError> {
    from_item(item).map_err(|e| StoreError::unreadable("what is known of a receiver cannot be read", e))
}

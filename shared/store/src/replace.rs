//! Writing a job over the version before it.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use domain::id::JobId;
use domain::job::{Job, PayloadPlace};
use domain::life::put_aside;
use domain::payload::Payload;
use domain::time::Moment;

use crate::jobs::build;
use crate::schema::TTL_ATTRIBUTE;
use crate::{Item, Store, StoreError, job_item, keys, runs};

/// How much longer than its job a payload is kept beside it: the table forgets the two in any order.
const AFTER_ITS_JOB: Duration = Duration::from_secs(24 * 3_600);
/// How often a transaction is tried that another one, or another write, stands in the way of.
const MOST_CONFLICTS: usize = 4;

/// What became of a write.
#[derive(Debug)]
pub enum Replaced {
    /// It stands.
    Written,
    /// Somebody else wrote first; this is the record now, if there still is one.
    Lost(Option<Box<Job>>),
}

impl Store {
    /// Writes `next` over `seen`, the version before it. If that leaves an ended run out of the record, the run is put
    /// aside in the same transaction, and kept for so long: so no run is lost, and none is put beside a job that was
    /// deleted in between and has been purged. A payload does not expire any more if the job has a future again. Where an
    /// attempt begins and nothing else that a list shows has changed, the row of the list stays as it is.
    ///
    /// What becomes of it is as in [`replace_job`](Self::replace_job).
    pub async fn replace_seen(
        &self,
        seen: &Job,
        next: &Job,
        keep: Option<Duration>,
    ) -> Result<Replaced, StoreError> {
        let revives = seen.expires_at.is_some() && next.expires_at.is_none();
        let Some(ended) = put_aside(seen, next) else {
            return match next.expires_at {
                None if revives => self.revive_job(next).await,
                None => self.replace_item(job_item::write_over(seen, next, self.shards)?, next).await,
                Some(_) => self.replace_job(next).await,
            };
        };
        let expires = keep.map(|keep| next.updated_at.plus(keep));
        let aside = self.put(runs::item(next.id, ended, expires)?)?;
        let item = job_item::write(next, self.shards)?;
        let marks = revives || next.expires_at.is_some() && next.deleted_at.is_none();
        if marks && matches!(next.payload, PayloadPlace::Apart { .. }) {
            let mark = self.mark_payload(next.id, next.expires_at)?;
            match self.replace_all(&item, next, &[aside.clone(), mark]).await? {
                All::Written => return Ok(Replaced::Written),
                All::JobRefused(replaced) => return Ok(replaced),
                // There is no payload.
                All::OtherRefused => {}
            }
        }
        match self.replace_all(&item, next, &[aside]).await? {
            All::Written => Ok(Replaced::Written),
            All::JobRefused(replaced) => Ok(replaced),
            All::OtherRefused => Err(StoreError::Busy("a run was refused".to_owned())),
        }
    }

    /// Writes a job over the version before it.
    ///
    /// A lost race: the condition fails and the answer carries the record as it is now, so that the caller
    /// decides again without another read. A lost answer: the SDK tries again, the condition fails because the
    /// first try took effect, and the record that comes back is the one that was to be written: that counts as
    /// written. A crash before: nothing has changed. A crash after: the record tells what is owed.
    ///
    /// A record that expires takes a payload beside it along, in one transaction, for neither may outlast the
    /// other: a worker that dies in between, or loses the race to an edit that gives the job a future, would
    /// leave a job whose payload vanishes.
    pub async fn replace_job(&self, next: &Job) -> Result<Replaced, StoreError> {
        match (next.expires_at, next.deleted_at) {
            (Some(expires), None) => self.replace_with_payload(next, Some(expires)).await,
            _ => self.replace_item(job_item::write(next, self.shards)?, next).await,
        }
    }

    /// As [`replace_job`](Self::replace_job), for a job that has a future again: a payload beside it is not to
    /// expire any more, in the same transaction.
    pub async fn revive_job(&self, next: &Job) -> Result<Replaced, StoreError> {
        self.replace_with_payload(next, None).await
    }

    async fn replace_with_payload(
        &self,
        next: &Job,
        expires: Option<Moment>,
    ) -> Result<Replaced, StoreError> {
        let item = job_item::write(next, self.shards)?;
        if matches!(next.payload, PayloadPlace::Apart { .. }) {
            match self.replace_all(&item, next, &[self.mark_payload(next.id, expires)?]).await? {
                All::Written => return Ok(Replaced::Written),
                All::JobRefused(replaced) => return Ok(replaced),
                // There is none: what is left of the job is written all the same.
                All::OtherRefused => {}
            }
        }
        self.replace_item(item, next).await
    }

    async fn replace_item(&self, item: Item, next: &Job) -> Result<Replaced, StoreError> {
        let seen = next.version.saturating_sub(1);
        let sent = self
            .client
            .put_item()
            .table_name(self.table())
            .set_item(Some(item.clone()))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", keys::number(seen))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Replaced::Written),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                let PutItemError::ConditionalCheckFailedException(failed) = e.into_err() else {
                    return Ok(Replaced::Lost(None));
                };
                lost(failed.item, &item)
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Writes a job over the version before it, with its payload, in one transaction. The payload is new, or
    /// the job has no end before it any more and the payload shall not expire either.
    pub async fn replace_job_and_payload(&self, next: Job, payload: Payload) -> Result<Replaced, StoreError> {
        let was_apart = matches!(next.payload, PayloadPlace::Apart { .. });
        let (next, apart) = job_item::place_payload(next, payload, self.shards)?;
        let item = job_item::write(&next, self.shards)?;
        let other = match &apart {
            Some(payload) => {
                let mut item = job_item::write_payload(next.id, payload);
                if let Some(expires) = next.expires_at {
                    item.insert(TTL_ATTRIBUTE.to_owned(), payload_expiry(expires));
                }
                self.put(item)?
            }
            None if was_apart => {
                let key = keys::key(keys::job(next.id), keys::PAYLOAD);
                let delete = Delete::builder().table_name(self.table()).set_key(Some(key));
                TransactWriteItem::builder().delete(build(delete.build())?).build()
            }
            None => return self.replace_item(item, &next).await,
        };
        match (self.replace_all(&item, &next, &[other]).await?, apart) {
            (All::Written, _) => Ok(Replaced::Written),
            // Two payloads may begin alike: then the record does not tell whose stands beside it.
            (All::JobRefused(Replaced::Written), Some(ours)) if self.payload(&next).await? != ours => {
                Ok(Replaced::Lost(Some(Box::new(next))))
            }
            (All::JobRefused(replaced), _) => Ok(replaced),
            (All::OtherRefused, _) => Err(StoreError::Busy("a payload was refused".to_owned())),
        }
    }

    /// Writes a job over the version before it, and something else, or nothing. Whoever writes one of them at
    /// the same moment makes DynamoDB refuse the other transaction, so it is tried again.
    async fn replace_all(
        &self,
        item: &Item,
        next: &Job,
        others: &[TransactWriteItem],
    ) -> Result<All, StoreError> {
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item.clone()))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", keys::number(next.version.saturating_sub(1)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let job = TransactWriteItem::builder().put(build(put.build())?).build();
        for _ in 0..MOST_CONFLICTS {
            let writes = std::iter::once(job.clone()).chain(others.iter().cloned()).collect();
            let sent = self.client.transact_write_items().set_transact_items(Some(writes)).send().await;
            let reasons = match sent {
                Ok(_) => return Ok(All::Written),
                Err(SdkError::ServiceError(e)) if e.err().is_transaction_canceled_exception() => {
                    match e.into_err() {
                        TransactWriteItemsError::TransactionCanceledException(c) => {
                            c.cancellation_reasons.unwrap_or_default()
                        }
                        _ => Vec::new(),
                    }
                }
                Err(e) => return Err(StoreError::sdk(e)),
            };
            let refused = |reason: &&CancellationReason| reason.code() == Some("ConditionalCheckFailed");
            if let Some(first) = reasons.first().filter(refused) {
                return Ok(All::JobRefused(lost(first.item.clone(), item)?));
            }
            if reasons.iter().skip(1).any(|reason| refused(&reason)) {
                return Ok(All::OtherRefused);
            }
        }
        Err(StoreError::Busy("another transaction is on".to_owned()))
    }

    /// The part of a transaction that lets a payload expire with its job, or not at all.
    fn mark_payload(&self, job: JobId, expires: Option<Moment>) -> Result<TransactWriteItem, StoreError> {
        let update = Update::builder()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::job(job), keys::PAYLOAD)))
            .condition_expression("attribute_exists(pk)");
        let update = match expires {
            Some(expires) => update
                .update_expression(format!("SET {TTL_ATTRIBUTE} = :then"))
                .expression_attribute_values(":then", payload_expiry(expires)),
            None => update.update_expression(format!("REMOVE {TTL_ATTRIBUTE}")),
        };
        Ok(TransactWriteItem::builder().update(build(update.build())?).build())
    }
}

/// What became of a transaction of a job and others.
enum All {
    /// All stand.
    Written,
    /// The job's condition failed: it stands already, or the race is lost.
    JobRefused(Replaced),
    /// Another's condition failed, and nothing was written.
    OtherRefused,
}

/// When a payload beside a job that expires then does so.
fn payload_expiry(job: Moment) -> AttributeValue {
    keys::number(job.plus(AFTER_ITS_JOB).as_seconds_ceil())
}

fn lost(found: Option<Item>, wanted: &Item) -> Result<Replaced, StoreError> {
    match found {
        Some(found) if job_item::same(&found, wanted) => Ok(Replaced::Written),
        Some(found) => Ok(Replaced::Lost(Some(Box::new(job_item::read(found)?)))),
        None => Ok(Replaced::Lost(None)),
    }
}

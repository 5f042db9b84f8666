//! One job: read it, replace it, put a run aside.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    KeysAndAttributes, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
};
use domain::delivery::Delivery;
use domain::id::{JobId, RunId};
use domain::job::{Job, PayloadPlace, Run};
use domain::payload::Payload;
use domain::time::Moment;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::{Item, Store, StoreError, deliveries, job_item, keys};

/// What became of a write.
#[derive(Debug)]
pub enum Replaced {
    /// It stands.
    Written,
    /// Somebody else wrote first; this is the record now, if there still is one.
    Lost(Option<Box<Job>>),
}

/// A job and what hangs on it.
#[derive(Debug)]
pub struct JobAndAll {
    /// The job.
    pub job: Job,
    /// Its payload.
    pub payload: Payload,
    /// Its earlier runs that are still kept, oldest first.
    pub runs: Vec<Run>,
    /// Its deliveries that are still kept, oldest first.
    pub deliveries: Vec<Delivery>,
}

impl Store {
    /// The job of that id, read consistently, if there is one that is neither deleted nor expired.
    pub async fn job(&self, id: JobId, now: Moment) -> Result<Option<Job>, StoreError> {
        Ok(self.job_even_deleted(id, now).await?.filter(|job| job.deleted_at.is_none()))
    }

    /// As [`job`](Self::job), and the mark that a deleted job leaves too.
    pub async fn job_even_deleted(&self, id: JobId, now: Moment) -> Result<Option<Job>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::job(id), keys::JOB)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        let job = got.item.map(job_item::read).transpose()?;
        Ok(job.filter(|job| job.expires_at.is_none_or(|expires| expires > now)))
    }

    /// Some jobs at once, in no order; those that are not there are left out.
    pub async fn jobs(&self, ids: &[JobId], now: Moment) -> Result<Vec<Job>, StoreError> {
        let keys = ids.iter().map(|id| keys::key(keys::job(*id), keys::JOB)).collect();
        let items = self.batch_get(keys, false).await?;
        let jobs: Vec<Job> = items.into_iter().map(job_item::read).collect::<Result<_, _>>()?;
        let lives =
            |job: &Job| job.deleted_at.is_none() && job.expires_at.is_none_or(|expires| expires > now);
        Ok(jobs.into_iter().filter(lives).collect())
    }

    /// The job's payload, from wherever it is.
    pub async fn payload(&self, job: &Job) -> Result<Payload, StoreError> {
        match &job.payload {
            PayloadPlace::Here(payload) => Ok(payload.clone()),
            PayloadPlace::Apart { .. } => {
                let got = self
                    .client
                    .get_item()
                    .table_name(self.table())
                    .set_key(Some(keys::key(keys::job(job.id), keys::PAYLOAD)))
                    .consistent_read(true)
                    .send()
                    .await
                    .map_err(StoreError::sdk)?;
                got.item.as_ref().map_or_else(|| Ok(Payload::empty()), job_item::read_payload)
            }
        }
    }

    /// A job with its payload, runs and deliveries, in one Query.
    pub async fn job_and_all(&self, id: JobId, now: Moment) -> Result<Option<JobAndAll>, StoreError> {
        let (mut job, mut payload, mut runs, mut all) = (None, None, Vec::new(), Vec::new());
        for item in self.partition(id).await? {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some(keys::JOB) => job = Some(job_item::read(item)?),
                Some(keys::PAYLOAD) => payload = Some(job_item::read_payload(&item)?),
                Some(sk) if sk.starts_with(keys::RUN_PREFIX) => {
                    runs.push(
                        from_item(item).map_err(|e| StoreError::unreadable("a run cannot be read", e))?,
                    );
                }
                Some(sk) if sk.starts_with(keys::DELIVERY_PREFIX) => all.push(deliveries::read(item)?),
                _ => {}
            }
        }
        let lives =
            |job: &Job| job.deleted_at.is_none() && job.expires_at.is_none_or(|expires| expires > now);
        let Some(job) = job.filter(lives) else { return Ok(None) };
        let payload = match (&job.payload, payload) {
            (PayloadPlace::Here(payload), _) => payload.clone(),
            (PayloadPlace::Apart { .. }, payload) => payload.unwrap_or_else(Payload::empty),
        };
        Ok(Some(JobAndAll { job, payload, runs, deliveries: all }))
    }

    /// Writes a job over the version before it.
    ///
    /// A lost race: the condition fails and the answer carries the record as it is now, so that the caller
    /// decides again without another read. A lost answer: the SDK tries again, the condition fails because the
    /// first try took effect, and the record that comes back is the one that was to be written: that counts as
    /// written. A crash before: nothing has changed. A crash after: the record tells what is owed.
    pub async fn replace_job(&self, next: &Job) -> Result<Replaced, StoreError> {
        let item = job_item::write(next, self.shards)?;
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

    /// Writes a job over the version before it, with a new payload, in one transaction.
    pub async fn replace_job_and_payload(&self, next: Job, payload: Payload) -> Result<Replaced, StoreError> {
        let was_apart = matches!(next.payload, PayloadPlace::Apart { .. });
        let (next, apart) = job_item::place_payload(next, payload, self.shards)?;
        if apart.is_none() && !was_apart {
            return self.replace_job(&next).await;
        }
        let item = job_item::write(&next, self.shards)?;
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item.clone()))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", keys::number(next.version.saturating_sub(1)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let job = TransactWriteItem::builder().put(build(put.build())?).build();
        let other = match &apart {
            Some(payload) => self.put(job_item::write_payload(next.id, payload))?,
            None => {
                let key = keys::key(keys::job(next.id), keys::PAYLOAD);
                let delete =
                    aws_sdk_dynamodb::types::Delete::builder().table_name(self.table()).set_key(Some(key));
                TransactWriteItem::builder().delete(build(delete.build())?).build()
            }
        };
        let sent = self.client.transact_write_items().transact_items(job).transact_items(other).send().await;
        match sent {
            Ok(_) => Ok(Replaced::Written),
            Err(SdkError::ServiceError(e)) if e.err().is_transaction_canceled_exception() => {
                let reasons = match e.err() {
                    TransactWriteItemsError::TransactionCanceledException(c) => c.cancellation_reasons(),
                    _ => &[],
                };
                let first = reasons.first().filter(|first| first.code() == Some("ConditionalCheckFailed"));
                let Some(first) = first else {
                    return Err(StoreError::Busy("another transaction is on".to_owned()));
                };
                match (lost(first.item.clone(), &item)?, apart) {
                    // Two payloads may begin alike: then the record does not tell whose stands beside it.
                    (Replaced::Written, Some(ours)) if self.payload(&next).await? != ours => {
                        Ok(Replaced::Lost(Some(Box::new(next))))
                    }
                    (told, _) => Ok(told),
                }
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Puts an ended run aside, so that a late message about it can still do its duty. Doing it twice is the
    /// same as once.
    pub async fn archive_run(
        &self,
        job: JobId,
        run: &Run,
        expires: Option<Moment>,
    ) -> Result<(), StoreError> {
        let mut item: Item =
            to_item(run).map_err(|e| StoreError::unreadable("a run cannot be written", e))?;
        item.extend(keys::key(keys::job(job), keys::run(run.id)));
        if let Some(expires) = expires {
            item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
        }
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// A run that was put aside.
    pub async fn archived_run(&self, job: JobId, run: RunId) -> Result<Option<Run>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::job(job), keys::run(run))))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        got.item.map(from_item).transpose().map_err(|e| StoreError::unreadable("a run cannot be read", e))
    }

    /// Every item of a job's partition. The partition is bounded: deliveries and runs expire.
    pub(crate) async fn partition(&self, id: JobId) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", keys::text(keys::job(id)))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut items = Vec::new();
        while let Some(page) = pages.next().await {
            items.extend(page.map_err(StoreError::sdk)?.items.unwrap_or_default());
        }
        Ok(items)
    }

    /// Reads up to 100 keys; what the table did not get to is asked for again, a few times.
    pub(crate) async fn batch_get(&self, keys: Vec<Item>, consistent: bool) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::with_capacity(keys.len());
        let mut left = keys;
        for _ in 0..5 {
            if left.is_empty() {
                return Ok(items);
            }
            let wanted = KeysAndAttributes::builder().set_keys(Some(left)).consistent_read(consistent);
            let got = self
                .client
                .batch_get_item()
                .request_items(self.table(), build(wanted.build())?)
                .send()
                .await
                .map_err(StoreError::sdk)?;
            items
                .extend(got.responses.and_then(|mut tables| tables.remove(self.table())).unwrap_or_default());
            left = got
                .unprocessed_keys
                .and_then(|mut tables| tables.remove(self.table()))
                .map(|left| left.keys)
                .unwrap_or_default();
        }
        if left.is_empty() { Ok(items) } else { Err(StoreError::Busy("a batch was read in part".to_owned())) }
    }

    /// A write of one item as a part of a transaction.
    pub(crate) fn put(&self, item: Item) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder().table_name(self.table()).set_item(Some(item));
        Ok(TransactWriteItem::builder().put(build(put.build())?).build())
    }
}

fn lost(found: Option<Item>, wanted: &Item) -> Result<Replaced, StoreError> {
    match found {
        Some(found) if job_item::same(&found, wanted) => Ok(Replaced::Written),
        Some(found) => Ok(Replaced::Lost(Some(Box::new(job_item::read(found)?)))),
        None => Ok(Replaced::Lost(None)),
    }
}

pub(crate) fn build<T>(built: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, StoreError> {
    built.map_err(|e| StoreError::unreadable("a request is incomplete", e))
}

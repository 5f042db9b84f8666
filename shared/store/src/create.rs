//! Creating a job, once, however often it is asked for under one idempotency key.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::id::{JobId, UserId};
use domain::job::Job;
use domain::payload::Payload;
use domain::time::Moment;

use crate::jobs::build;
use crate::{Item, Store, StoreError, job_item, keys};

/// How long a key is remembered.
const KEY_LIFETIME: Duration = Duration::from_secs(24 * 3_600);

/// A job to be created. Its payload finds its place here.
#[derive(Debug)]
pub struct NewJob {
    /// The record; its `payload` member is set by the store.
    pub job: Job,
    /// The payload.
    pub payload: Payload,
}

/// The caller's key, and a hash of what was asked for under it.
#[derive(Debug, Clone, Copy)]
pub struct IdempotencyKey<'a> {
    /// Whose key.
    pub user: UserId,
    /// The key.
    pub key: &'a str,
    /// The hash of the request.
    pub request_hash: &'a str,
}

/// What became of a creation.
#[derive(Debug)]
pub enum Created {
    /// The job stands.
    New(Box<Job>),
    /// The key was taken in the meantime.
    KeyTaken,
}

/// What stands under an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The job that was created under it.
    pub job_id: JobId,
    /// The hash of the request that created it.
    pub request_hash: String,
}

impl Store {
    /// Writes a job that was not there before.
    ///
    /// A lost answer: the second try finds the record that the first has written. A crash before: nothing is
    /// there, and with a key the caller may ask again.
    pub async fn create_job(
        &self,
        new: NewJob,
        key: Option<IdempotencyKey<'_>>,
        now: Moment,
    ) -> Result<Created, StoreError> {
        let (job, apart) = job_item::place_payload(new.job, new.payload, self.shards)?;
        let item = job_item::write(&job, self.shards)?;
        if apart.is_none() && key.is_none() {
            // The id has 74 random bits: only this very call can have written it before.
            let sent = self
                .client
                .put_item()
                .table_name(self.table())
                .set_item(Some(item))
                .condition_expression("attribute_not_exists(pk)")
                .send()
                .await;
            return match sent {
                Ok(_) => Ok(Created::New(Box::new(job))),
                Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                    Ok(Created::New(Box::new(job)))
                }
                Err(e) => Err(StoreError::sdk(e)),
            };
        }
        let mut request = self.client.transact_write_items();
        if let Some(key) = key {
            request = request.transact_items(self.take_key(key, job.id, now)?);
        }
        request = request.transact_items(self.put(item)?);
        if let Some(payload) = &apart {
            request = request.transact_items(self.put(job_item::write_payload(job.id, payload))?);
        }
        // The same token on every try makes the whole transaction idempotent for ten minutes.
        let token = job.id.to_string().trim_start_matches(JobId::PREFIX).to_owned();
        match request.client_request_token(token).send().await {
            Ok(_) => Ok(Created::New(Box::new(job))),
            Err(SdkError::ServiceError(e)) => match e.err() {
                TransactWriteItemsError::TransactionCanceledException(cancelled)
                    if cancelled
                        .cancellation_reasons()
                        .iter()
                        .any(|reason| reason.code() == Some("ConditionalCheckFailed")) =>
                {
                    Ok(Created::KeyTaken)
                }
                _ => Err(StoreError::sdk(SdkError::ServiceError(e))),
            },
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// What was created under this key, if it is still remembered.
    pub async fn claimed(&self, user: UserId, key: &str, now: Moment) -> Result<Option<Claimed>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::idempotency(user, key), keys::LOCK)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        let Some(item) = got.item.filter(|item| !expired(item, now)) else { return Ok(None) };
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let job_id = text("jobId").and_then(|id| id.parse().ok());
        match (job_id, text("requestHash")) {
            (Some(job_id), Some(request_hash)) => Ok(Some(Claimed { job_id, request_hash })),
            _ => Err(StoreError::unreadable("an idempotency record cannot be read", key)),
        }
    }

    fn take_key(
        &self,
        key: IdempotencyKey<'_>,
        job: JobId,
        now: Moment,
    ) -> Result<TransactWriteItem, StoreError> {
        let mut item = keys::key(keys::idempotency(key.user, key.key), keys::LOCK);
        item.insert("jobId".to_owned(), keys::text(job.to_string()));
        item.insert("requestHash".to_owned(), keys::text(key.request_hash));
        item.insert("expiresAt".to_owned(), keys::number(now.plus(KEY_LIFETIME).as_seconds_ceil()));
        // TTL lags by days: an expired key counts as free.
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR expiresAt <= :now")
            .expression_attribute_values(":now", keys::number(now.as_millis() / 1000));
        Ok(TransactWriteItem::builder().put(build(put.build())?).build())
    }
}

/// Whether the table should have forgotten the item by now.
pub(crate) fn expired(item: &Item, now: Moment) -> bool {
    let expires =
        item.get("expiresAt").and_then(|value| value.as_n().ok()).and_then(|n| n.parse::<i64>().ok());
    expires.is_some_and(|expires| expires.saturating_mul(1000) <= now.as_millis())
}

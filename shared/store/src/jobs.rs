//! One job, and what hangs on it: reading.

use aws_sdk_dynamodb::types::{KeysAndAttributes, Put, TransactWriteItem};
use domain::delivery::Delivery;
use domain::id::JobId;
use domain::job::{Job, PayloadPlace};
use domain::payload::Payload;
use domain::time::Moment;

use crate::{Item, Store, StoreError, job_item, keys};

/// A job and what hangs on it.
#[derive(Debug)]
pub struct JobAndAll {
    /// The job.
    pub job: Job,
    /// Its payload.
    pub payload: Payload,
    /// Its last deliveries that are still kept, newest first.
    pub deliveries: Vec<Delivery>,
}

/// How many deliveries come with a job.
const MOST_DELIVERIES: usize = 100;

/// Items of one kind in a job's partition, newest first, and the sort key after which the next ones stand.
pub(crate) struct Newest {
    pub(crate) rows: Vec<Item>,
    pub(crate) next: Option<String>,
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

    /// A job with its payload and its last deliveries: two requests at the same time, whose cost does not grow
    /// with what a job that comes every minute has left behind.
    pub async fn job_and_all(&self, id: JobId, now: Moment) -> Result<Option<JobAndAll>, StoreError> {
        let keys = [keys::JOB, keys::PAYLOAD].map(|sk| keys::key(keys::job(id), sk)).to_vec();
        let deliveries = self.job_deliveries(id, None, MOST_DELIVERIES, now);
        let (items, deliveries) = futures::try_join!(self.batch_get(keys, true), deliveries)?;
        let (mut job, mut payload) = (None, None);
        for item in items {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some(keys::PAYLOAD) => payload = Some(job_item::read_payload(&item)?),
                _ => job = Some(job_item::read(item)?),
            }
        }
        let lives =
            |job: &Job| job.deleted_at.is_none() && job.expires_at.is_none_or(|expires| expires > now);
        let Some(job) = job.filter(lives) else { return Ok(None) };
        let payload = match (&job.payload, payload) {
            (PayloadPlace::Here(payload), _) => payload.clone(),
            (PayloadPlace::Apart { .. }, payload) => payload.unwrap_or_else(Payload::empty),
        };
        Ok(Some(JobAndAll { job, payload, deliveries: deliveries.deliveries }))
    }

    /// Up to `limit` items of a job's partition whose sort keys begin so, from the last key down.
    pub(crate) async fn newest(
        &self,
        job: JobId,
        prefix: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Newest, StoreError> {
        let upper = after.clone().unwrap_or_else(|| format!("{prefix}~"));
        let page = self
            .client
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", keys::text(keys::job(job)))
            .expression_attribute_values(":first", keys::text(prefix))
            .expression_attribute_values(":last", keys::text(upper))
            .scan_index_forward(false)
            .consistent_read(true)
            .limit(i32::try_from(limit + 2).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(StoreError::sdk)?;
        // A Query ends at 1 MB, whatever it was asked for.
        let cut = page.last_evaluated_key.is_some();
        let key = |row: &Item| row.get("sk").and_then(|sk| sk.as_s().ok()).cloned();
        let mut rows = page.items.unwrap_or_default();
        rows.retain(|row| key(row) != after);
        let more = cut || rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).and_then(key);
        Ok(Newest { rows, next })
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

pub(crate) fn build<T>(built: Result<T, aws_sdk_dynamodb::error::BuildError>) -> Result<T, StoreError> {
    built.map_err(|e| StoreError::unreadable("a request is incomplete", e))
}

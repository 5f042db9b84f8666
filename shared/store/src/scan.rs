//! The jobs of all users, for an administrator.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::filter::JobFilter;
use domain::id::JobId;
use domain::job::Job;
use domain::time::Moment;
use serde::{Deserialize, Serialize};

use crate::cells::ROWS_A_REQUEST;
use crate::lists::conditions;
use crate::schema::LIST_INDEX;
use crate::{Item, Store, StoreError, job_item, keys};

/// How many rows one Scan looks at, at least and at most.
const ROWS_A_SCAN: (usize, usize) = (100, 500);

/// Some jobs, in no order.
#[derive(Debug)]
pub struct AllJobs {
    /// The jobs. They come from the index and carry neither payload nor log.
    pub jobs: Vec<Job>,
    /// Where to go on, if there may be more.
    pub next: Option<ScanPlace>,
}

/// A place in the index: the keys of a row. Rows stand in an order that nobody knows but DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScanPlace {
    pk: String,
    sk: String,
    list_pk: String,
    list_sk: String,
}

impl Store {
    /// Up to `limit` jobs of all users that match. There may be fewer and still more to come.
    ///
    /// A walk from the first place to the last shows every job that is there all the time and does not change.
    /// One that changes its status or priority moves in the index, and may be shown twice or not at all.
    ///
    /// Cost: a Scan that looks at up to 2,000 rows of any kind, 0.5 RRU for 4 KB: for administrators only.
    pub async fn all_jobs(
        &self,
        filter: &JobFilter,
        from: Option<ScanPlace>,
        limit: usize,
        now: Moment,
    ) -> Result<AllJobs, StoreError> {
        let mut matching = conditions(filter, true);
        matching.add("begins_with(#id, :job)", ("#id", "id"), (":job", keys::text(JobId::PREFIX)));
        let (mut jobs, mut seen) = (Vec::new(), HashSet::new());
        let (mut place, mut budget) = (from, ROWS_A_REQUEST);
        while budget > 0 {
            let rows = (limit * 2).clamp(ROWS_A_SCAN.0, ROWS_A_SCAN.1).min(budget);
            let mut scan = self
                .client
                .scan()
                .table_name(self.table())
                .index_name(LIST_INDEX)
                .filter_expression(&matching.expression)
                .limit(i32::try_from(rows).unwrap_or(i32::MAX))
                .set_exclusive_start_key(place.take().map(ScanPlace::into_key));
            for (name, attribute) in &matching.names {
                scan = scan.expression_attribute_names(name, attribute);
            }
            for (name, value) in &matching.values {
                scan = scan.expression_attribute_values(name, value.clone());
            }
            let page = scan.send().await.map_err(StoreError::sdk)?;
            budget = budget.saturating_sub(usize::try_from(page.scanned_count).unwrap_or(rows).max(1));
            let end = page.last_evaluated_key.map(|key| ScanPlace::of(&key)).transpose()?;
            let found = page.items.unwrap_or_default();
            let last = found.len();
            for (n, row) in found.into_iter().enumerate() {
                let job = job_item::read(row)?;
                let here = ScanPlace::behind(&job);
                let lives = job.expires_at.is_none_or(|expires| expires > now);
                if lives && seen.insert(job.id) {
                    jobs.push(job);
                }
                if jobs.len() == limit {
                    let next = if n + 1 == last { end } else { Some(here) };
                    return Ok(AllJobs { jobs, next });
                }
            }
            if end.is_none() {
                return Ok(AllJobs { jobs, next: None });
            }
            place = end;
        }
        Ok(AllJobs { jobs, next: place })
    }
}

impl ScanPlace {
    /// The place of this job, as a page showed it.
    pub fn behind(job: &Job) -> Self {
        let list_pk = keys::job_cell(job.user_id, job.status, job.priority);
        Self { pk: keys::job(job.id), sk: keys::JOB.to_owned(), list_pk, list_sk: job.id.to_string() }
    }

    fn of(row: &Item) -> Result<Self, StoreError> {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok()).cloned();
        let place = (|| {
            let (pk, sk) = (text("pk")?, text("sk")?);
            Some(Self { pk, sk, list_pk: text("listPk")?, list_sk: text("listSk")? })
        })();
        place.ok_or_else(|| StoreError::unreadable("an index row has no keys", format!("{row:?}")))
    }

    fn into_key(self) -> Item {
        let Self { pk, sk, list_pk, list_sk } = self;
        let parts = [("pk", pk), ("sk", sk), ("listPk", list_pk), ("listSk", list_sk)];
        parts.into_iter().map(|(name, value)| (name.to_owned(), AttributeValue::S(value))).collect()
    }
}

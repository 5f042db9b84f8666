//! A job's earlier runs.

use domain::id::{JobId, RunId};
use domain::job::Run;
use domain::time::Moment;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::create::expired;
use crate::schema::TTL_ATTRIBUTE;
use crate::{Item, Store, StoreError, keys};

/// A page of runs, newest first.
#[derive(Debug)]
pub struct RunPage {
    /// The runs.
    pub runs: Vec<Run>,
    /// After which the next page begins, if there may be one.
    pub next: Option<RunId>,
}

impl Store {
    /// Puts an ended run beside its job, as [`replace_seen`](Self::replace_seen) does. Doing it twice is the same as
    /// once.
    pub async fn archive_run(
        &self,
        job: JobId,
        run: &Run,
        expires: Option<Moment>,
    ) -> Result<(), StoreError> {
        let item = item(job, run, expires)?;
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// A run that was put aside. One that has expired and is not swept yet still counts: what a late message
    /// asks for it is owed all the same.
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
        got.item.map(read).transpose()
    }

    /// The runs that were put aside, newest first: in the order of their ids, which is that of their starts, but
    /// for an occurrence that was started late, which stands where it was due.
    ///
    /// Cost: one consistent Query of `limit` rows of about 0.3 KB.
    pub async fn earlier_runs(
        &self,
        job: JobId,
        after: Option<RunId>,
        limit: usize,
        now: Moment,
    ) -> Result<RunPage, StoreError> {
        let last = after.map(keys::run);
        let mut rows = self.newest(job, keys::RUN_PREFIX, last, limit).await?;
        let next = rows.next.as_deref().and_then(|sk| sk.strip_prefix(keys::RUN_PREFIX)).map(str::parse);
        let next = next.transpose().map_err(|e| StoreError::unreadable("a run's key has no run's id", e))?;
        rows.rows.retain(|row| !expired(row, now));
        let runs = rows.rows.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(RunPage { runs, next })
    }
}

/// A run as it stands beside its job: it can be read, and a late message about it can still do its duty.
pub(crate) fn item(job: JobId, run: &Run, expires: Option<Moment>) -> Result<Item, StoreError> {
    let mut item: Item = to_item(run).map_err(|e| StoreError::unreadable("a run cannot be written", e))?;
    item.extend(keys::key(keys::job(job), keys::run(run.id)));
    if let Some(expires) = expires {
        item.insert(TTL_ATTRIBUTE.to_owned(), keys::number(expires.as_seconds_ceil()));
    }
    Ok(item)
}

fn read(item: Item) -> Result<Run, StoreError> {
    from_item(item).map_err(|e| StoreError::unreadable("a run cannot be read", e))
}

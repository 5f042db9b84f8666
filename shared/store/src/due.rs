//! What falls due: the index that the tick reads, and the look that it takes back at what it has announced.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use domain::id::{JobId, UserId};
use domain::job::{Job, Priority};
use domain::time::Moment;
use serde::Deserialize;
use serde_dynamo::aws_sdk_dynamodb_1::from_item;
use sha2::{Digest, Sha256};

use crate::schema::DUE_INDEX;
use crate::{Item, Store, StoreError, keys};

/// How long after its time an occurrence that was announced is looked at again.
pub const CHECK_BACK: Duration = Duration::from_secs(120);
/// What keys the index.
pub(crate) const ATTRIBUTES: [&str; 2] = ["duePk", "dueSk"];
/// How many rows one Query returns at most: a bound for the memory that a tick takes.
const PAGE: i32 = 1_000;

/// Over how many partitions of the index the jobs are spread: one takes 1,000 writes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(u8);

/// The text is no such number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 1 to {}", Shards::MOST.0)]
pub struct NotShards;

/// A row of the index: an occurrence that a job waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueRow {
    /// The job.
    pub job: JobId,
    /// Its owner.
    pub owner: UserId,
    /// How urgent it is.
    pub priority: Priority,
    /// The state of the schedule that the occurrence belongs to.
    pub rev: u64,
    /// The occurrence.
    pub due_at: Moment,
    /// Where the row stands in the index: at the occurrence, or after it if that was announced.
    pub check_at: Moment,
}

/// Some rows of a shard, in the order of `check_at`.
#[derive(Debug)]
pub struct DuePage {
    /// The rows.
    pub rows: Vec<DueRow>,
    /// Where the next page begins, if there is one.
    pub next: Option<DueCursor>,
}

/// A place in a shard.
#[derive(Clone, Debug)]
pub struct DueCursor(Item);

impl Shards {
    /// More than this there never are, so whoever reads so many finds every row.
    pub const MOST: Self = Self(64);

    /// So many, if that is from 1 to 64.
    pub const fn new(count: u8) -> Option<Self> {
        if count >= 1 && count <= Self::MOST.0 { Some(Self(count)) } else { None }
    }

    /// Their numbers.
    pub const fn numbers(self) -> Range<u8> {
        0..self.0
    }

    /// The shard of a job: the same in every process and release.
    fn of(self, job: JobId) -> u8 {
        let hash = Sha256::digest(job.to_string());
        // The remainder of one byte would favour the lower shards: 256 is no multiple of most counts.
        let number = u16::from_be_bytes([hash[0], hash[1]]) % u16::from(self.0);
        u8::try_from(number).unwrap_or(0)
    }
}

impl Default for Shards {
    fn default() -> Self {
        Self(16)
    }
}

impl FromStr for Shards {
    type Err = NotShards;

    fn from_str(text: &str) -> Result<Self, NotShards> {
        text.parse().ok().and_then(Self::new).ok_or(NotShards)
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Puts a job into the index, if it waits for an occurrence, or was given up and waits for an administrator.
pub(crate) fn mark(item: &mut Item, job: &Job, shards: Shards) {
    if let Some(at) = given_up(job) {
        item.insert("duePk".to_owned(), keys::text(keys::DEAD));
        item.insert("dueSk".to_owned(), keys::text(keys::due_place(at, job.id)));
    }
    let live = job.deleted_at.is_none() && !job.status.is_end();
    let due = job.timetable.as_ref().filter(|_| live).and_then(|table| table.due());
    if let Some(due) = due {
        item.insert("duePk".to_owned(), keys::text(keys::due_shard(shards.of(job.id))));
        item.insert("dueSk".to_owned(), keys::text(keys::due_place(due, job.id)));
    }
}

/// When the job ended because its workers kept dying.
fn given_up(job: &Job) -> Option<Moment> {
    let over = job.deleted_at.is_none() && job.status.is_end();
    job.run.as_ref().filter(|run| over && run.dead_lettered).and_then(|run| run.completed_at)
}

/// Jobs that were given up, the last first.
#[derive(Debug)]
pub struct GivenUp {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// Whether there are more.
    pub more: bool,
}

impl Store {
    /// The jobs that ended because their workers kept dying, of all users: up to so many, at most 100.
    ///
    /// Cost: one Query, 0.5 RRU for 4 KB, and a BatchGetItem, 1 RRU a job.
    pub async fn given_up(&self, most: usize, now: Moment) -> Result<GivenUp, StoreError> {
        let most = most.min(100);
        let page = self
            .client
            .query()
            .table_name(self.table())
            .index_name(DUE_INDEX)
            .key_condition_expression("duePk = :dead")
            .expression_attribute_values(":dead", keys::text(keys::DEAD))
            .scan_index_forward(false)
            .limit(i32::try_from(most + 1).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(StoreError::sdk)?;
        let rows = page.items.unwrap_or_default();
        let more = rows.len() > most || page.last_evaluated_key.is_some();
        let id = |row: &Item| row.get("id").and_then(|id| id.as_s().ok()).and_then(|id| id.parse().ok());
        let ids: Vec<JobId> = rows.iter().take(most).filter_map(id).collect();
        let mut jobs = self.jobs(&ids, now).await?;
        // The index may be a moment behind.
        jobs.retain(|job| given_up(job).is_some());
        jobs.sort_by_key(|job| std::cmp::Reverse(given_up(job)));
        Ok(GivenUp { jobs, more })
    }

    /// The rows of a shard that stand at `until` or before it, from the earliest on.
    ///
    /// The index is eventually consistent: a row may be about a job that has changed since, and the job's last
    /// change may not show yet. A row that cannot be read is told of and left out, for the others are innocent.
    ///
    /// Cost: one Query, 0.5 RRU for 4 KB, which is about 15 rows.
    pub async fn due_page(
        &self,
        shard: u8,
        until: Moment,
        cursor: Option<DueCursor>,
    ) -> Result<DuePage, StoreError> {
        let page = self
            .client
            .query()
            .table_name(self.table())
            .index_name(DUE_INDEX)
            .key_condition_expression("duePk = :shard AND dueSk < :end")
            .expression_attribute_values(":shard", keys::text(keys::due_shard(shard)))
            .expression_attribute_values(":end", keys::text(keys::due_end(until)))
            .limit(PAGE)
            .set_exclusive_start_key(cursor.map(|DueCursor(key)| key))
            .send()
            .await
            .map_err(StoreError::sdk)?;
        let rows = page.items.unwrap_or_default().into_iter().filter_map(|item| {
            let told = read(item);
            told.inspect_err(|error| tracing::error!(shard, %error, "an occurrence cannot be announced")).ok()
        });
        Ok(DuePage { rows: rows.collect(), next: page.last_evaluated_key.map(DueCursor) })
    }

    /// Moves the row of an occurrence that was announced to [`CHECK_BACK`] after its time, or after `now` if
    /// that is later; false if the row is not as it was read.
    ///
    /// This is no change of state. The version stays, so that no client's `If-Match` and no message of a run
    /// goes stale; every change of state writes the row anew, and so puts it back to the job's next occurrence.
    ///
    /// A lost race: whoever wrote first has moved the row to where it should be now, be it another tick, the
    /// worker that started the occurrence, or an edit of the schedule. A lost answer: the SDK's second try
    /// finds the row moved and is told that it lost, which comes to the same. A crash before: the row stays,
    /// and the next tick announces the occurrence once more, which starts nothing twice.
    /// Cost: 3 WRU, one of the table and two of the index.
    pub async fn check_back(&self, row: &DueRow, now: Moment) -> Result<bool, StoreError> {
        let then = row.due_at.max(now).plus(CHECK_BACK);
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::job(row.job), keys::JOB)))
            .update_expression("SET dueSk = :then")
            .condition_expression("dueSk = :seen AND scheduleRev = :rev AND nextRunAt = :due")
            .expression_attribute_values(":then", keys::text(keys::due_place(then, row.job)))
            .expression_attribute_values(":seen", keys::text(keys::due_place(row.check_at, row.job)))
            .expression_attribute_values(":rev", keys::number(row.rev))
            .expression_attribute_values(":due", keys::number(row.due_at.as_millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DueItem {
    id: JobId,
    user_id: UserId,
    priority: Priority,
    schedule_rev: u64,
    #[serde(with = "domain::time::millis")]
    next_run_at: Moment,
    due_sk: String,
}

fn read(item: Item) -> Result<DueRow, StoreError> {
    let item: DueItem =
        from_item(item).map_err(|e| StoreError::unreadable("a row of what is due cannot be read", e))?;
    let check_at = keys::due_moment(&item.due_sk)
        .ok_or_else(|| StoreError::unreadable("a row of what is due stands nowhere", &item.due_sk))?;
    Ok(DueRow {
        job: item.id,
        owner: item.user_id,
        priority: item.priority,
        rev: item.schedule_rev,
        due_at: item.next_run_at,
        check_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_shards_has_bounds() {
        assert_eq!("64".parse(), Ok(Shards::MOST));
        assert_eq!("1".parse::<Shards>().unwrap().numbers(), 0..1);
        for wrong in ["0", "65", "256", "-1", "many", ""] {
            assert_eq!(wrong.parse::<Shards>().unwrap_err().to_string(), "must be a number from 1 to 64");
        }
    }

    #[test]
    fn a_job_keeps_its_shard_and_jobs_are_spread() {
        let job: JobId = "job_018bcfe568007abcabababababababab".parse().unwrap();
        assert_eq!([16, 64].map(|count| Shards(count).of(job)), [14, 14]);
        for count in [1_u8, 3, 16, 64] {
            let mut jobs = vec![0_u32; usize::from(count)];
            for n in 0..64_000_u64 {
                let id = format!("job_018bcfe56800{n:020x}").parse().unwrap();
                jobs[usize::from(Shards(count).of(id))] += 1;
            }
            let fair = 64_000 / u32::from(count);
            assert!(jobs.iter().all(|jobs| jobs.abs_diff(fair) <= fair / 5), "{count}: {jobs:?}");
        }
    }
}

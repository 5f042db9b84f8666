//! Lists of a user's jobs.

use domain::filter::JobFilter;
use domain::id::{JobId, UserId};
use domain::job::Job;
use domain::time::Moment;

use crate::cells::{Matching, Union};
use crate::{Store, StoreError, create, job_item, keys};

/// A page of jobs. They come from the index and carry neither payload nor log.
#[derive(Debug)]
pub struct JobPage {
    /// The jobs.
    pub jobs: Vec<Job>,
    /// After which the next page begins, if there may be one.
    pub next: Option<JobId>,
}

/// How many jobs match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Total {
    /// So many.
    pub count: usize,
    /// Whether that is all of them; else there are more.
    pub exact: bool,
}

impl Store {
    /// A page of a user's jobs, after one of them, or after the first `skip`.
    ///
    /// Cost: for each of the at most 15 cells a Query of some rows of about 0.5 KB, eventually consistent; a
    /// page of 20 costs 2 to 8 RRU at any number of jobs.
    pub async fn list_jobs(
        &self,
        user: UserId,
        filter: &JobFilter,
        after: Option<JobId>,
        skip: usize,
        limit: usize,
        now: Moment,
    ) -> Result<JobPage, StoreError> {
        let union = union(user, filter, after);
        let rows = self.union(&union, skip, limit).await?;
        let alive = rows.rows.into_iter().filter(|row| !create::expired(row, now));
        let jobs = alive.map(job_item::read).collect::<Result<_, _>>()?;
        let next = rows.next.map(|id| id.parse()).transpose();
        Ok(JobPage {
            jobs,
            next: next.map_err(|e| StoreError::unreadable("an index row has no job's id", e))?,
        })
    }

    /// How many of a user's jobs match, counted up to `bound`.
    pub async fn count_jobs(
        &self,
        user: UserId,
        filter: &JobFilter,
        bound: usize,
    ) -> Result<Total, StoreError> {
        let (count, exact) = self.count_union(&union(user, filter, None), bound).await?;
        Ok(Total { count, exact })
    }
}

fn union(user: UserId, filter: &JobFilter, after: Option<JobId>) -> Union {
    let cells = filter.cells().into_iter().map(|(status, priority)| keys::job_cell(user, status, priority));
    Union {
        cells: cells.collect(),
        order: filter.order,
        after: after.map(|id| id.to_string()),
        floor: None,
        matching: matching(filter),
    }
}

fn matching(filter: &JobFilter) -> Option<Matching> {
    Some(conditions(filter, false)).filter(|matching| !matching.expression.is_empty())
}

/// What must hold of the rows of a filter, with the status and the priority if no cell tells them.
pub(crate) fn conditions(filter: &JobFilter, with_cells: bool) -> Matching {
    let mut matching = Matching::default();
    if let Some(text) = &filter.search {
        let text = keys::text(text.to_lowercase());
        matching.add("contains(#search, :search)", ("#search", "search"), (":search", text));
    }
    if let Some(task_type) = &filter.task_type {
        matching.add("#type = :type", ("#type", "type"), (":type", keys::text(task_type)));
    }
    if with_cells {
        matching.any_of("status", filter.statuses.iter().map(|status| status.as_str()));
        matching.any_of("priority", filter.priorities.iter().map(|priority| priority.as_str()));
    }
    matching
}

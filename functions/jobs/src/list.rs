//! Lists of jobs.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use domain::id::{JobId, UserId};
use domain::job::Job;
use domain::payload::Payload;
use edge::cursor::{self, Binding};
use edge::views::JobView;
use edge::{Answer, Caller, Code, Problem, Query};
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::Serialize;
use serde_json::value::RawValue;
use store::ScanPlace;
use utoipa::ToSchema;

use crate::answer::{MAX_BYTES, Rows};
use crate::filter::{Asked, DEEPEST, Start, too_deep};
use crate::{App, may_see, owner};

/// How many bounded reads one request for a page of a search may make to count to it.
const MOST_READS: usize = 6;
/// How many payloads are read at the same time.
const AT_ONCE: usize = 8;

/// A page of jobs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobList {
    /// The jobs. A page may hold fewer than `limit` and still have a next one.
    #[schema(value_type = Vec<JobView>)]
    jobs: Vec<Box<RawValue>>,
    /// How many were asked for.
    limit: usize,
    /// As it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
    /// As it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<usize>,
    /// How many there are, where `page` or `offset` was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<usize>,
    /// True where there are more than `total`.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_is_lower_bound: Option<bool>,
    /// Where the next page begins, or null after the last.
    next_cursor: Option<String>,
}

/// Rows, and the last job before the next page.
struct Found {
    jobs: Vec<Job>,
    next: Option<JobId>,
}

/// Your jobs. Also at GET /filter and /get-jobs.
///
/// A list is eventually consistent: a job that has just changed may show its earlier state, or be missing for
/// a moment. Of a job that runs, `attempts`, `retryCount`, `updatedAt` and `version` are those from before the attempt that
/// is on.
///
/// An admin may ask for the jobs of all users with `scope=all`: they come in no order, and one that changes
/// while the pages are walked through may come twice or not at all. A page may be empty and still have a next.
#[utoipa::path(get, path = "/jobs", tag = "jobs", security(("bearer" = [])),
    params(
        ("status" = Option<String>, Query, pattern = "^(pending|running|completed|failed|cancelled)(,(pending|running|completed|failed|cancelled))*$",
            description = "Any of pending, running, completed, failed, cancelled, between commas"),
        ("priority" = Option<String>, Query, pattern = "^(high|medium|low)(,(high|medium|low))*$",
            description = "Any of high, medium, low, between commas"),
        ("search" = Option<String>, Query, max_length = 512,
            description = "A text in the taskName or in the first 512 bytes of the payload, in any case"),
        ("type" = Option<String>, Query, description = "The type"),
        ("ids" = Option<String>, Query, pattern = "^job_[0-9a-f]{32}(,job_[0-9a-f]{32}){0,99}$",
            description = "Up to 100 ids, between commas: these jobs, whatever else is asked for"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many, 1 to 100; 20 without it"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
        ("page" = Option<u32>, Query, minimum = 1, description = "Which page, from 1, within the first 10,000 jobs"),
        ("offset" = Option<u32>, Query, description = "How many to leave out, within the first 10,000 jobs"),
        ("sort" = Option<String>, Query, pattern = "^createdAt:(asc|desc)$",
            description = "createdAt:desc (the default) or createdAt:asc"),
        ("include" = Option<String>, Query, pattern = "^payload$",
            description = "payload: rows come without it otherwise"),
        ("userId" = Option<String>, Query, pattern = "^usr_[0-9a-f]{32}$",
            description = "Whose; only an admin may name another user"),
        ("scope" = Option<String>, Query, pattern = "^(own|all)$",
            description = "own (the default), or all for the jobs of all users, which only an admin may see")),
    responses((status = 200, body = JobList, description = "A page")))]
pub(crate) async fn list(State(app): State<App>, caller: Caller, query: Query) -> Answer<Json<JobList>> {
    let asked = Asked::read(query)?;
    if asked.all && !caller.is_admin() {
        return Err(Problem::at_with(Code::Forbidden, "scope", "is for admins where it is all"));
    }
    let user = owner(&caller, asked.user, "userId")?;
    match &asked.ids {
        Some(ids) => app.named(&caller, ids, asked.with_payload).await,
        None if asked.all => app.everyones(user, &asked).await,
        None => app.page(user, &asked).await,
    }
    .map(Json)
}

impl App {
    /// Those of these jobs that the caller may see, in the order in which they were named.
    async fn named(&self, caller: &Caller, ids: &[JobId], with_payload: bool) -> Answer<JobList> {
        let found = self.store().jobs(ids, self.ambient().now()).await?;
        let mut seen: HashMap<_, _> =
            found.into_iter().filter(|job| may_see(caller, job)).map(|job| (job.id, job)).collect();
        let jobs: Vec<_> = ids.iter().filter_map(|id| seen.remove(id)).collect();
        let (rows, _) = self.rows(&jobs, &jobs, with_payload).await?;
        Ok(JobList {
            jobs: rows,
            limit: ids.len(),
            offset: None,
            page: None,
            total: None,
            total_is_lower_bound: None,
            next_cursor: None,
        })
    }

    /// A page of all users' jobs, as this admin may see them.
    async fn everyones(&self, admin: UserId, asked: &Asked) -> Answer<JobList> {
        let name = asked.name();
        let binding = Binding { user: admin, filter: &name };
        let from: Option<ScanPlace> = match &asked.start {
            Start::Cursor(Some(text)) => Some(cursor::open(&*self.sessions.secrets().await?, binding, text)?),
            _ => None,
        };
        let now = self.ambient().now();
        let found = self.store().all_jobs(&asked.filter, from, asked.limit, now).await?;
        let full = if asked.with_payload { self.full(&found.jobs).await? } else { Vec::new() };
        let (jobs, cut) = self.rows(&found.jobs, &full, asked.with_payload).await?;
        let cut = found.jobs.iter().find(|job| Some(job.id) == cut).map(ScanPlace::behind);
        let next_cursor = match cut.or(found.next) {
            Some(place) => cursor::seal(&*self.sessions.secrets().await?, binding, &place),
            None => None,
        };
        Ok(JobList {
            jobs,
            limit: asked.limit,
            offset: None,
            page: None,
            total: None,
            total_is_lower_bound: None,
            next_cursor,
        })
    }

    async fn page(&self, user: UserId, asked: &Asked) -> Answer<JobList> {
        let name = asked.name();
        let binding = Binding { user, filter: &name };
        let found = match (asked.skip(), &asked.start) {
            (Some(skip), _) => self.counted_to(user, asked, skip).await?,
            (None, Start::Cursor(Some(text))) => {
                let after: JobId = cursor::open(&*self.sessions.secrets().await?, binding, text)?;
                self.read(user, asked, Some(after), 0, asked.limit).await?
            }
            _ => self.read(user, asked, None, 0, asked.limit).await?,
        };
        let total = match asked.skip() {
            Some(_) => Some(self.store().count_jobs(user, &asked.filter, DEEPEST).await?),
            None => None,
        };
        let full = if asked.with_payload { self.full(&found.jobs).await? } else { Vec::new() };
        let (jobs, cut) = self.rows(&found.jobs, &full, asked.with_payload).await?;
        let next_cursor = match cut.or(found.next) {
            Some(last) => cursor::seal(&*self.sessions.secrets().await?, binding, &last),
            None => None,
        };
        let (page, offset) = match asked.start {
            Start::Cursor(_) => (None, None),
            Start::Page(page) => (Some(page), None),
            Start::Offset(offset) => (None, Some(offset)),
        };
        Ok(JobList {
            jobs,
            limit: asked.limit,
            offset,
            page,
            total: total.map(|total| total.count),
            total_is_lower_bound: total.and_then(|total| (!total.exact).then_some(true)),
            next_cursor,
        })
    }

    async fn read(
        &self,
        user: UserId,
        asked: &Asked,
        after: Option<JobId>,
        skip: usize,
        limit: usize,
    ) -> Answer<Found> {
        let now = self.ambient().now();
        let page = self.store().list_jobs(user, &asked.filter, after, skip, limit, now).await?;
        Ok(Found { jobs: page.jobs, next: page.next })
    }

    /// The page behind the first `skip` rows. Where rows must be read to know that they match, a read ends
    /// after so many of them: then it goes on, a few times.
    async fn counted_to(&self, user: UserId, asked: &Asked, skip: usize) -> Answer<Found> {
        if !asked.filter.reads_rows() {
            return self.read(user, asked, None, skip, asked.limit).await;
        }
        let (mut jobs, mut next) = (Vec::new(), None);
        for _ in 0..MOST_READS {
            let wanted = skip + asked.limit - jobs.len();
            let found = self.read(user, asked, next, 0, wanted).await?;
            jobs.extend(found.jobs);
            next = found.next;
            if jobs.len() >= skip + asked.limit || next.is_none() {
                break;
            }
        }
        if jobs.len() < skip && next.is_some() {
            return Err(too_deep(if matches!(asked.start, Start::Page(_)) { "page" } else { "offset" }));
        }
        Ok(Found { jobs: jobs.split_off(skip.min(jobs.len())), next })
    }

    /// The records of these rows, which carry more than the index does.
    async fn full(&self, rows: &[Job]) -> Answer<Vec<Job>> {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        Ok(self.store().jobs(&ids, self.ambient().now()).await?)
    }

    /// The rows as they are shown, as long as they fit; and the last that did, if one did not.
    async fn rows(
        &self,
        jobs: &[Job],
        full: &[Job],
        with_payload: bool,
    ) -> Answer<(Vec<Box<RawValue>>, Option<JobId>)> {
        let mut rows = Rows::new(MAX_BYTES);
        if !with_payload {
            for job in jobs {
                rows.push(&[JobView::from(job).without_payload()])?;
            }
            return Ok((rows.into_rows(), None));
        }
        let full: HashMap<_, _> = full.iter().map(|job| (job.id, job)).collect();
        let payload = |job: &Job| {
            let record = full.get(&job.id).copied().cloned();
            let id = job.id;
            async move {
                match record {
                    Some(record) => Ok::<_, Problem>((id, self.store().payload(&record).await?)),
                    // It was deleted since the row was read.
                    None => Ok((id, Payload::empty())),
                }
            }
        };
        let mut payloads = stream::iter(jobs.iter().map(payload)).buffered(AT_ONCE);
        let mut last = None;
        for job in jobs {
            let Some((id, payload)) = payloads.try_next().await? else { break };
            if !rows.push(&[JobView::from(job).with_payload(payload)])? {
                return Ok((rows.into_rows(), last));
            }
            last = Some(id);
        }
        Ok((rows.into_rows(), None))
    }
}

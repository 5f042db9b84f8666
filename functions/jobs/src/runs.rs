//! The runs of a job: what each did, the newest first.

use axum::Json;
use axum::extract::State;
use domain::id::{JobId, RunId};
use domain::job::Run;
use edge::cursor::{self, Binding};
use edge::views::RunView;
use edge::{Answer, Caller, PathId, Query};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::App;
use crate::answer::{MAX_BYTES, Rows};

const DEFAULT_LIMIT: u64 = 20;

/// A page of runs.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Runs {
    /// The run that is on, or the last one, and then those before it, the newest first.
    #[schema(value_type = Vec<RunView>)]
    runs: Vec<Box<RawValue>>,
    /// Where the next page begins, or null after the last.
    next_cursor: Option<String>,
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Place {
    /// The run that stood first, in the record itself: it may have been put aside since.
    first: Option<RunId>,
    /// The last one that was put aside, if one was shown.
    after: Option<RunId>,
}

/// What each run of a job did.
///
/// The run that is on, or the last one, comes first. The others come in the order of their ids: by the time at
/// which they were started by hand, or were due. They are kept for `RETENTION_DAYS`.
#[utoipa::path(get, path = "/jobs/{id}/runs", operation_id = "runs_of_job", tag = "jobs",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many, 1 to 100; 20 without it"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses((status = 200, body = Runs, description = "A page"),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document)))]
pub(crate) async fn of_job(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<JobId>,
    mut query: Query,
) -> Answer<Json<Runs>> {
    let limit = query.number(&["limit"], 1..=100).unwrap_or(DEFAULT_LIMIT);
    let cursor = query.text(&[cursor::PARAMETER]);
    query.finish()?;
    let limit = usize::try_from(limit).unwrap_or(100);
    let job = app.own_job(&caller, id).await?;
    let list = format!("runs of {id}");
    let binding = Binding { user: job.user_id, filter: &list };
    let (place, first) = match cursor {
        Some(text) => (cursor::open(&*app.sessions.secrets().await?, binding, &text)?, None),
        None => (Place { first: job.run.as_ref().map(|run| run.id), after: None }, job.run),
    };
    let rows = first.iter().count();
    // With one row of room left for it, the next run tells whether there is a next page.
    let found = app.store().earlier_runs(id, place.after, (limit - rows).max(1), app.ambient().now()).await?;
    let earlier: Vec<Run> = found.runs.into_iter().filter(|run| Some(run.id) != place.first).collect();
    let fit = earlier.len().min(limit - rows);
    let (runs, shown) = rows_of(first.as_ref(), &earlier[..fit])?;
    let after = if shown == 0 { place.after } else { Some(earlier[shown - 1].id) };
    let next = match (shown < earlier.len(), found.next) {
        (true, _) => Some(after),
        (false, next) => next.map(Some),
    };
    let next_cursor = match next {
        Some(after) => {
            let place = Place { first: place.first, after };
            cursor::seal(&*app.sessions.secrets().await?, binding, &place)
        }
        None => None,
    };
    Ok(Json(Runs { runs, next_cursor }))
}

/// The rows of these runs, as long as they fit, and how many of the earlier ones did.
fn rows_of(first: Option<&Run>, earlier: &[Run]) -> Answer<(Vec<Box<RawValue>>, usize)> {
    let mut rows = Rows::new(MAX_BYTES);
    if let Some(first) = first {
        rows.push(&[RunView::from(first)])?;
    }
    let mut shown = 0;
    for run in earlier {
        if !rows.push(&[RunView::from(run)])? {
            break;
        }
        shown += 1;
    }
    Ok((rows.into_rows(), shown))
}

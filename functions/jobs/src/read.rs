//! Reading one job, and its log.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::id::JobId;
use edge::views::{DeliveryView, JobView, LogView};
use edge::{Answer, Caller, PathId, Problem, etag};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::deliveries::rows;
use crate::{App, may_see};

/// What the rows of deliveries may take of an answer that tells the payload four times.
const ROOM_FOR_DELIVERIES: usize = 3_000_000;

/// A job and what hangs on it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WholeJob {
    #[serde(flatten)]
    view: JobView,
    /// The job again.
    job: JobView,
    /// Its deliveries, one row an attempt, the newest first. Those that do not fit are at
    /// /jobs/{id}/deliveries.
    #[schema(value_type = Vec<DeliveryView>)]
    webhook_logs: Vec<Box<RawValue>>,
}

/// One job, with its payload and its deliveries.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = WholeJob, description = "The job",
            headers(("ETag" = String, description = "Its version, for If-Match"))),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document)))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<JobId>,
) -> Answer<Response> {
    let found = app.store().job_and_all(id, app.ambient().now()).await?;
    let found =
        found.filter(|found| may_see(&caller, &found.job)).ok_or_else(|| Problem::not_found("job"))?;
    let (webhook_logs, _) = rows(&caller, &found.deliveries, ROOM_FOR_DELIVERIES)?;
    let view = JobView::from(&found.job).with_payload(found.payload).with_parameters();
    let whole = WholeJob { job: view.clone(), view, webhook_logs };
    Ok(([etag(found.job.version)], Json(whole)).into_response())
}

/// The job's log, the oldest entry first: the last 20 are kept.
#[utoipa::path(get, path = "/jobs/{id}/logs", tag = "jobs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Vec<LogView>, description = "The entries"),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document)))]
pub(crate) async fn logs(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Vec<LogView>>> {
    Ok(Json(LogView::all(&app.own_job(&caller, id).await?)))
}

//! What was given up, shown to an administrator.

use axum::Json;
use axum::extract::State;
use domain::message::Deliver;
use domain::time::Moment;
use edge::views::{JobView, SeenJob, url_for};
use edge::{Answer, Caller, Query};
use queue::Redrive;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MOST_JOBS, demand_admin};
use crate::{App, queue_failed};

/// How many letters and jobs are shown, unless the request says otherwise; SQS shows no more letters at once.
const SHOWN: u64 = 10;

/// What was given up.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dead {
    /// Webhooks that nobody took.
    webhooks: DeadWebhooks,
    /// Jobs whose workers kept dying.
    jobs: DeadJobs,
}

/// The dead-letter queue of webhooks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadWebhooks {
    /// How many lie there, roughly.
    depth: u64,
    /// Some of them.
    sample: Vec<LetterView>,
    /// The last redrive, if there was one lately.
    last_redrive: Option<RedriveView>,
}

/// A webhook that lies there.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LetterView {
    /// Since when.
    #[schema(value_type = Option<String>, format = DateTime)]
    since: Option<Moment>,
    /// What it is; null for a message that no release has written.
    delivery: Option<LetterDelivery>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct LetterDelivery {
    /// Its `webhook-id`.
    id: String,
    /// The job it tells of.
    job_id: String,
    /// The job's owner.
    user_id: String,
    /// Where it goes: an endpoint's id, `job` or `deployment`.
    endpoint_id: String,
    /// Where that was; of an endpoint, which is its owner's alone, as far as the host.
    url: String,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedriveView {
    /// `RUNNING`, `COMPLETED`, `CANCELLING`, `CANCELLED` or `FAILED`, as SQS says it.
    status: String,
    /// How many have been moved, roughly.
    moved: u64,
    #[schema(value_type = String, format = DateTime)]
    started_at: Moment,
    /// Why it failed.
    failure: Option<String>,
}

/// Jobs that ended because their workers kept dying.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeadJobs {
    /// The last of them first.
    dead_lettered: Vec<SeenJob>,
    /// Whether there are more.
    more: bool,
}

/// What was given up: webhooks that nobody took, and jobs whose workers kept dying. For admins.
#[utoipa::path(get, path = "/admin/dead-letters", tag = "admin", security(("bearer" = [])),
    params(("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many of each, 1 to 100; 10 without it. Of webhooks \
        never more than 10 are shown: GET /deliveries?state=dead lists a user's")),
    responses((status = 200, body = Dead, description = "How many, and some of them"),
        (status = 403, description = "You are no admin", body = edge::problem::Document)))]
pub(crate) async fn look(State(app): State<App>, caller: Caller, mut query: Query) -> Answer<Json<Dead>> {
    let limit = query.number(&["limit"], 1..=MOST_JOBS).unwrap_or(SHOWN);
    query.finish()?;
    demand_admin(&caller)?;
    let heap = app.dead.look(i32::try_from(limit).unwrap_or(i32::MAX)).await.map_err(queue_failed)?;
    let jobs = app.given_up(usize::try_from(limit).unwrap_or(usize::MAX)).await?;
    let sample = heap.sample.into_iter();
    let webhooks = DeadWebhooks {
        depth: heap.depth,
        sample: sample
            .map(|dead| LetterView {
                since: dead.since,
                delivery: dead.delivery.map(|one| letter(&caller, one)),
            })
            .collect(),
        last_redrive: heap.redrive.map(last),
    };
    let seen = jobs.jobs.iter().map(|job| SeenJob::by(&caller, JobView::from(job))).collect();
    Ok(Json(Dead { webhooks, jobs: DeadJobs { dead_lettered: seen, more: jobs.more } }))
}

fn letter(caller: &Caller, delivery: Deliver) -> LetterDelivery {
    LetterDelivery {
        url: url_for(caller, delivery.endpoint_id, delivery.user_id, &delivery.url),
        id: delivery.webhook_id.to_string(),
        job_id: delivery.job_id.to_string(),
        user_id: delivery.user_id.to_string(),
        endpoint_id: delivery.endpoint_id.to_string(),
    }
}

fn last(redrive: Redrive) -> RedriveView {
    let Redrive { status, moved, started_at, failure } = redrive;
    RedriveView { status, moved, started_at, failure }
}

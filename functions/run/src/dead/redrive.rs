//! Another chance for what was given up.

use axum::Json;
use axum::extract::State;
use domain::id::JobId;
use domain::input::Fields;
use domain::job::Job;
use domain::life;
use edge::request::optional_fields;
use edge::{Answer, Code, Problem, RawBody, RunCaller};
use http::{HeaderMap, StatusCode};
use queue::Begun;
use serde::Serialize;
use utoipa::ToSchema;

use super::{MOST_JOBS, demand_admin};
use crate::{App, queue_failed};

/// SQS moves no more in a second.
const FASTEST: u64 = 500;

/// What is to be tried again.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({"dryRun": true}))]
pub(crate) struct RedriveBody {
    /// Whether the webhooks are.
    #[schema(default = true)]
    webhooks: Option<bool>,
    /// Whether the jobs are.
    #[schema(default = true)]
    jobs: Option<bool>,
    /// Only tells what would be done.
    #[schema(default = false)]
    dry_run: Option<bool>,
    /// How many webhooks go back in a second, at most; without it as many as SQS moves.
    #[schema(minimum = 1, maximum = 500)]
    rate_per_second: Option<u64>,
    /// How many jobs, at most.
    #[schema(minimum = 1, maximum = 100, default = 100)]
    limit: Option<u64>,
}

struct Wanted {
    webhooks: bool,
    jobs: bool,
    dry_run: bool,
    rate: Option<u32>,
    limit: usize,
}

/// What is tried again, or would be.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Redriven {
    message: &'static str,
    dry_run: bool,
    /// Null if they were left out.
    webhooks: Option<RedrivenWebhooks>,
    /// Null if they were left out.
    jobs: Option<RedrivenJobs>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedrivenWebhooks {
    /// How many lie in the dead-letter queue, roughly.
    depth: u64,
    /// Whether they go back now.
    begun: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct RedrivenJobs {
    /// The jobs that run again, or would.
    #[schema(value_type = Vec<String>)]
    rerun: Vec<JobId>,
    /// Those that do not, and why.
    not_rerun: Vec<NotRerun>,
    /// Whether there are more than the limit.
    more: bool,
}

#[derive(Serialize, ToSchema)]
struct NotRerun {
    #[schema(value_type = String)]
    id: JobId,
    why: String,
}

/// Gives them another chance: webhooks go back to their queue and begin a new round, jobs run again. For admins.
///
/// To ask twice does no harm: a webhook that was taken is not sent again, and a job that runs is left alone.
#[utoipa::path(post, path = "/admin/dead-letters/redrive", tag = "admin", security(("bearer" = [])),
    request_body = Option<RedriveBody>,
    responses((status = 202, body = Redriven, description = "It is on"),
        (status = 200, body = Redriven, description = "A dry run: this would be done"),
        (status = 403, description = "You are no admin", body = edge::problem::Document),
        (status = 409, description = "A redrive is on", body = edge::problem::Document)))]
pub(crate) async fn redrive(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Answer<(StatusCode, Json<Redriven>)> {
    demand_admin(&caller)?;
    let wanted = Wanted::read(&headers, &body)?;
    // The jobs come last: what keeps the webhooks from going back then keeps nothing half done.
    let webhooks = if wanted.webhooks { Some(app.redrive_webhooks(&wanted).await?) } else { None };
    let jobs = if wanted.jobs { Some(app.redrive_jobs(&wanted).await?) } else { None };
    let (status, message) = match wanted.dry_run {
        true => (StatusCode::OK, "This would be tried again"),
        false => (StatusCode::ACCEPTED, "It is tried again"),
    };
    Ok((status, Json(Redriven { message, dry_run: wanted.dry_run, webhooks, jobs })))
}

impl Wanted {
    fn read(headers: &HeaderMap, body: &[u8]) -> Answer<Self> {
        let mut fields = match optional_fields(headers, body)? {
            Some(fields) => fields,
            None => Fields::parse(b"{}")?,
        };
        let rate = bounded(&mut fields, "ratePerSecond", FASTEST);
        let wanted = Self {
            webhooks: fields.flag(&["webhooks"]).unwrap_or(true),
            jobs: fields.flag(&["jobs"]).unwrap_or(true),
            dry_run: fields.flag(&["dryRun"]).unwrap_or(false),
            rate: rate.and_then(|rate| u32::try_from(rate).ok()),
            limit: bounded(&mut fields, "limit", MOST_JOBS)
                .and_then(|n| usize::try_from(n).ok())
                .unwrap_or(100),
        };
        fields.finish()?;
        Ok(wanted)
    }
}

fn bounded(fields: &mut Fields, name: &str, most: u64) -> Option<u64> {
    let given = fields.number(&[name])?;
    if !(1..=most).contains(&given) {
        fields.fault(format!("/{name}"), format!("must be from 1 to {most}"));
    }
    Some(given)
}

impl App {
    async fn redrive_webhooks(&self, wanted: &Wanted) -> Answer<RedrivenWebhooks> {
        let depth = self.dead.depth().await.map_err(queue_failed)?;
        if wanted.dry_run {
            return Ok(RedrivenWebhooks { depth, begun: false });
        }
        match self.dead.redrive(wanted.rate).await.map_err(queue_failed)? {
            Begun::Begun => Ok(RedrivenWebhooks { depth, begun: true }),
            Begun::RunsAlready => {
                let told = "a redrive of webhooks is on; GET /admin/dead-letters tells how far it is";
                Err(Problem::new(Code::Conflict, told))
            }
        }
    }

    /// A crash midway: what was started runs, and the others are still given up.
    async fn redrive_jobs(&self, wanted: &Wanted) -> Answer<RedrivenJobs> {
        let found = self.given_up(wanted.limit).await?;
        let mut done = RedrivenJobs { rerun: Vec::new(), not_rerun: Vec::new(), more: found.more };
        for job in found.jobs {
            match self.try_again(job.clone(), wanted.dry_run).await {
                Ok(()) => done.rerun.push(job.id),
                Err(problem) => {
                    done.not_rerun.push(NotRerun { id: job.id, why: problem.detail().to_owned() })
                }
            }
        }
        Ok(done)
    }

    async fn try_again(&self, job: Job, dry_run: bool) -> Answer<()> {
        life::may_rerun(&job).map_err(crate::start::refuse)?;
        if !dry_run {
            self.start_job(job, life::may_rerun).await?;
        }
        Ok(())
    }
}

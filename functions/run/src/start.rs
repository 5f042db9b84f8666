//! `run` and `rerun`.

use axum::Json;
use axum::extract::State;
use domain::id::{JobId, RunId};
use domain::job::{Job, Status};
use domain::life::{self, CannotStart};
use domain::message::JobMessage;
use edge::rate::Standing;
use edge::views::{JobView, SeenJob};
use edge::{Answer, Caller, Code, PathId, Problem, RunCaller};
use http::StatusCode;
use serde::Serialize;
use store::Replaced;
use tasks::start_delay;
use utoipa::ToSchema;

use crate::{App, MOST_RACES, queue_failed, too_many_races};

/// What `run` and `rerun` answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Started {
    success: bool,
    message: &'static str,
    /// The job's status: running, or already how the run has ended.
    #[schema(value_type = String)]
    status: Status,
    job: SeenJob,
}

type Reply = Answer<(StatusCode, Standing, Json<Started>)>;

/// Starts a pending job.
#[utoipa::path(post, path = "/jobs/{id}/run", tag = "runs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 202, body = Started, description = "It runs"),
        (status = 409, description = "It runs already, or has ended", body = edge::problem::Document)))]
pub(crate) async fn run(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    PathId(id): PathId<JobId>,
) -> Reply {
    app.start(&caller, id, life::may_run).await
}

/// Starts an ended job again.
#[utoipa::path(post, path = "/jobs/{id}/rerun", tag = "runs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 202, body = Started, description = "It runs again"),
        (status = 409, description = "It runs already, or has never run", body = edge::problem::Document)))]
pub(crate) async fn rerun(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    PathId(id): PathId<JobId>,
) -> Reply {
    app.start(&caller, id, life::may_rerun).await
}

impl App {
    async fn start(&self, caller: &Caller, id: JobId, may: fn(&Job) -> Result<(), CannotStart>) -> Reply {
        let job = self.own_job(caller, id).await?;
        may(&job).map_err(refuse)?;
        // Only what could start counts against the limit.
        let standing = self.count_run(caller).await?;
        let job = self.start_job(job, may).await?;
        Ok(started(caller, standing, &job))
    }

    /// Sends the run message with the version seen, then writes `running` under that version.
    ///
    /// The message may be received before the write: its worker then claims the job by the version, and the
    /// write here finds its own run on the record. A crash between the two: the worker claims all the same. A
    /// lost race: the message names a version that no longer stands, and is stale.
    /// The answer is the job as it runs, or as that run has ended by then.
    pub(crate) async fn start_job(
        &self,
        mut job: Job,
        may: fn(&Job) -> Result<(), CannotStart>,
    ) -> Answer<Job> {
        for _ in 0..MOST_RACES {
            may(&job).map_err(refuse)?;
            let now = self.ambient().now();
            let run = RunId::fresh(now, self.ambient().entropy());
            let message = JobMessage::run(job.id, run, job.version);
            let delay = start_delay(&job.task_type, self.config.simulated_task);
            self.jobs.send(job.priority, job.user_id, &message, delay).await.map_err(queue_failed)?;
            let next = life::start(&job, run, now);
            match self.replace(&job, &next).await? {
                Replaced::Written => return Ok(next),
                Replaced::Lost(Some(current)) if current.run.as_ref().is_some_and(|on| on.id == run) => {
                    return Ok(*current);
                }
                Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
                Replaced::Lost(_) => return Err(Problem::not_found("job")),
            }
        }
        Err(too_many_races())
    }
}

fn started(caller: &Caller, standing: Standing, job: &Job) -> (StatusCode, Standing, Json<Started>) {
    let (status, view) = (job.status, SeenJob::by(caller, JobView::from(job)));
    let answer = Started { success: true, message: "Job started", status, job: view };
    (StatusCode::ACCEPTED, standing, Json(answer))
}

pub(crate) fn refuse(reason: CannotStart) -> Problem {
    let code = match reason {
        CannotStart::Running => Code::AlreadyRunning,
        CannotStart::Ended(_) => Code::AlreadyEnded,
        CannotStart::NotEnded => Code::Conflict,
    };
    Problem::new(code, reason.to_string())
}

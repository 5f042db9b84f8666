//! `pause` and `resume`: a schedule rests, and goes on.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::id::JobId;
use domain::job::Job;
use domain::life::{self, CannotRest};
use domain::message::JobMessage;
use edge::views::{JobView, SeenJob};
use edge::{Answer, Caller, Code, PathId, Problem, RunCaller};
use serde::Serialize;
use store::Replaced;
use utoipa::ToSchema;

use crate::{App, LATE, MOST_RACES, queue_failed, too_many_races};

/// How long the message about an end waits for the write of that end.
const HEAD_START: Duration = Duration::from_secs(2);

/// What `pause` and `resume` answer: the job, and a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Rested {
    message: &'static str,
    #[serde(flatten)]
    job: SeenJob,
}

/// Lets a job's schedule rest: until `resume` the job does not run by itself. A run that is on goes on, and
/// `run` still starts the job. To pause twice is the same as once.
#[utoipa::path(post, path = "/jobs/{id}/pause", tag = "runs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Rested, description = "It rests"),
        (status = 409, description = "It has no schedule, or that is over", body = edge::problem::Document)))]
pub(crate) async fn pause(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Rested>> {
    let mut job = app.own_job(&caller, id).await?;
    for _ in 0..MOST_RACES {
        let Some(next) = life::pause(&job, app.ambient().now()).map_err(refuse)? else {
            return Ok(rested(&caller, &job, "Schedule paused"));
        };
        match app.replace(&job, &next).await? {
            Replaced::Written => return Ok(rested(&caller, &next, "Schedule paused")),
            Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
            Replaced::Lost(_) => return Err(Problem::not_found("job")),
        }
    }
    Err(too_many_races())
}

/// Lets a job's schedule go on. What fell into the pause is not made up for, except that a one-time schedule
/// whose moment has passed comes at once, and counts as a run. To resume twice is the same as once.
#[utoipa::path(post, path = "/jobs/{id}/resume", tag = "runs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Rested, description = "It goes on, or is over if its end has passed"),
        (status = 409, description = "It has no schedule, or that is over", body = edge::problem::Document)))]
pub(crate) async fn resume(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Rested>> {
    let mut job = app.own_job(&caller, id).await?;
    let mut counted = false;
    for _ in 0..MOST_RACES {
        let at = app.present();
        let Some(next) = life::resume(&job, at).map_err(refuse)? else {
            return Ok(rested(&caller, &job, "Schedule resumed"));
        };
        if !counted && next.timetable.as_ref().is_some_and(|table| table.is_due(at.now)) {
            app.count_run(&caller).await?;
            counted = true;
        }
        app.tell_of_end(&job, &next).await?;
        match app.replace(&job, &next).await? {
            Replaced::Written => {
                if app.ambient().now().since(at.now) > LATE {
                    app.tell_of_end(&job, &next).await?;
                }
                app.jobs.announce(&next, at.now).await;
                return Ok(rested(&caller, &next, "Schedule resumed"));
            }
            Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
            Replaced::Lost(_) => return Err(Problem::not_found("job")),
        }
    }
    Err(too_many_races())
}

impl App {
    /// A schedule may have ended in the pause before anything ran: then the job ends here, under a run of its
    /// own that owes webhooks and a notice like any other. A message about that run asks the worker for them.
    /// It goes out before the write, a little delayed: after a crash in between it finds that the record does
    /// not show the run, and is dropped. The other way round the end would stay untold. If the write takes so long that
    /// the message may have been dropped by then, it is sent again.
    async fn tell_of_end(&self, job: &Job, next: &Job) -> Answer<()> {
        let known = job.run.as_ref().map(|run| run.id);
        let Some(run) = next.run.as_ref().map(|run| run.id).filter(|run| Some(*run) != known) else {
            return Ok(());
        };
        let message = JobMessage::of_ended(next.id, run);
        self.jobs.send(next.priority, next.user_id, &message, HEAD_START).await.map_err(queue_failed)
    }
}

fn rested(caller: &Caller, job: &Job, message: &'static str) -> Json<Rested> {
    Json(Rested { message, job: SeenJob::by(caller, JobView::from(job)) })
}

fn refuse(reason: CannotRest) -> Problem {
    Problem::new(Code::Conflict, reason.to_string())
}

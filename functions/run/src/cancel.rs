//! `cancel`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::delivery::{Receivers, owed};
use domain::id::{CancelId, JobId, RunId};
use domain::job::Job;
use domain::life::{self, Present};
use edge::views::{JobView, SeenJob};
use edge::{Answer, Code, PathId, Problem, RunCaller};
use serde::Serialize;
use store::Replaced;
use utoipa::ToSchema;

use crate::{App, LATE, MOST_RACES, queue_failed, too_many_races};

/// How long the announcement waits for the write that it announces.
const HEAD_START: Duration = Duration::from_secs(2);

/// What `cancel` answers: the job, and a message.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cancelled {
    message: &'static str,
    #[serde(flatten)]
    job: SeenJob,
}

/// Cancels a job that has not ended, and its schedule with it. What its task has done by then is not undone.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "runs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, body = Cancelled, description = "It is cancelled"),
        (status = 409, description = "It has ended", body = edge::problem::Document)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    RunCaller(caller): RunCaller,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Cancelled>> {
    let mut job = app.own_job(&caller, id).await?;
    for tried in (0..).take(MOST_RACES) {
        // Each try has a moment of its own: what one announced that lost its race is then another event, which never comes.
        let at = app.present();
        let at = Present { now: at.now.plus(Duration::from_millis(tried)), ..at };
        let cancel = CancelId::fresh(at.now, app.ambient().entropy());
        let run = RunId::fresh(at.now, app.ambient().entropy());
        let Some(next) = life::cancel(&job, cancel, run, at) else {
            let detail = format!("the job has ended already as {}", job.status);
            return Err(Problem::new(Code::AlreadyEnded, detail));
        };
        app.announce(&next).await?;
        match app.replace(&job, &next).await? {
            Replaced::Written => {
                if app.ambient().now().since(at.now) > LATE {
                    app.announce(&next).await?;
                }
                return Ok(Json(Cancelled {
                    message: "Job cancelled successfully",
                    job: SeenJob::by(&caller, JobView::from(&next)),
                }));
            }
            Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
            Replaced::Lost(_) => return Err(Problem::not_found("job")),
        }
    }
    Err(too_many_races())
}

impl App {
    /// Sends the webhooks of a cancellation before it is written, a little delayed: after a crash in between
    /// they find that the job does not show this cancellation, and are dropped. The other way round they would
    /// be lost, for no message of the job is left to ask for them. If the write takes so long that they may have been
    /// dropped by then, they are sent again, with the same ids.
    async fn announce(&self, cancelled: &Job) -> Answer<()> {
        let Some(run) = &cancelled.run else { return Ok(()) };
        let endpoints = self.store().endpoints_of(cancelled.user_id).await?;
        let to = Receivers { deployment: self.config.webhook_url.as_deref(), endpoints: &endpoints };
        if !to.hear_of(cancelled) {
            return Ok(());
        }
        let payload = self.store().payload(cancelled).await?;
        let deliveries = owed(cancelled, run, &payload, to);
        self.webhooks.send(&deliveries, HEAD_START).await.map_err(queue_failed)
    }
}

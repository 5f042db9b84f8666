//! Deleting a job with all that hangs on it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::id::JobId;
use domain::job::{Job, Priority};
use domain::life;
use domain::message::JobMessage;
use edge::{Answer, Caller, IfMatch, PathId, Problem, Query};
use http::HeaderMap;
use store::Replaced;

use crate::answer::Done;
use crate::{App, MOST_RACES, may_see, queue_failed, too_many_races};

/// How long the mark of a deleted job stays, so that late messages find it.
const MARK: Duration = Duration::from_secs(24 * 3_600);
/// How long the message that removes the rest waits: for the mark, and for whoever read the job before it and
/// may still write beside it (a worker's lease, an attempt to deliver).
const PURGE_DELAY: Duration = Duration::from_secs(75);
/// A mark that comes later than this after the message may find that the message, which looks for it, was dropped.
const LATE: Duration = Duration::from_secs(60);

/// Deletes a job with its payload, runs, logs and deliveries. Also at DELETE /delete-job/{id} and
/// /delete-job?id=.
#[utoipa::path(delete, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])),
    params(("id" = String, Path, description = "The job's id"),
        ("If-Match" = Option<String>, Header, description = "The version to delete, as its ETag tells it")),
    responses((status = 200, body = Done, description = "It is gone"),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document),
        (status = 412, description = "It is at another version", body = edge::problem::Document)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<JobId>,
) -> Answer<Json<Done>> {
    app.delete(&caller, id, &IfMatch::read(&headers)).await
}

/// The same for clients that name the job in a parameter.
pub(crate) async fn delete_named(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    mut query: Query,
) -> Answer<Json<Done>> {
    let Some(named) = query.text(&["id", "jobId"]) else {
        query.fault("id", "is required");
        query.finish()?;
        return Err(Problem::not_found("job"));
    };
    query.finish()?;
    let id = named.parse().map_err(|_| Problem::not_found("job"))?;
    app.delete(&caller, id, &IfMatch::read(&headers)).await
}

impl App {
    /// Sends the message that removes the rest, then marks the job as deleted in one write.
    ///
    /// A crash before the write: the message finds a job without the mark, waits a while and does nothing. A
    /// lost race: the job as it is now is marked. A lost answer: the store finds its own mark. If the write takes so
    /// long that the message may have been dropped by then, it is sent again.
    async fn delete(&self, caller: &Caller, id: JobId, versions: &IfMatch) -> Answer<Json<Done>> {
        let mut job = self.own_job(caller, id).await?;
        versions.check("job", job.version)?;
        self.send_purge(&job).await?;
        let sent = self.ambient().now();
        for _ in 0..=MOST_RACES {
            versions.check("job", job.version)?;
            let next = life::delete(&job, self.ambient().now(), MARK);
            match self.store().replace_job(&next).await? {
                Replaced::Written => {
                    if self.ambient().now().since(sent) > LATE {
                        self.send_purge(&job).await?;
                    }
                    return Ok(Json(Done { message: "Job deleted successfully", job_id: id.to_string() }));
                }
                Replaced::Lost(Some(current))
                    if current.deleted_at.is_none() && may_see(caller, &current) =>
                {
                    job = *current;
                }
                Replaced::Lost(_) => return Err(Problem::not_found("job")),
            }
        }
        Err(too_many_races())
    }

    async fn send_purge(&self, job: &Job) -> Answer<()> {
        let purge = JobMessage::Purge { job_id: job.id };
        self.queues.send(Priority::Low, job.user_id, &purge, PURGE_DELAY).await.map_err(queue_failed)
    }
}

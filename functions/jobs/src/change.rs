//! Changing a job: what the body names changes, the rest stays.

mod parts;

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use domain::api_key::Scope;
use domain::id::JobId;
use domain::job::Job;
use domain::life::{Present, touched};
use domain::payload::Payload;
use edge::views::{JobView, ScheduleShape};
use edge::{Answer, Caller, IfMatch, JsonFields, PathId, Problem};
use http::{HeaderMap, StatusCode};
use store::Replaced;
use utoipa::ToSchema;

use crate::answer::{self, JobAnswer};
use crate::members::Members;
use crate::{App, MOST_RACES, owner, too_many_races};

/// What an answer carries and nobody changes: a client may send it back as it came.
const READ_ONLY: [&str; 17] = [
    "id",
    "jobId",
    "attempts",
    "retryCount",
    "nextRunAt",
    "lastError",
    "result",
    "createdAt",
    "updatedAt",
    "startedAt",
    "completedAt",
    "runDurationMs",
    "version",
    "job",
    "webhookLogs",
    "message",
    "logs",
];

/// What may be changed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = JobChange, rename_all = "camelCase", example = json!({"priority": "high", "webhookUrl": null}))]
pub(crate) struct ChangeBody {
    /// What to call it.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    task_name: Option<String>,
    /// What runs it.
    #[schema(rename = "type", min_length = 1, max_length = 64, pattern = r"^[A-Za-z0-9._-]+$")]
    kind: Option<String>,
    /// What it is run with. Also read as `parameters`.
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<Payload>,
    /// `high`, `medium` or `low`, in any case.
    #[schema(pattern = "^([Hh][Ii][Gg][Hh]|[Mm][Ee][Dd][Ii][Uu][Mm]|[Ll][Oo][Ww])$")]
    priority: Option<String>,
    /// How many attempts may follow the first.
    #[schema(minimum = 0, maximum = 25)]
    max_retries: Option<u32>,
    /// How many seconds an attempt may take.
    #[schema(minimum = 1, maximum = 50)]
    timeout_seconds: Option<u32>,
    /// When it runs by itself; null: not any more. Without `paused` it rests or works as it did. An ended job
    /// that has an occurrence before it waits again. An API key needs the scope `run` to change it.
    schedule: Option<ScheduleShape>,
    /// Where to tell of its end; null: nowhere.
    #[schema(max_length = 2048, pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+([/?#]\S*)?$")]
    webhook_url: Option<String>,
    /// What signs that; null: your own signing secret.
    #[schema(
        pattern = r"^(whsec_([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?|(?!whsec_)[^\x00-\x1f\x7f-\x9f]{16,128})$"
    )]
    webhook_secret: Option<String>,
}

/// What a body asks for, and what it takes away.
struct Change {
    members: Members,
    no_webhook: bool,
    no_secret: bool,
}

/// The job as it is to be.
struct Next {
    job: Job,
    /// If that is new.
    payload: Option<Payload>,
    /// Whether it has a schedule that it did not have, and so a future.
    waits: bool,
    /// Whether that is due at once.
    starts: bool,
}

/// Changes a job. PATCH does the same.
#[utoipa::path(put, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), request_body = ChangeBody,
    params(("id" = String, Path, description = "The job's id"),
        ("If-Match" = Option<String>, Header, description = "The version to change, as its ETag tells it")),
    responses((status = 200, body = JobAnswer, description = "The job as it is now",
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document),
        (status = 412, description = "It is at another version", body = edge::problem::Document)))]
pub(crate) async fn put(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<JobId>,
    body: JsonFields,
) -> Answer<Response> {
    app.change(&caller, id, &IfMatch::read(&headers), body).await
}

/// Changes a job: what the body names changes, the rest stays.
#[utoipa::path(patch, path = "/jobs/{id}", tag = "jobs", security(("bearer" = [])), request_body = ChangeBody,
    params(("id" = String, Path, description = "The job's id"),
        ("If-Match" = Option<String>, Header, description = "The version to change, as its ETag tells it")),
    responses((status = 200, body = JobAnswer, description = "The job as it is now",
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such job of yours", body = edge::problem::Document),
        (status = 412, description = "It is at another version", body = edge::problem::Document)))]
pub(crate) async fn patch(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<JobId>,
    body: JsonFields,
) -> Answer<Response> {
    app.change(&caller, id, &IfMatch::read(&headers), body).await
}

impl App {
    /// Writes the change over the version that was read.
    ///
    /// A lost race: with `If-Match`, 412; without, the change is made again on the job as it is now. A lost
    /// answer: the store finds its own record. A crash after the write, before an occurrence that is near is
    /// announced: the tick does it.
    async fn change(
        &self,
        caller: &Caller,
        id: JobId,
        versions: &IfMatch,
        body: JsonFields,
    ) -> Answer<Response> {
        // Whose job it is comes first: what is wrong with a body tells nothing of another user's job.
        let mut job = self.own_job(caller, id).await?;
        // And what is wrong with a body comes before a version that has passed (RFC 9110, section 13.2.1).
        let change = Change::read(caller, &job, body, self.present(), self.config.least_interval)?;
        let mut counted = false;
        for _ in 0..=MOST_RACES {
            versions.check("job", job.version)?;
            let Some(next) = self.next(caller, &job, &change).await? else {
                return self.changed(caller, job, None).await;
            };
            if next.starts && !counted {
                self.count_run(caller, next.job.updated_at).await?;
                counted = true;
            }
            let written = match next.payload.clone() {
                Some(payload) => self.store().replace_job_and_payload(next.job.clone(), payload).await?,
                None if next.waits => self.store().revive_job(&next.job).await?,
                None => self.store().replace_job(&next.job).await?,
            };
            match written {
                Replaced::Written => {
                    if next.waits {
                        self.queues.announce(&next.job, next.job.updated_at).await;
                    }
                    return self.changed(caller, next.job, next.payload).await;
                }
                Replaced::Lost(Some(current)) if current.deleted_at.is_none() => job = *current,
                Replaced::Lost(_) => return Err(Problem::not_found("job")),
            }
        }
        Err(too_many_races())
    }

    async fn changed(&self, caller: &Caller, job: Job, payload: Option<Payload>) -> Answer<Response> {
        let payload = match payload {
            Some(payload) => payload,
            None => self.store().payload(&job).await?,
        };
        let view = JobView::from(&job).with_payload(payload);
        Ok(answer::job(StatusCode::OK, caller, &job, view, "Job updated successfully"))
    }

    /// The job with the change made; `None` if that leaves it as it is.
    async fn next(&self, caller: &Caller, job: &Job, change: &Change) -> Answer<Option<Next>> {
        let members = &change.members;
        if members.status.is_some_and(|status| status != job.status) {
            let told = format!("is {} and not set here: run, rerun and cancel change it", job.status);
            return Err(Problem::at("/status", told));
        }
        if members.user.is_some_and(|user| user != job.user_id) {
            return Err(Problem::at("/userId", "cannot be changed"));
        }
        let at = self.present();
        let now = at.now;
        let rescheduled = members.schedule.applied(job, at, self.config.least_interval)?;
        let new_schedule = rescheduled.is_some();
        if new_schedule {
            caller.require(Scope::Run)?;
        }
        let mut next = rescheduled.unwrap_or_else(|| touched(job, now));
        set(&mut next.task_name, members.task_name.clone());
        set(&mut next.task_type, members.task_type.clone());
        set(&mut next.priority, members.priority);
        set(&mut next.max_retries, members.max_retries);
        set(&mut next.timeout_seconds, members.timeout_seconds);
        next.webhook = self.next_webhook(job, change).await?;
        let payload = self.next_payload(job, &next.task_type, members).await?;
        let mut names = Vec::new();
        names.extend((next.task_name != job.task_name).then_some("taskName"));
        names.extend((next.task_type != job.task_type).then_some("type"));
        names.extend((next.priority != job.priority).then_some("priority"));
        names.extend((next.max_retries != job.max_retries).then_some("maxRetries"));
        names.extend((next.timeout_seconds != job.timeout_seconds).then_some("timeoutSeconds"));
        names.extend(new_schedule.then_some("schedule"));
        names.extend((next.webhook != job.webhook).then_some("webhook"));
        names.extend(payload.as_ref().map(|_| "payload"));
        if names.is_empty() {
            return Ok(None);
        }
        next.log.add(next.updated_at, next.status, format!("changed: {}", names.join(", ")), None);
        let table = next.timetable.as_ref().filter(|_| new_schedule);
        let (waits, starts) = (table.is_some(), table.is_some_and(|table| table.is_due(now)));
        Ok(Some(Next { job: next, payload, waits, starts }))
    }
}

impl Change {
    /// Reads a body, or tells everything that is wrong with it where it is about this job.
    fn read(
        caller: &Caller,
        job: &Job,
        JsonFields { mut fields, .. }: JsonFields,
        at: Present,
        least: Duration,
    ) -> Answer<Self> {
        let (no_webhook, no_secret) = (fields.is_null("webhookUrl"), fields.is_null("webhookSecret"));
        let members = Members::take(&mut fields)?;
        if no_webhook && members.webhook_secret.is_some() {
            fields.fault("/webhookSecret", "needs a webhookUrl beside it");
        }
        for fault in members.schedule.applied(job, at, least).err().unwrap_or_default() {
            fields.fault(fault.pointer, fault.message);
        }
        fields.ignore(&READ_ONLY);
        fields.finish()?;
        owner(caller, members.user, "/userId")?;
        Ok(Self { members, no_webhook, no_secret })
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

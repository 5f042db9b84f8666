//! Creating a job, and starting it in the same breath.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use domain::api_key::Scope;
use domain::id::{JobId, RunId};
use domain::input::Fields;
use domain::job::{Job, JobWebhook, PayloadPlace, Status};
use domain::life;
use domain::log::Log;
use domain::payload::Payload;
use domain::time::Moment;
use edge::rate::Limit;
use edge::views::{JobView, ScheduleShape};
use edge::{Answer, Caller, Code, JsonFields, Problem};
use http::HeaderMap;
use sha2::{Digest, Sha256};
use store::{Created, IdempotencyKey, NewJob, StoreError};
use utoipa::ToSchema;

use crate::alike::Alike;
use crate::draft::{Draft, Hook, idempotency_key};
use crate::{App, MOST_RACES, answer};

/// A worker that finds no job looks for it for 72 seconds. A write that comes later than this may miss that.
const LATE: Duration = Duration::from_secs(20);
/// The header by which a client may ask twice and create once.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A job to be created.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = NewJob, rename_all = "camelCase", example = json!({
    "taskName": "nightly report", "priority": "high", "payload": {"rows": 10}, "run": true
}))]
pub(crate) struct NewJobBody {
    /// What to call it; its type without one.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    task_name: Option<String>,
    /// What runs it: `simulate`, `http`, or a type of your own, which runs as `simulate`.
    #[schema(
        rename = "type",
        default = "simulate",
        min_length = 1,
        max_length = 64,
        pattern = r"^[A-Za-z0-9._-]+$"
    )]
    kind: Option<String>,
    /// What it is run with: any JSON up to 256 KiB. Also read as `parameters`.
    #[schema(value_type = Option<serde_json::Value>)]
    payload: Option<Payload>,
    /// `high`, `medium` or `low`, in any case.
    #[schema(default = "low", pattern = "^([Hh][Ii][Gg][Hh]|[Mm][Ee][Dd][Ii][Uu][Mm]|[Ll][Oo][Ww])$")]
    priority: Option<String>,
    /// How many attempts may follow the first.
    #[schema(minimum = 0, maximum = 25, default = 3)]
    max_retries: Option<u32>,
    /// How many seconds an attempt may take.
    #[schema(minimum = 1, maximum = 50, default = 50)]
    timeout_seconds: Option<u32>,
    /// When it runs by itself. An API key needs the scope `run` for it.
    schedule: Option<ScheduleShape>,
    /// Where to tell of its end.
    #[schema(max_length = 2048, pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+([/?#]\S*)?$")]
    webhook_url: Option<String>,
    /// What signs that, beside a `webhookUrl`: `whsec_` and 24 to 64 bytes in base64, or any text of 16 to 128
    /// characters. Without one your own signing secret does.
    #[schema(
        pattern = r"^(whsec_([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?|(?!whsec_)[^\x00-\x1f\x7f-\x9f]{16,128})$"
    )]
    webhook_secret: Option<String>,
    /// Whether to start it at once; an API key needs the scope `run` for it. A recurring schedule goes on besides; a one-time one cannot.
    #[schema(default = false)]
    run: Option<bool>,
    /// Whose it is to be; only an admin may name another user.
    #[schema(pattern = "^usr_[0-9a-f]{32}$")]
    user_id: Option<String>,
}

/// A job as it was created.
pub(crate) struct Made {
    pub(crate) job: Job,
    pub(crate) payload: Payload,
    /// Whether an earlier request under the same key created it.
    pub(crate) replayed: bool,
}

impl Made {
    pub(crate) fn view(&self) -> JobView {
        JobView::from(&self.job).with_payload(self.payload.clone())
    }
}

/// A client's key, and what it was used for.
pub(crate) struct Once {
    key: String,
    hash: String,
}

impl Once {
    /// The key at this place of a request whose body this is.
    pub(crate) fn new(place: &str, key: &[u8], body: &[u8]) -> Answer<Self> {
        let key = idempotency_key(place, key)?.to_owned();
        Ok(Self { key, hash: hex::encode(Sha256::digest(body)) })
    }
}

/// Creates a job, and starts it if `run` is true. Also at POST /create-job.
///
/// A job that starts at once, by `run` or by a schedule whose time has come, counts against the limit of runs. An API
/// key without the scope `read` is answered a receipt.
#[utoipa::path(post, path = "/jobs", tag = "jobs", security(("bearer" = [])), request_body = NewJobBody,
    params(("Idempotency-Key" = Option<String>, Header, pattern = "^[!-~]{1,255}$",
        description = "1 to 255 visible ASCII characters: the same request under it creates one job in 24 hours")),
    responses(
        (status = 201, body = answer::JobAnswer, description = "The job",
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"),
                ("Idempotent-Replayed" = String, description = "`true` if an earlier request created it"))),
        (status = 413, description = "The payload is larger than 256 KiB", body = edge::problem::Document),
        (status = 422, description = "The key came before with another body", body = edge::problem::Document)))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    body: JsonFields,
) -> Answer<Response> {
    let once = match headers.get(IDEMPOTENCY_KEY) {
        Some(key) => Some(Once::new("Idempotency-Key", key.as_bytes(), &body.raw)?),
        None => None,
    };
    let made = app.create(&caller, body.fields, once.as_ref(), &Alike::of(0)).await?;
    Ok(answer::created(&caller, &made))
}

impl App {
    /// Creates the job that the body describes, once for each key. A body that comes again under its key is not
    /// looked at: the schedule that was good then may be over by now.
    ///
    /// With `run`, the message goes out first and the job is written running under the run that the message
    /// names. A crash between the two leaves a message about a job that is not there, which the worker drops;
    /// the other order would leave a job that runs for ever. A lost race for the key does the same. If the write takes
    /// so long that the message may have been dropped by then, it is sent again.
    ///
    /// An occurrence that is near is announced after the write, and by the tick after a crash in between.
    pub(crate) async fn create(
        &self,
        caller: &Caller,
        body: Fields,
        once: Option<&Once>,
        alike: &Alike,
    ) -> Answer<Made> {
        if let Some(once) = once
            && let Some(made) = self.made_before(caller, once).await?
        {
            return Ok(made);
        }
        let draft = self.draft(caller, body)?;
        let now = self.ambient().now();
        if draft.run || draft.timetable.is_some() {
            caller.require(Scope::Run)?;
        }
        if draft.run || draft.timetable.as_ref().is_some_and(|table| table.is_due(now)) {
            self.count_with(alike, caller, now).await?;
        }
        let id = JobId::fresh(now, self.ambient().entropy());
        boot::trace::about(id);
        let webhook = self.webhook(caller, &draft, id).await?;
        let payload = draft.payload;
        let mut job = Job {
            id,
            user_id: draft.owner,
            task_name: draft.task_name,
            task_type: draft.task_type,
            payload: PayloadPlace::Here(payload.clone()),
            priority: draft.priority,
            status: Status::Pending,
            version: 0,
            max_retries: draft.max_retries,
            timeout_seconds: draft.timeout_seconds,
            timetable: draft.timetable,
            webhook,
            run: None,
            log: Log::default(),
            created_at: now,
            updated_at: now,
            cancel_id: None,
            deleted_at: None,
            expires_at: None,
        };
        job.log.add(now, Status::Pending, "created", None);
        let run = draft.run.then(|| RunId::fresh(now, self.ambient().entropy()));
        let next = match run {
            Some(run) => {
                self.start_with(alike, &job, run).await?;
                life::start(&job, run, now)
            }
            None => life::touched(&job, now),
        };
        let made = self.write(caller, NewJob { job: next, payload }, once).await?;
        if made.replayed {
            return Ok(made);
        }
        meter::job_created(made.job.priority);
        if let Some(run) = run.filter(|_| self.ambient().now().since(now) > LATE) {
            self.start_with(alike, &job, run).await?;
        }
        self.queues.announce(&made.job, self.ambient().now()).await;
        Ok(made)
    }

    /// Counts a run of the caller's, or answers 429: started here, by a schedule that is due when it is set, or by
    /// `run`, it is a run.
    pub(crate) async fn count_run(&self, caller: &Caller, now: Moment) -> Answer<()> {
        self.count_runs(caller, 1, now).await
    }

    /// The same for so many, all of them or none.
    pub(crate) async fn count_runs(&self, caller: &Caller, many: u64, now: Moment) -> Answer<()> {
        let limit = Limit { scope: "run", max: self.config.limit, window: self.config.window };
        let subject = caller.user.id.to_string();
        limit.count_many(self.store(), &subject, many, now).await.map(|_| ())
    }

    /// Writes the job. Of several requests under one key that come at the same time, one creates the job and
    /// the others answer with it.
    async fn write(&self, caller: &Caller, new: NewJob, once: Option<&Once>) -> Answer<Made> {
        let now = new.job.created_at;
        let Some(once) = once else {
            let payload = new.payload.clone();
            return match self.store().create_job(new, None, now).await? {
                Created::New(job) => Ok(Made { job: *job, payload, replayed: false }),
                Created::KeyTaken => Err(Problem::internal()),
            };
        };
        let key = IdempotencyKey { user: caller.user.id, key: &once.key, request_hash: &once.hash };
        for _ in 0..=MOST_RACES {
            let again = NewJob { job: new.job.clone(), payload: new.payload.clone() };
            match self.store().create_job(again, Some(key), now).await {
                Ok(Created::New(job)) => {
                    return Ok(Made { job: *job, payload: new.payload, replayed: false });
                }
                // Two transactions at the same moment: one of them has the key now, or soon.
                Ok(Created::KeyTaken) | Err(StoreError::Busy(_)) => {}
                Err(failure) => return Err(failure.into()),
            }
            if let Some(made) = self.made_before(caller, once).await? {
                return Ok(made);
            }
        }
        Err(Problem::unavailable())
    }

    /// What an earlier request under this key created.
    async fn made_before(&self, caller: &Caller, once: &Once) -> Answer<Option<Made>> {
        let now = self.ambient().now();
        let Some(claimed) = self.store().claimed(caller.user.id, &once.key, now).await? else {
            return Ok(None);
        };
        if claimed.request_hash != once.hash {
            let detail =
                "this Idempotency-Key came before with another body; use a new key for a new request";
            return Err(Problem::new(Code::IdempotencyKeyReused, detail));
        }
        let Some(job) = self.store().job(claimed.job_id, now).await? else {
            let detail = "the job that this Idempotency-Key created has been deleted; use a new key";
            return Err(Problem::new(Code::Conflict, detail));
        };
        boot::trace::about(job.id);
        let payload = self.store().payload(&job).await?;
        Ok(Some(Made { job, payload, replayed: true }))
    }

    /// The job's webhook; its owner gets a signing secret if the job brings none.
    async fn webhook(&self, caller: &Caller, draft: &Draft, job: JobId) -> Answer<Option<JobWebhook>> {
        let owner = if draft.owner == caller.user.id {
            caller.user.clone()
        } else {
            let named = self.store().user(draft.owner).await?;
            named.ok_or_else(|| Problem::at("/userId", "names no user"))?
        };
        let Some(Hook { url, secret }) = &draft.hook else { return Ok(None) };
        let secret = match secret {
            Some(secret) => Some(self.vault.seal(secret, &job.to_string()).await?),
            None => {
                self.with_signing(owner).await?;
                None
            }
        };
        Ok(Some(JobWebhook { url: url.as_str().to_owned(), secret }))
    }
}

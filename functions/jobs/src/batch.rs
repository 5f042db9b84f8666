//! Creating many jobs in one request, each by itself.

use std::borrow::Cow;

use axum::Json;
use axum::extract::{Extension, State};
use domain::input::Fields;
use edge::problem::Document;
use edge::trace::Ids;
use edge::views::SeenJob;
use edge::{Answer, Caller, JsonFields, Problem};
use futures::future::join_all;
use futures::stream::{self, StreamExt};
use http::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use tracing::Instrument;
use utoipa::openapi::schema::{AnyOfBuilder, SchemaType};
use utoipa::openapi::{Object, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::alike::Alike;
use crate::answer::MAX_BYTES;
use crate::create::{Made, NewJobBody, Once};

/// How many jobs one request may bring.
const MOST_JOBS: usize = 100;
/// How many of them do what they can together: as many as a request to a queue takes.
const TOGETHER: usize = 10;
/// How many times so many are created at the same time.
const AT_ONCE: usize = 2;

/// Jobs to be created; each may have an `idempotencyKey` of its own besides.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"jobs": [{"taskName": "one", "idempotencyKey": "order-17"}, {"taskName": "two"}]}))]
pub(crate) struct Batch {
    /// 1 to 100 jobs.
    #[schema(min_items = 1, max_items = 100)]
    #[schema(value_type = Vec<Item>)]
    jobs: Vec<NewJobBody>,
}

/// One of them.
struct Item;

impl ToSchema for Item {
    fn name() -> Cow<'static, str> {
        "BatchItem".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((NewJobBody::name().into_owned(), NewJobBody::schema()));
        NewJobBody::schemas(schemas);
    }
}

impl PartialSchema for Item {
    /// What is no job is a job that is refused, and not a request that is.
    fn schema() -> RefOr<Schema> {
        AnyOfBuilder::new()
            .description(Some("A job, besides its `idempotencyKey`. Anything else is refused by itself."))
            .item(Ref::from_schema_name(NewJobBody::name()))
            .item(Object::with_type(SchemaType::AnyValue))
            .into()
    }
}

/// What became of each job of a batch.
#[derive(Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// In the order of the request.
    results: Vec<Outcome>,
    /// How many stand now.
    created: usize,
    /// How many were refused.
    failed: usize,
}

/// What became of one job.
#[derive(Serialize, ToSchema)]
pub(crate) struct Outcome {
    /// Its place in the request, from 0.
    index: usize,
    /// The status that a request of its own would have got.
    status: u16,
    /// The job. If all payloads do not fit in one answer, the last ones are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<SeenJob>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Document>,
}

/// Creates up to 100 jobs, each by itself: what is wrong with one keeps no other from being created.
#[utoipa::path(post, path = "/jobs/batch", tag = "jobs", security(("bearer" = [])), request_body = Batch,
    responses((status = 207, body = BatchAnswer, description = "One result for each job")))]
pub(crate) async fn create_all(
    State(app): State<App>,
    caller: Caller,
    Extension(ids): Extension<Ids>,
    JsonFields { mut fields, .. }: JsonFields,
) -> Answer<(StatusCode, Json<BatchAnswer>)> {
    let jobs = items(&mut fields);
    fields.finish()?;
    let (app, caller) = (&app, &caller);
    let tens: Vec<_> = jobs.chunks(TOGETHER).map(<[_]>::to_vec).collect();
    let made = stream::iter(tens.into_iter().map(|ten| async move {
        let alike = &Alike::of(ten.len());
        join_all(ten.iter().map(|raw| {
            let span = tracing::error_span!("item", job = tracing::field::Empty);
            app.create_item(caller, raw, alike).instrument(span)
        }))
        .await
    }));
    let made: Vec<Vec<Answer<Made>>> = made.buffered(AT_ONCE).collect().await;
    let made: Vec<_> = made.into_iter().flatten().collect();
    let jobs: Vec<String> = made.iter().flatten().map(|made| made.job.id.to_string()).collect();
    if !jobs.is_empty() {
        tracing::debug!(jobs = jobs.join(" "), "created");
    }
    let (created, failed) = (jobs.len(), made.len() - jobs.len());
    let mut room = MAX_BYTES;
    let outcome = |(index, made): (usize, Answer<Made>)| match made {
        Ok(made) => {
            let bytes = made.payload.as_str().len() + 1_024;
            let view = if bytes <= room { made.view() } else { made.view().without_payload() };
            room = room.saturating_sub(bytes);
            let job = Some(SeenJob::by(caller, view));
            Outcome { index, status: StatusCode::CREATED.as_u16(), job, error: None }
        }
        Err(problem) => {
            let status = problem.code().status().as_u16();
            Outcome { index, status, job: None, error: Some(problem.document(Some(&ids))) }
        }
    };
    let results = made.into_iter().enumerate().map(outcome).collect();
    Ok((StatusCode::MULTI_STATUS, Json(BatchAnswer { results, created, failed })))
}

/// The members of `jobs`, each as it was written.
fn items(fields: &mut Fields) -> Vec<Box<RawValue>> {
    let Some((_, raw)) = fields.raw(&["jobs"]) else {
        fields.fault("/jobs", "is required: a list of 1 to 100 jobs");
        return Vec::new();
    };
    match serde_json::from_str::<Vec<Box<RawValue>>>(raw.get()) {
        Ok(jobs) if (1..=MOST_JOBS).contains(&jobs.len()) => jobs,
        Ok(jobs) => {
            fields.fault("/jobs", format!("has {} jobs; 1 to {MOST_JOBS} are taken at once", jobs.len()));
            Vec::new()
        }
        Err(_) => {
            fields.fault("/jobs", "must be a list of jobs");
            Vec::new()
        }
    }
}

impl App {
    async fn create_item(&self, caller: &Caller, raw: &RawValue, alike: &Alike) -> Answer<Made> {
        let _place = alike.join();
        let mut fields = Fields::parse(raw.get().as_bytes()).map_err(Problem::from)?;
        let once = match fields.text(&["idempotencyKey"]) {
            Some(key) => Some(Once::new("/idempotencyKey", key.as_bytes(), raw.get().as_bytes())?),
            None => None,
        };
        self.create(caller, fields, once.as_ref(), alike).await
    }
}

//! Trying an endpoint: a sample is sent there at once, and what came back is the answer.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use courier::{Outcome, Parcel, Verdict};
use domain::endpoint::Endpoint;
use domain::event::{self, EventType};
use domain::id::{EndpointId, JobId, RunId, WebhookId};
use domain::input::Fields;
use domain::time::Moment;
use edge::rate::{Limit, Standing};
use edge::request::optional_fields;
use edge::views::request_headers;
use edge::{Answer, PathId, RawBody};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;
use crate::caller::SecretCaller;

/// What to try it with.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookTrial, example = json!({"event": "job.failed"}))]
pub(crate) struct TrialBody {
    /// `job.started`, `job.completed`, `job.failed` or `job.cancelled`.
    #[schema(default = "job.completed", pattern = "^job\\.(started|completed|failed|cancelled)$")]
    event: Option<String>,
}

/// What was sent, and what came back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookTried)]
pub(crate) struct Tried {
    /// Whether the endpoint took it.
    delivered: bool,
    /// The `webhook-id`.
    #[schema(example = "msg_0190f6d2c0de8abc8def0123456789ab")]
    webhook_id: String,
    /// What it told.
    #[schema(example = "job.completed")]
    event: &'static str,
    /// Where it went.
    url: String,
    /// The headers that it was sent with; the values of the endpoint's own are hidden. Empty if nothing was sent.
    request_headers: BTreeMap<String, String>,
    /// What was sent: an event whose member `test` is true.
    request_body: Value,
    /// The status of the answer.
    response_status: Option<u16>,
    /// Those of the answer's headers that help to understand it.
    response_headers: BTreeMap<String, String>,
    /// The beginning of the answer's body.
    response_body: Option<String>,
    /// What went wrong.
    error: Option<String>,
    /// What kind of thing went wrong: `dns`, `connect`, `tls`, `timeout`, `refused-address`, `protocol`, `status`,
    /// `secret` or `request`.
    error_class: Option<String>,
    /// How long the answer took.
    duration_ms: u64,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    sent_at: Moment,
}

/// A sample on its way.
struct Sample {
    event: EventType,
    id: WebhookId,
    body: String,
}

/// Tries a webhook endpoint: sends it a sample event, signed as a real one, and tells what came back.
///
/// It works on one that is switched off too, and is not kept among the deliveries. It is the same limit for all of
/// your endpoints. An API key needs the scope `read` besides `write`.
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks",
    security(("bearer" = [])), request_body = Option<TrialBody>,
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = Tried, description = "What came of it, be that a failure"),
        (status = 404, description = "There is no such endpoint of yours", body = edge::problem::Document)))]
pub(crate) async fn test(
    State(app): State<App>,
    SecretCaller(caller): SecretCaller,
    headers: HeaderMap,
    PathId(id): PathId<EndpointId>,
    body: RawBody,
) -> Answer<(Standing, Json<Tried>)> {
    let endpoint = app.own(&caller, id).await?;
    let event = event_of(optional_fields(&headers, &body.0)?)?;
    let limit = Limit { scope: "webhook-test", max: app.config.limit, window: app.config.window };
    let standing = limit.count(app.store(), &caller.user.id.to_string(), app.ambient().now()).await?;
    standing.beside(app.try_out(&endpoint, event).await.map(Json))
}

impl App {
    /// Sends the sample once. Nothing is written down: neither a delivery nor what it shows of the receiver.
    async fn try_out(&self, endpoint: &Endpoint, event: EventType) -> Answer<Tried> {
        let (now, entropy, owner) = (self.ambient().now(), self.ambient().entropy(), endpoint.id.to_string());
        let id = WebhookId::derive(RunId::fresh(now, entropy), event, now, &owner);
        let sample = Sample { event, id, body: event::sample(event, JobId::fresh(now, entropy), now) };
        let secrets = self.vault.signing(&endpoint.signing, &owner, now).await?;
        let outcome = match (secrets, self.headers_of(endpoint).await?) {
            (None, _) => courier::unsigned("the endpoint's secret cannot be opened", now),
            (_, None) => courier::unsigned("the endpoint's headers cannot be opened", now),
            (Some(secrets), Some(headers)) => {
                let (url, body) = (&endpoint.url, &sample.body);
                let parcel = Parcel { url, id, body, secrets: &secrets, headers: &headers };
                courier::send(&self.egress, parcel, &*self.ambient().clock).await
            }
        };
        tracing::info!(endpoint = %endpoint.id, status = outcome.attempt.response_status, "tried an endpoint");
        Ok(told(endpoint, &sample, outcome))
    }
}

fn event_of(fields: Option<Fields>) -> Answer<EventType> {
    let Some(mut fields) = fields else { return Ok(EventType::Completed) };
    let event = fields.parsed(&["event"], str::parse);
    fields.finish()?;
    Ok(event.unwrap_or(EventType::Completed))
}

fn told(endpoint: &Endpoint, sample: &Sample, Outcome { attempt, verdict }: Outcome) -> Tried {
    Tried {
        delivered: verdict == Verdict::Taken,
        webhook_id: sample.id.to_string(),
        event: sample.event.as_str(),
        url: endpoint.url.clone(),
        request_headers: request_headers(sample.id, &attempt),
        request_body: serde_json::from_str(&sample.body).unwrap_or_default(),
        response_status: attempt.response_status,
        response_headers: attempt.response_headers,
        response_body: attempt.response_body,
        error: attempt.error,
        error_class: attempt.error_class,
        duration_ms: attempt.duration_ms,
        sent_at: attempt.sent_at,
    }
}

//! Changing an endpoint: what the body names changes, the rest stays.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use courier::Header;
use domain::endpoint::Endpoint;
use domain::health::{Health, Subject};
use domain::id::EndpointId;
use domain::input::Fields;
use edge::views::EventShape;
use edge::{Answer, Caller, IfMatch, JsonFields, PathId};
use http::HeaderMap;
use utoipa::ToSchema;

use crate::answer::EndpointAnswer;
use crate::caller::SecretCaller;
use crate::headers::HeadersShape;
use crate::members::Members;
use crate::{App, MOST_RACES, headers, too_many_races};

/// What an answer carries and nobody changes: a client may send it back as it came.
const READ_ONLY: [&str; 11] = [
    "id",
    "endpointId",
    "disabledReason",
    "disabledAt",
    "failingSince",
    "warnedAt",
    "previousSecretValidUntil",
    "createdAt",
    "updatedAt",
    "version",
    "message",
];

/// What may be changed.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookEndpointChange, rename_all = "camelCase", example = json!({"enabled": true, "ratePerSecond": null}))]
pub(crate) struct ChangeBody {
    /// Where it is.
    #[schema(max_length = 2048, pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+([/?#]\S*)?$")]
    url: Option<String>,
    /// What it wants to hear of.
    #[schema(min_items = 1, value_type = Option<Vec<EventShape>>)]
    events: Option<Vec<String>>,
    /// What you say of it; null: nothing.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// Whether anything is to be sent there. `true` also forgets what it was switched off for.
    enabled: Option<bool>,
    /// The waits between attempts; null: the deployment's.
    #[schema(
        pattern = "^(none|([0-9]{1,4}s|[0-9]{1,3}m|([01]?[0-9]|2[0-4])h)(,([0-9]{1,4}s|[0-9]{1,3}m|([01]?[0-9]|2[0-4])h)){0,18})$"
    )]
    retry_schedule: Option<String>,
    /// How many deliveries a second it takes; null: any number.
    #[schema(minimum = 1, maximum = 1000)]
    rate_per_second: Option<u32>,
    /// What is to be sent besides, in the place of what was; null: nothing. `********` keeps the value that is
    /// stored under its name.
    #[schema(value_type = Option<HeadersShape>)]
    headers: Option<BTreeMap<String, String>>,
}

/// What a body asks for, and what it takes away.
struct Change {
    members: Members,
    no_description: bool,
    no_steps: bool,
    no_rate: bool,
    no_headers: bool,
}

/// Changes a webhook endpoint: what the body names changes, the rest stays. Its secret is exchanged by `rotate`.
///
/// An API key needs the scope `read` besides `write`.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "change_webhook", tag = "webhooks",
    security(("bearer" = [])), request_body = ChangeBody,
    params(("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "The version to change, as its ETag tells it")),
    responses((status = 200, body = EndpointAnswer, description = "The endpoint as it is now",
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such endpoint of yours", body = edge::problem::Document),
        (status = 412, description = "It is at another version", body = edge::problem::Document)))]
pub(crate) async fn change(
    State(app): State<App>,
    SecretCaller(caller): SecretCaller,
    headers: HeaderMap,
    PathId(id): PathId<EndpointId>,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<Response> {
    app.change(&caller, id, &IfMatch::read(&headers), fields).await
}

impl App {
    /// Writes the change over the version that was read.
    ///
    /// A lost race: with `If-Match`, 412; without, the change is made again on the endpoint as it is now. A lost
    /// answer: the store finds its own record. A crash between forgetting what the endpoint was switched off for and
    /// writing it: its owner's own switch stands as it did.
    async fn change(
        &self,
        caller: &Caller,
        id: EndpointId,
        versions: &IfMatch,
        fields: Fields,
    ) -> Answer<Response> {
        // Whose endpoint it is comes first: what is wrong with a body tells nothing of another user's.
        let mut endpoint = self.own(caller, id).await?;
        // And what is wrong with a body comes before a version that has passed (RFC 9110, section 13.2.1).
        let change = Change::read(self, fields)?;
        for _ in 0..=MOST_RACES {
            versions.check("endpoint", endpoint.version)?;
            let found = self.health(&endpoint).await?;
            let next = self.next(&endpoint, &found, &change).await?;
            let health = self.switched_on(&endpoint, found, &change).await?;
            let Some(next) = next else {
                return self.answer(&endpoint, &health, "Webhook endpoint updated successfully").await;
            };
            if self.store().replace_endpoint(&next).await? {
                return self.answer(&next, &health, "Webhook endpoint updated successfully").await;
            }
            endpoint = self.own(caller, id).await?;
        }
        Err(too_many_races())
    }

    /// Forgets what an endpoint was switched off for that is to be on again. One that is on keeps its history: to
    /// say so once more is no news.
    async fn switched_on(&self, endpoint: &Endpoint, health: Health, change: &Change) -> Answer<Health> {
        let is_off = !endpoint.enabled || health.disabled_at.is_some();
        if change.members.enabled != Some(true) || !is_off {
            return Ok(health);
        }
        self.store().switch_on(&Subject::endpoint(endpoint.id)).await?;
        Ok(Health { latency: health.latency, turn: health.turn, ..Health::default() })
    }

    /// The endpoint with the change made; `None` if that leaves it as it is.
    async fn next(&self, endpoint: &Endpoint, health: &Health, change: &Change) -> Answer<Option<Endpoint>> {
        let members = &change.members;
        let mut next = endpoint.clone();
        set(&mut next.url, members.url.as_ref().map(|url| url.as_str().to_owned()));
        set(&mut next.events, members.events.clone());
        set(&mut next.description, members.description.clone());
        if change.no_description {
            next.description.clear();
        }
        next.steps = members.steps.clone().or(next.steps).filter(|_| !change.no_steps);
        next.rate = members.rate.or(next.rate).filter(|_| !change.no_rate);
        // One that was switched off for its failures is shown as off: who sends that back wishes nothing.
        let is_off = health.disabled_at.is_some();
        set(&mut next.enabled, members.enabled.filter(|on| *on || !is_off));
        if change.no_headers {
            next.headers = None;
        } else if let Some(wanted) = &members.headers {
            self.set_headers(&mut next, wanted).await?;
        }
        if next == *endpoint {
            return Ok(None);
        }
        // A clock may be behind the one that wrote it last.
        let updated_at = self.ambient().now().max(endpoint.updated_at);
        Ok(Some(Endpoint { version: endpoint.version + 1, updated_at, ..next }))
    }

    /// Sets these headers, unless they are what is there: sealed anew they would look changed.
    async fn set_headers(&self, endpoint: &mut Endpoint, wanted: &[Header]) -> Answer<()> {
        let stored = self.headers_of(endpoint).await?;
        let wanted = headers::kept(wanted, stored.as_deref().unwrap_or_default())?;
        if stored.is_none_or(|stored| !headers::same(&stored, &wanted)) {
            endpoint.headers = self.seal_headers(&wanted, &endpoint.id.to_string()).await?;
        }
        Ok(())
    }
}

impl Change {
    /// Reads a body, or tells everything that is wrong with it.
    fn read(app: &App, mut fields: Fields) -> Answer<Self> {
        let (no_description, no_steps) = (fields.is_null("description"), fields.is_null("retrySchedule"));
        let (no_rate, no_headers) = (fields.is_null("ratePerSecond"), fields.is_null("headers"));
        let members = Members::take(&mut fields, app.egress.guard());
        if fields.raw(&["secret"]).is_some() {
            fields.fault("/secret", "is not changed here: POST /webhooks/{id}/rotate exchanges it");
        }
        fields.ignore(&READ_ONLY);
        fields.finish()?;
        Ok(Self { members, no_description, no_steps, no_rate, no_headers })
    }
}

fn set<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

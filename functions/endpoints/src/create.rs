//! Creating an endpoint.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::endpoint::{Endpoint, Events, MOST_ENDPOINTS};
use domain::health::Health;
use domain::id::EndpointId;
use domain::input::Fields;
use domain::signature::fresh_secret;
use domain::user::Signing;
use edge::if_match::etag;
use edge::views::{EndpointView, EventShape};
use edge::{Answer, Caller, Code, JsonFields, Problem};
use http::StatusCode;
use http::header::LOCATION;
use serde::Serialize;
use store::EndpointMade;
use utoipa::ToSchema;

use crate::caller::SecretCaller;
use crate::headers::HeadersShape;
use crate::members::{Members, secret};
use crate::{App, MOST_RACES, headers, too_many_races};

/// The version that a record begins with.
const FIRST_VERSION: u64 = 1;

/// An endpoint to be created.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhookEndpoint, rename_all = "camelCase", example = json!({
    "url": "https://example.com/hooks", "events": ["job.completed", "job.failed"]
}))]
pub(crate) struct NewEndpoint {
    /// Where it is.
    #[schema(max_length = 2048, pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#@\\]+([/?#]\S*)?$")]
    url: String,
    /// What it wants to hear of: any of `job.started`, `job.completed`, `job.failed` and `job.cancelled`; `*` stands
    /// for all, also those that there will be.
    #[schema(default = json!(["*"]), min_items = 1, value_type = Option<Vec<EventShape>>)]
    events: Option<Vec<String>>,
    /// What you say of it.
    #[schema(max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    description: Option<String>,
    /// Whether anything is to be sent there.
    #[schema(default = true)]
    enabled: Option<bool>,
    /// The waits between attempts, such as `1s,1m,1h`, at most 19 and none longer than `24h`; `none` for one attempt;
    /// null for the deployment's.
    #[schema(
        pattern = "^(none|([0-9]{1,4}s|[0-9]{1,3}m|([01]?[0-9]|2[0-4])h)(,([0-9]{1,4}s|[0-9]{1,3}m|([01]?[0-9]|2[0-4])h)){0,18})$"
    )]
    retry_schedule: Option<String>,
    /// How many deliveries a second it takes; null for any number.
    #[schema(minimum = 1, maximum = 1000)]
    rate_per_second: Option<u32>,
    /// What is to be sent besides, at most 20 headers. The values are sealed and never shown.
    #[schema(value_type = Option<HeadersShape>, example = json!({"Authorization": "Bearer 0a1b2c"}))]
    headers: Option<BTreeMap<String, String>>,
    /// What is to sign: `whsec_` and 24 to 64 bytes in base64. Without it one is made.
    #[schema(
        pattern = "^whsec_([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
    )]
    secret: Option<String>,
}

/// An endpoint that was created, with its secret, which is shown this once.
#[derive(Serialize, ToSchema)]
pub(crate) struct EndpointCreated {
    #[serde(flatten)]
    endpoint: EndpointView,
    /// What signs.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    /// What was done.
    message: &'static str,
}

/// An endpoint as a request asks for it.
struct Draft {
    members: Members,
    url: String,
    secret: Option<String>,
}

/// Creates a webhook endpoint: from now on it hears of your jobs. You may have 20.
///
/// An API key needs the scope `read` besides `write`, for the answer shows the secret.
#[utoipa::path(post, path = "/webhooks", operation_id = "create_webhook", tag = "webhooks",
    security(("bearer" = [])), request_body = NewEndpoint,
    responses(
        (status = 201, body = EndpointCreated, description = "The endpoint, with its secret",
            headers(("Location" = String, description = "Where it is"), ("ETag" = String, description = "Its version"))),
        (status = 409, description = "There are 20 already", body = edge::problem::Document)))]
pub(crate) async fn create(
    State(app): State<App>,
    SecretCaller(caller): SecretCaller,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<Response> {
    let draft = Draft::read(&app, fields)?;
    let (endpoint, secret) = app.create(&caller, draft).await?;
    tracing::info!(user = %endpoint.user_id, endpoint = %endpoint.id, "created a webhook endpoint");
    let place = format!("/webhooks/{}", endpoint.id);
    let view = app.view(&endpoint, &Health::default()).await?;
    let message = "Webhook endpoint created; keep the secret, it is not shown again";
    let created = EndpointCreated { endpoint: view, secret, message };
    Ok((StatusCode::CREATED, [(LOCATION, place)], [etag(endpoint.version)], Json(created)).into_response())
}

impl App {
    /// Writes the endpoint, with the secret that it was given or a fresh one.
    ///
    /// A lost race for the owner's record: the owner is read again, who may have gone or have taken the last place.
    /// An answer that is lost for good leaves an endpoint whose secret nobody has seen; it can be exchanged.
    async fn create(&self, caller: &Caller, draft: Draft) -> Answer<(Endpoint, String)> {
        let (now, entropy) = (self.ambient().now(), self.ambient().entropy());
        let id = EndpointId::fresh(now, entropy);
        let Draft { members, url, secret } = draft;
        let secret = secret.unwrap_or_else(|| fresh_secret(entropy));
        let text = id.to_string();
        let endpoint = Endpoint {
            id,
            user_id: caller.user.id,
            url,
            description: members.description.unwrap_or_default(),
            events: members.events.unwrap_or(Events::All),
            enabled: members.enabled.unwrap_or(true),
            signing: Signing::of(self.vault.seal(&secret, &text).await?),
            steps: members.steps,
            rate: members.rate,
            headers: self.seal_headers(&members.headers.unwrap_or_default(), &text).await?,
            created_at: now,
            updated_at: now,
            version: FIRST_VERSION,
        };
        let mut owner = caller.user.clone();
        for _ in 0..=MOST_RACES {
            match self.store().create_endpoint(&endpoint, &owner).await? {
                EndpointMade::Made => return Ok((endpoint, secret)),
                EndpointMade::TooMany => {
                    let detail = format!(
                        "you have {MOST_ENDPOINTS} webhook endpoints, and more are not allowed; delete one first"
                    );
                    return Err(Problem::new(Code::Conflict, detail));
                }
                EndpointMade::Lost => {
                    let found = self.store().user(owner.id).await?;
                    owner = found.ok_or_else(|| Problem::not_found("user"))?;
                }
            }
        }
        Err(too_many_races())
    }
}

impl Draft {
    /// Reads an endpoint out of a body, or tells everything that is wrong with it.
    fn read(app: &App, mut fields: Fields) -> Answer<Self> {
        if !fields.has("url") {
            fields.fault("/url", "is required");
        }
        let mut members = Members::take(&mut fields, app.egress.guard());
        let secret = fields.parsed(&["secret"], secret);
        let wanted = members.headers.take().unwrap_or_default();
        match headers::kept(&wanted, &[]) {
            Ok(headers) => members.headers = Some(headers),
            Err(faults) => faults.into_iter().for_each(|fault| fields.fault(fault.pointer, fault.message)),
        }
        fields.finish()?;
        let url = members.url.as_ref().map(|url| url.as_str().to_owned()).unwrap_or_default();
        Ok(Self { members, url, secret })
    }
}

//! Exchanging an endpoint's secret.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::endpoint::Endpoint;
use domain::id::EndpointId;
use domain::input::Fields;
use domain::signature::fresh_secret;
use domain::time::Moment;
use edge::request::optional_fields;
use edge::{Answer, Caller, PathId, RawBody};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::SecretCaller;
use crate::members::secret;
use crate::{App, MOST_RACES, too_many_races};

/// How long both secrets sign after a rotation, unless the request says otherwise.
const OVERLAP_HOURS: u64 = 24;
const LONGEST_OVERLAP_HOURS: u64 = 168;

/// How to exchange the secret.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = WebhookRotation, rename_all = "camelCase", example = json!({"overlapHours": 24}))]
pub(crate) struct RotationBody {
    /// How long the secret before goes on signing beside the new one.
    #[schema(minimum = 0, maximum = 168, default = 24)]
    overlap_hours: Option<u64>,
    /// What is to sign: `whsec_` and 24 to 64 bytes in base64. Without it one is made.
    #[schema(
        pattern = "^whsec_([A-Za-z0-9+/]{4}){8,20}([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$"
    )]
    secret: Option<String>,
}

/// The new secret, which is shown this once.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rotated {
    /// What signs.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    /// Until when the secret before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_valid_until: Option<Moment>,
    /// What was done.
    message: &'static str,
}

/// How to exchange it.
struct Rotation {
    overlap: Duration,
    secret: Option<String>,
}

/// Exchanges an endpoint's secret; the one before signs beside it for a while, so that the receiver can follow.
///
/// An API key needs the scope `read` besides `write`, for the answer shows the secret.
#[utoipa::path(post, path = "/webhooks/{id}/rotate", operation_id = "rotate_webhook_secret", tag = "webhooks",
    security(("bearer" = [])), request_body = Option<RotationBody>,
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = Rotated, description = "The new secret"),
        (status = 404, description = "There is no such endpoint of yours", body = edge::problem::Document)))]
pub(crate) async fn rotate(
    State(app): State<App>,
    SecretCaller(caller): SecretCaller,
    headers: HeaderMap,
    PathId(id): PathId<EndpointId>,
    body: RawBody,
) -> Answer<Json<Rotated>> {
    let endpoint = app.own(&caller, id).await?;
    let rotation = Rotation::read(optional_fields(&headers, &body.0)?)?;
    app.rotate(&caller, endpoint, rotation).await.map(Json)
}

impl App {
    /// Puts another secret in the place of the current one, which signs too until the overlap ends.
    ///
    /// A lost race: the endpoint is read again, and what is current by then is what overlaps. A lost answer: the
    /// store finds its own record. Where that stays lost, the caller does not know whether a secret was exchanged that
    /// nobody has seen: to ask again makes another, and the one before the first then signs no more.
    async fn rotate(
        &self,
        caller: &Caller,
        mut endpoint: Endpoint,
        Rotation { overlap, secret }: Rotation,
    ) -> Answer<Rotated> {
        let secret = secret.unwrap_or_else(|| fresh_secret(self.ambient().entropy()));
        let current = self.vault.seal(&secret, &endpoint.id.to_string()).await?;
        for _ in 0..=MOST_RACES {
            let now = self.ambient().now();
            let signing = endpoint.signing.clone().rotated(current.clone(), now.plus(overlap), now);
            let updated_at = now.max(endpoint.updated_at);
            let next = Endpoint { signing, updated_at, version: endpoint.version + 1, ..endpoint };
            if self.store().replace_endpoint(&next).await? {
                tracing::info!(user = %next.user_id, endpoint = %next.id, "exchanged a webhook secret");
                let previous_valid_until = next.signing.before(now).map(|(_, until)| until);
                let message = "Webhook secret exchanged; keep the new one, it is not shown again";
                return Ok(Rotated { secret, previous_valid_until, message });
            }
            endpoint = self.own(caller, next.id).await?;
        }
        Err(too_many_races())
    }
}

impl Rotation {
    fn read(fields: Option<Fields>) -> Answer<Self> {
        let usual = Duration::from_secs(OVERLAP_HOURS * 3_600);
        let Some(mut fields) = fields else { return Ok(Self { overlap: usual, secret: None }) };
        let hours = fields.number(&["overlapHours"]).unwrap_or(OVERLAP_HOURS);
        if hours > LONGEST_OVERLAP_HOURS {
            fields.fault("/overlapHours", format!("must be at most {LONGEST_OVERLAP_HOURS}"));
        }
        let secret = fields.parsed(&["secret"], secret);
        fields.finish()?;
        Ok(Self { overlap: Duration::from_secs(hours * 3_600), secret })
    }
}

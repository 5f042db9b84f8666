//! The secret that signs a user's webhooks: made on first use, shown to its owner, and exchanged.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::input::Fields;
use domain::seal::Sealed;
use domain::signature::fresh_secret;
use domain::time::Moment;
use domain::user::{Signing, User};
use edge::request::optional_fields;
use edge::{Answer, Problem, RawBody, SessionCaller};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{App, MOST_RACES, too_many_races};

/// How long both secrets sign after a rotation, unless the request says otherwise.
const OVERLAP_HOURS: u64 = 24;
const LONGEST_OVERLAP_HOURS: u64 = 168;

/// The caller's own signing secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SigningSecret {
    /// What signs.
    #[schema(example = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")]
    secret: String,
    /// What signs too, while a rotation lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret: Option<String>,
    /// Until when it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    previous_valid_until: Option<Moment>,
}

/// How to exchange the secret.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(rename_all = "camelCase", example = json!({"overlapHours": 24}))]
pub(crate) struct Rotation {
    /// How long the secret before goes on signing beside the new one.
    #[schema(minimum = 0, maximum = 168, default = 24)]
    overlap_hours: Option<u64>,
}

/// Shows the secret that signs the caller's webhooks; it is made when it is first asked for.
#[utoipa::path(get, path = "/webhooks/secret", tag = "webhooks", security(("session" = [])),
    responses((status = 200, body = SigningSecret, description = "The secret")))]
pub(crate) async fn show(State(app): State<App>, caller: SessionCaller) -> Answer<Json<SigningSecret>> {
    let owner = app.with_signing(caller.user).await?;
    app.shown(&owner).await.map(Json)
}

/// Exchanges the secret; the one before signs beside it for a while, so that receivers can follow.
#[utoipa::path(post, path = "/webhooks/secret/rotate", tag = "webhooks", security(("session" = [])),
    request_body = Option<Rotation>,
    responses((status = 200, body = SigningSecret, description = "The new secret")))]
pub(crate) async fn rotate(
    State(app): State<App>,
    caller: SessionCaller,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Answer<Json<SigningSecret>> {
    let overlap = optional_fields(&headers, &body)?.map_or(Ok(OVERLAP_HOURS), overlap)?;
    let overlap = Duration::from_secs(overlap * 3_600);
    let mut owner = caller.user;
    for _ in 0..MOST_RACES {
        let now = app.ambient().now();
        let current = app.fresh_sealed(&owner).await?;
        let signing = match owner.signing.take() {
            Some(signing) => signing.rotated(current, now.plus(overlap), now),
            None => Signing::of(current),
        };
        let next = User { signing: Some(signing), version: owner.version + 1, ..owner };
        if app.store().replace_user(&next).await? {
            return app.shown(&next).await.map(Json);
        }
        owner = app.store().user(next.id).await?.ok_or_else(|| Problem::not_found("user"))?;
    }
    Err(too_many_races())
}

fn overlap(mut fields: Fields) -> Answer<u64> {
    let hours = fields.number(&["overlapHours"]).unwrap_or(OVERLAP_HOURS);
    if hours > LONGEST_OVERLAP_HOURS {
        fields.fault("/overlapHours", format!("must be at most {LONGEST_OVERLAP_HOURS}"));
    }
    fields.finish()?;
    Ok(hours)
}

impl App {
    /// The user, with a signing secret.
    ///
    /// A lost race: somebody else changed the user, perhaps by giving a secret; read again, and make one only
    /// if there still is none. A lost answer: the store finds that what stands there is ours.
    pub(crate) async fn with_signing(&self, mut owner: User) -> Answer<User> {
        for _ in 0..=MOST_RACES {
            if owner.signing.is_some() {
                return Ok(owner);
            }
            let current = self.fresh_sealed(&owner).await?;
            let next = User { signing: Some(Signing::of(current)), version: owner.version + 1, ..owner };
            if self.store().replace_user(&next).await? {
                return Ok(next);
            }
            owner = self.store().user(next.id).await?.ok_or_else(|| Problem::not_found("user"))?;
        }
        Err(too_many_races())
    }

    /// The secrets of a user that sign at present, the current one first.
    pub(crate) async fn signing_secrets(&self, owner: &User) -> Answer<Vec<String>> {
        let Some(signing) = &owner.signing else { return Ok(Vec::new()) };
        let opened = self.vault.signing(signing, &owner.id.to_string(), self.ambient().now()).await?;
        Ok(opened.unwrap_or_default())
    }

    async fn fresh_sealed(&self, owner: &User) -> Answer<Sealed> {
        Ok(self.vault.seal(&fresh_secret(self.ambient().entropy()), &owner.id.to_string()).await?)
    }

    async fn shown(&self, owner: &User) -> Answer<SigningSecret> {
        let mut secrets = self.signing_secrets(owner).await?.into_iter();
        let Some(secret) = secrets.next() else {
            tracing::error!(user = %owner.id, "a signing secret cannot be opened with the present data key");
            return Err(Problem::internal());
        };
        let now = self.ambient().now();
        let until = owner.signing.as_ref().and_then(|signing| signing.before(now)).map(|(_, until)| until);
        let previous_secret = secrets.next();
        Ok(SigningSecret {
            secret,
            previous_valid_until: until.filter(|_| previous_secret.is_some()),
            previous_secret,
        })
    }
}

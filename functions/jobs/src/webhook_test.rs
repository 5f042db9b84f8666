//! A receiver to try webhooks with: it says whether the signature is right.

use axum::Json;
use axum::extract::{Request, State};
use domain::id::JobId;
use domain::signature::{verify_hex, verify_standard};
use edge::request::read;
use edge::{Answer, Code, Problem};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;

/// A webhook carries a payload of up to 256 KiB, and what else it tells.
const MOST_BYTES: usize = 1_536 * 1024;

/// What a receiver answers that believes the webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct Verified {
    /// In words.
    message: &'static str,
    /// Always true: a wrong signature is a 401.
    verified: bool,
    /// `standard-webhooks` or `x-signature`: which header was believed.
    #[schema(value_type = String)]
    scheme: Scheme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Scheme {
    StandardWebhooks,
    XSignature,
}

/// Checks a webhook's signature as a receiver should: `webhook-signature` if it is there, else `X-Signature`.
#[utoipa::path(post, path = "/webhook-test", tag = "webhooks",
    request_body(content = serde_json::Value, description = "The webhook, byte for byte"),
    params(("webhook-id" = Option<String>, Header, description = "The webhook's id"),
        ("webhook-timestamp" = Option<String>, Header, description = "Seconds since 1970, at most 5 minutes off"),
        ("webhook-signature" = Option<String>, Header, description = "v1, and the signature in base64"),
        ("X-Signature" = Option<String>, Header, description = "The body's HMAC-SHA256 in hex")),
    responses((status = 200, body = Verified, description = "The signature is right"),
        (status = 401, description = "It is not, or there is none", body = edge::problem::Document)))]
pub(crate) async fn receive(State(app): State<App>, request: Request) -> Answer<Json<Verified>> {
    let (parts, body) = request.into_parts();
    let body = read(&parts, body, MOST_BYTES).await?;
    let secrets = app.candidates(&body).await?;
    let now = app.ambient().now();
    let header = |name: &str| text(&parts.headers, name);
    let (scheme, verified) = if let Some(signature) = header("webhook-signature") {
        let id = header("webhook-id").unwrap_or_default();
        let timestamp = header("webhook-timestamp").unwrap_or_default();
        (Scheme::StandardWebhooks, verify_standard(&secrets, id, timestamp, signature, &body, now))
    } else if let Some(signature) = header("x-signature") {
        (Scheme::XSignature, verify_hex(&secrets, signature, &body))
    } else {
        return Err(Problem::new(Code::Unauthorized, "there is no webhook-signature and no X-Signature"));
    };
    if !verified {
        // The same words whether the job is unknown, the secret another or the body changed.
        return Err(Problem::new(Code::Unauthorized, "the signature is not right for this body"));
    }
    Ok(Json(Verified { message: "Webhook received and verified", verified, scheme }))
}

impl App {
    /// The secrets that may have signed this body: the deployment's, and those of the job that it names.
    async fn candidates(&self, body: &[u8]) -> Answer<Vec<String>> {
        let mut secrets = Vec::new();
        if let Some(deployment) = &self.deployment {
            secrets.extend(deployment.get().await?.all().map(|secret| secret.expose().to_owned()));
        }
        if let Some(job) = named_job(body) {
            secrets.extend(self.secrets_of(job).await?);
        }
        Ok(secrets)
    }

    async fn secrets_of(&self, id: JobId) -> Answer<Vec<String>> {
        let Some(job) = self.store().job(id, self.ambient().now()).await? else { return Ok(Vec::new()) };
        if let Some(sealed) = job.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()) {
            return Ok(self.vault.open(sealed, &id.to_string()).await?.into_iter().collect());
        }
        match self.store().user(job.user_id).await? {
            Some(owner) => self.signing_secrets(&owner).await,
            None => Ok(Vec::new()),
        }
    }
}

fn named_job(body: &[u8]) -> Option<JobId> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        job_id: JobId,
    }
    serde_json::from_slice::<Named>(body).ok().map(|named| named.job_id)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

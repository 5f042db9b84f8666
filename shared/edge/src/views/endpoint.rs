//! A webhook endpoint.

use std::collections::BTreeMap;

use domain::endpoint::{Endpoint, Told};
use domain::health::Health;
use domain::time::Moment;
use serde::Serialize;
use utoipa::ToSchema;

/// A webhook endpoint, without its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = WebhookEndpoint)]
pub struct EndpointView {
    /// Its id.
    #[schema(example = "end_0190f6d2c0de7abc8def0123456789ab")]
    pub id: String,
    /// The same, as deliveries name it.
    pub endpoint_id: String,
    /// Where it is.
    #[schema(example = "https://example.com/hooks")]
    pub url: String,
    /// What its owner says of it.
    pub description: String,
    /// What it wants to hear of: `*` for everything, or any of `job.started`, `job.completed`, `job.failed` and
    /// `job.cancelled`.
    #[schema(value_type = Vec<String>, example = json!(["job.completed", "job.failed"]))]
    pub events: Vec<&'static str>,
    /// Whether anything is sent there.
    pub enabled: bool,
    /// Why not: `owner` for its owner's wish, `failing` where it had done nothing but fail, `gone` where it had
    /// answered 410.
    #[schema(value_type = Option<String>)]
    pub disabled_reason: Option<&'static str>,
    /// When it was switched off, if that was not its owner's wish.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub disabled_at: Option<Moment>,
    /// Since when every attempt has failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub failing_since: Option<Moment>,
    /// When its owner was warned of that.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub warned_at: Option<Moment>,
    /// The waits between attempts; null for the deployment's.
    #[schema(example = "1s,1m,1h")]
    pub retry_schedule: Option<String>,
    /// How many deliveries a second it takes; null for any number.
    pub rate_per_second: Option<u32>,
    /// What is sent besides. The values are not shown. Null if they cannot be opened any more: set them anew.
    pub headers: Option<BTreeMap<String, String>>,
    /// Until when the secret before the present one signs too.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub previous_secret_valid_until: Option<Moment>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When its owner changed it last.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Moment,
    /// Grows with each change; the ETag is this number in quotes.
    pub version: u64,
}

impl EndpointView {
    /// The endpoint with what is known of it at this moment. `headers` are as they may be shown.
    pub fn new(
        endpoint: &Endpoint,
        health: &Health,
        headers: Option<BTreeMap<String, String>>,
        now: Moment,
    ) -> Self {
        let disabled_reason = reason(endpoint, health);
        let by_health = endpoint.enabled && disabled_reason.is_some();
        Self {
            id: endpoint.id.to_string(),
            endpoint_id: endpoint.id.to_string(),
            url: endpoint.url.clone(),
            description: endpoint.description.clone(),
            events: endpoint.events.names(),
            enabled: disabled_reason.is_none(),
            disabled_reason,
            disabled_at: health.disabled_at.filter(|_| by_health),
            failing_since: health.failing_since,
            warned_at: health.warned_at,
            retry_schedule: endpoint.steps.as_ref().map(ToString::to_string),
            rate_per_second: endpoint.rate,
            headers,
            previous_secret_valid_until: endpoint.signing.before(now).map(|(_, until)| until),
            created_at: endpoint.created_at,
            updated_at: endpoint.updated_at,
            version: endpoint.version,
        }
    }
}

fn reason(endpoint: &Endpoint, health: &Health) -> Option<&'static str> {
    match (endpoint.enabled, health.disabled_at, health.disabled_for) {
        (false, ..) => Some("owner"),
        (true, None, _) => None,
        (true, Some(_), Some(Told::Gone)) => Some("gone"),
        (true, Some(_), _) => Some("failing"),
    }
}

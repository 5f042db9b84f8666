//! A delivery, one row an attempt.

use std::collections::BTreeMap;

use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::id::{UserId, WebhookId};
use domain::message::Target;
use domain::time::Moment;
use serde::Serialize;
use serde_json::Value;
use url::Url;
use utoipa::ToSchema;

use crate::caller::Caller;

/// One attempt to deliver a webhook, or a delivery that has seen none.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Delivery)]
pub struct DeliveryView {
    /// The `webhook-id`, the same for all attempts.
    pub id: String,
    /// The job it tells of.
    pub job_id: String,
    /// The run it tells of.
    pub run_id: String,
    /// The endpoint's id, or `job` or `deployment`: whose URL it is.
    pub endpoint_id: String,
    /// Where it went. Of a receiver that is another's (an endpoint, for an admin; the deployment's, for who is none) it
    /// ends after the host.
    pub url: String,
    /// What it told.
    #[schema(example = "job.completed")]
    pub event: &'static str,
    /// The attempt's number, from 1; 0 where there was none yet.
    pub attempt: u32,
    /// `pending`, `delivered`, `retrying`, `dead` or `skipped`.
    pub state: &'static str,
    /// The headers that it was sent with; the values of an endpoint's own are hidden.
    pub request_headers: BTreeMap<String, String>,
    /// What was sent; a text where it had to be cut.
    #[schema(value_type = Value)]
    pub request_body: Value,
    /// The status of the answer.
    pub response_status: Option<u16>,
    /// Those of the answer's headers that help to understand it.
    pub response_headers: BTreeMap<String, String>,
    /// The beginning of the answer's body.
    pub response_body: Option<String>,
    /// What went wrong, or why it was not sent; empty if nothing did.
    pub error: String,
    /// What kind of thing went wrong: `dns`, `connect`, `tls`, `timeout`, `refused-address`, `protocol`, `status`,
    /// `secret` or `request`.
    pub error_class: Option<String>,
    /// How long the answer took.
    pub duration_ms: Option<u64>,
    /// When it was sent.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub sent_at: Option<Moment>,
    /// When the delivery was first tried.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// When it is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Moment>,
}

impl DeliveryView {
    /// A row for each attempt that is kept, the newest first; one row where there was none yet. As much of each as the
    /// caller may see.
    pub fn rows(delivery: &Delivery, caller: &Caller) -> Vec<Self> {
        let url = url_for(caller, delivery.endpoint_id, delivery.user_id, &delivery.url);
        let delivery = &Delivery { url, ..delivery.clone() };
        let body = serde_json::from_str(&delivery.request_body)
            .unwrap_or_else(|_| Value::String(delivery.request_body.clone()));
        let (last, earlier) = match delivery.attempts.split_last() {
            None => return vec![Self::row(delivery, None, delivery.state, body)],
            Some(attempts) => attempts,
        };
        let mut rows = vec![Self::row(delivery, Some(last), delivery.state, body.clone())];
        rows.extend(earlier.iter().rev().map(|attempt| {
            let state =
                if attempt.error.is_none() { DeliveryState::Delivered } else { DeliveryState::Retrying };
            Self::row(delivery, Some(attempt), state, body.clone())
        }));
        rows
    }

    fn row(
        delivery: &Delivery,
        attempt: Option<&DeliveryAttempt>,
        state: DeliveryState,
        body: Value,
    ) -> Self {
        let skipped = delivery.skipped.as_ref().filter(|_| state == DeliveryState::Skipped);
        let skipped = skipped.map(|skipped| skipped.why.clone());
        let is_last = attempt.is_none_or(|attempt| attempt.attempt == delivery.attempt_count);
        Self {
            id: delivery.id.to_string(),
            job_id: delivery.job_id.to_string(),
            run_id: delivery.run_id.to_string(),
            endpoint_id: delivery.endpoint_id.to_string(),
            url: delivery.url.clone(),
            event: delivery.event.as_str(),
            attempt: attempt.map_or(0, |attempt| attempt.attempt),
            state: state.as_str(),
            request_headers: attempt.map(|attempt| request_headers(delivery.id, attempt)).unwrap_or_default(),
            request_body: body,
            response_status: attempt.and_then(|attempt| attempt.response_status),
            response_headers: attempt.map(|attempt| attempt.response_headers.clone()).unwrap_or_default(),
            response_body: attempt.and_then(|attempt| attempt.response_body.clone()),
            error: skipped.or_else(|| attempt.and_then(|attempt| attempt.error.clone())).unwrap_or_default(),
            error_class: attempt.and_then(|attempt| attempt.error_class.clone()),
            duration_ms: attempt.map(|attempt| attempt.duration_ms),
            sent_at: attempt.map(|attempt| attempt.sent_at),
            created_at: delivery.created_at,
            next_attempt_at: if is_last {
                delivery.next_attempt_at
            } else {
                attempt.and_then(|attempt| attempt.next_attempt_at)
            },
        }
    }
}

/// What was sent with an attempt: what the record keeps of it, and what follows from the rest.
pub fn request_headers(id: WebhookId, attempt: &DeliveryAttempt) -> BTreeMap<String, String> {
    let mut headers = attempt.request_headers.clone();
    // Nothing was sent where nothing was kept: the attempt ended before.
    if !headers.is_empty() {
        headers.insert("content-type".to_owned(), "application/json".to_owned());
        headers.insert("webhook-id".to_owned(), id.to_string());
        let seconds = attempt.sent_at.as_millis().div_euclid(1000);
        headers.insert("webhook-timestamp".to_owned(), seconds.to_string());
    }
    headers
}

/// The URL of a receiver as this caller may see it. Many receivers know their senders by nothing but a text in the path
/// or the query, so whoever reads such a URL can send there: it is for those whose receiver it is, and others see
/// where the host ends.
pub fn url_for(caller: &Caller, receiver: Target, owner: UserId, url: &str) -> String {
    let is_theirs = match receiver {
        // Whoever sees the job sees its URL.
        Target::Job => true,
        Target::Deployment => caller.is_admin(),
        Target::Endpoint(_) => caller.user.id == owner,
    };
    if is_theirs { url.to_owned() } else { without_path(url) }
}

fn without_path(url: &str) -> String {
    let Ok(parsed) = Url::parse(url) else { return "***".to_owned() };
    let origin = parsed.origin().ascii_serialization();
    let bare = parsed.path() == "/" && parsed.query().is_none() && parsed.fragment().is_none();
    if bare { format!("{origin}/") } else { format!("{origin}/***") }
}

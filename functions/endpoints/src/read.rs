//! Reading endpoints.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::health::{Health, Subject};
use domain::id::EndpointId;
use edge::if_match::etag;
use edge::views::EndpointView;
use edge::{Answer, Caller, PathId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// A user's endpoints.
#[derive(Serialize, ToSchema)]
pub(crate) struct Endpoints {
    /// The oldest first.
    endpoints: Vec<EndpointView>,
}

/// Lists your webhook endpoints, without their secrets.
#[utoipa::path(get, path = "/webhooks", operation_id = "list_webhooks", tag = "webhooks",
    security(("bearer" = [])),
    responses((status = 200, body = Endpoints, description = "The oldest first")))]
pub(crate) async fn list(State(app): State<App>, caller: Caller) -> Answer<Json<Endpoints>> {
    let found = app.store().endpoints_of(caller.user.id).await?;
    let subjects: Vec<_> = found.iter().map(|endpoint| Subject::endpoint(endpoint.id)).collect();
    let mut known = HashMap::new();
    if !subjects.is_empty() {
        known.extend(app.store().healths(&subjects, app.ambient().now()).await?);
    }
    let well = Health::default();
    let mut endpoints = Vec::with_capacity(found.len());
    for endpoint in &found {
        let health = known.get(&endpoint.id.to_string()).unwrap_or(&well);
        endpoints.push(app.view(endpoint, health).await?);
    }
    Ok(Json(Endpoints { endpoints }))
}

/// Shows a webhook endpoint, without its secret.
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "read_webhook", tag = "webhooks",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The endpoint's id")),
    responses((status = 200, body = EndpointView, description = "The endpoint",
            headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "There is no such endpoint of yours", body = edge::problem::Document)))]
pub(crate) async fn one(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<EndpointId>,
) -> Answer<Response> {
    let endpoint = app.own(&caller, id).await?;
    let health = app.health(&endpoint).await?;
    Ok(([etag(endpoint.version)], Json(app.view(&endpoint, &health).await?)).into_response())
}

//! Deleting an endpoint.

use axum::Json;
use axum::extract::State;
use domain::id::EndpointId;
use edge::{Answer, Caller, IfMatch, PathId};
use http::HeaderMap;

use crate::App;
use crate::answer::Done;

/// Deletes a webhook endpoint. What is still on its way there is not sent any more; what became of the rest is kept
/// with the jobs.
///
/// A change that is written between the look at its version and the deletion goes with it. A lost answer, and a
/// crash: the endpoint is there as a whole or gone as a whole, and who asks again is told which.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks",
    security(("bearer" = [])),
    params(("id" = String, Path, description = "The endpoint's id"),
        ("If-Match" = Option<String>, Header, description = "The version to delete, as its ETag tells it")),
    responses((status = 200, body = Done, description = "It is gone"),
        (status = 404, description = "There is no such endpoint of yours", body = edge::problem::Document),
        (status = 412, description = "It is at another version", body = edge::problem::Document)))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    PathId(id): PathId<EndpointId>,
) -> Answer<Json<Done>> {
    let endpoint = app.own(&caller, id).await?;
    IfMatch::read(&headers).check("endpoint", endpoint.version)?;
    app.store().delete_endpoint(endpoint.user_id, id).await?;
    tracing::info!(user = %endpoint.user_id, endpoint = %id, "deleted a webhook endpoint");
    Ok(Json(Done { message: "Webhook endpoint deleted successfully", id: id.to_string() }))
}

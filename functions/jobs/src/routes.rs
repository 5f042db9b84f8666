//! Which path leads where.

use axum::Router;
use axum::routing::{delete as remove, get, post};
use edge::described::Collects;
use edge::routes;
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::extensions::Extensions;
use utoipa::openapi::{OpenApi, RefOr, Schema};
use utoipa_axum::router::OpenApiRouter;

use crate::create::NewJobBody;
use crate::{
    App, batch, change, create, delete, deliveries, list, public, read, runs, schedules, secrets,
    webhook_test,
};

/// Every method and path that it answers, besides the same under `/api`.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/jobs"),
    ("POST", "/create-job"),
    ("POST", "/jobs/batch"),
    ("GET", "/jobs"),
    ("GET", "/filter"),
    ("GET", "/get-jobs"),
    ("GET", "/jobs/{id}"),
    ("PUT", "/jobs/{id}"),
    ("PATCH", "/jobs/{id}"),
    ("DELETE", "/jobs/{id}"),
    ("DELETE", "/delete-job/{id}"),
    ("DELETE", "/delete-job"),
    ("GET", "/jobs/{id}/logs"),
    ("GET", "/jobs/{id}/runs"),
    ("GET", "/jobs/{id}/deliveries"),
    ("GET", "/get-logs/{id}"),
    ("GET", "/get-logs"),
    ("GET", "/deliveries"),
    ("POST", "/schedules/preview"),
    ("GET", "/webhooks/secret"),
    ("POST", "/webhooks/secret/rotate"),
    ("POST", "/webhook-test"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/errors/{code}"),
];

/// The routes. A path's other names lead to the same handler and are told of in its description.
pub fn routes(app: App) -> Router {
    described::<Router<App>>().with_state(app)
}

/// What the routes say of themselves.
pub fn openapi() -> OpenApi {
    let mut own = described::<OpenApiRouter<App>>().into_openapi();
    let schemas = own.components.as_mut().map(|components| &mut components.schemas);
    if let Some(RefOr::T(Schema::Object(job))) = schemas.and_then(|all| all.get_mut(&*NewJobBody::name())) {
        // Each of the two follows from the other.
        let either = json!([{ "required": ["taskName"] }, { "required": ["type"] }]);
        job.extensions = Some(Extensions::from_iter([("anyOf", either)]));
    }
    own
}

fn described<R: Collects<App>>() -> R {
    R::default()
        .routes(routes!(create::create, list::list))
        .routes(routes!(batch::create_all))
        .routes(routes!(read::one, change::put, change::patch, delete::delete))
        .routes(routes!(read::logs))
        .routes(routes!(runs::of_job))
        .routes(routes!(deliveries::of_job))
        .routes(routes!(deliveries::of_user))
        .routes(routes!(schedules::preview))
        .routes(routes!(secrets::show))
        .routes(routes!(secrets::rotate))
        .routes(routes!(webhook_test::receive))
        .routes(routes!(public::health))
        .routes(routes!(public::openapi))
        .routes(routes!(public::docs))
        .route("/create-job", post(create::create))
        .route("/filter", get(list::list))
        .route("/get-jobs", get(list::list))
        .route("/delete-job/{id}", remove(delete::delete))
        .route("/delete-job", remove(delete::delete_named))
        .route("/get-logs/{id}", get(deliveries::of_job))
        .route("/get-logs", get(deliveries::named))
        .route("/docs/errors/{code}", get(public::error))
}

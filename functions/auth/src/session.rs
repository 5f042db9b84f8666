//! `POST /logout` and `GET /profile`.

use axum::Json;
use axum::extract::State;
use edge::views::UserView;
use edge::{Answer, Caller};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// A word of confirmation.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct Said {
    /// What was done.
    #[schema(example = "logged out")]
    message: &'static str,
}

/// Ends the session: its token is dead at once.
///
/// Also answers at `/users/logout`.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "accounts",
    security(("bearer" = [])),
    responses((status = 200, description = "The token is dead", body = Said))
)]
pub(crate) async fn logout(State(app): State<App>, caller: Caller) -> Answer<Json<Said>> {
    app.store().revoke_token(&caller.token.jti, caller.token.dead_from()).await?;
    tracing::info!(user = %caller.user.id, "logged out");
    Ok(Json(Said { message: "logged out" }))
}

/// The user whose token this is.
///
/// Also answers at `/user` and `/users/profile`.
#[utoipa::path(
    get,
    path = "/profile",
    tag = "accounts",
    security(("bearer" = [])),
    responses((status = 200, description = "The user", body = UserView))
)]
pub(crate) async fn profile(caller: Caller) -> Json<UserView> {
    Json(UserView::from(&caller.user))
}

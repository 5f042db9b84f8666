//! Sessions: a token and its user, and `POST /logout`.

use axum::Json;
use axum::extract::State;
use boot::secrets::Secrets;
use domain::time::Moment;
use domain::user::User;
use edge::views::UserView;
use edge::{Answer, Problem, SessionCaller, tokens};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub(crate) struct View {
    /// To be sent as `Authorization: Bearer <token>`.
    token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// When the token expires.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Moment,
    /// Whose it is.
    user_id: String,
    /// The user.
    user: UserView,
}

impl View {
    /// A session of this user, as it was read with what proved it.
    pub(crate) fn open(app: &App, secrets: &Secrets, user: &User) -> Answer<Self> {
        let issued = tokens::issue_to(secrets, user, app.ambient()).map_err(|failure| {
            tracing::error!(error = &failure as &dyn std::error::Error, "a token could not be issued");
            Problem::internal()
        })?;
        Ok(Self {
            token: issued.token,
            token_type: "Bearer",
            expires_at: issued.claims.expires_at,
            user_id: user.id.to_string(),
            user: UserView::from(user),
        })
    }
}

/// A word of confirmation.
#[derive(Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct Said {
    /// What was done.
    #[schema(example = "logged out")]
    pub(crate) message: &'static str,
}

/// Ends the session: its token is dead at once.
///
/// Also answers at `/users/logout`.
#[utoipa::path(
    post,
    path = "/logout",
    tag = "accounts",
    security(("session" = [])),
    responses((status = 200, description = "The token is dead", body = Said))
)]
pub(crate) async fn logout(State(app): State<App>, caller: SessionCaller) -> Answer<Json<Said>> {
    let (token, now) = (&caller.token, app.ambient().now());
    app.store().revoke_token(caller.user.id, &token.jti, token.dead_from(), now).await?;
    tracing::info!(user = %caller.user.id, "logged out");
    Ok(Json(Said { message: "logged out" }))
}

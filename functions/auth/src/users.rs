//! `GET /users`: all accounts, for admins.

use axum::Json;
use axum::extract::State;
use domain::id::UserId;
use edge::cursor::{self, Binding};
use edge::views::UserView;
use edge::{Answer, Caller, Code, Problem, Query};
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;

const LIMIT: u64 = 20;
const MOST: u64 = 100;

/// A page of users.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserList)]
pub(crate) struct List {
    /// The users, newest first. A page may hold fewer than `limit` and still have a next one.
    users: Vec<UserView>,
    /// Where the next page begins, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists all users, newest first. Only for admins.
///
/// The list is eventually consistent: who has just registered may be missing for a moment.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "accounts", security(("bearer" = [])),
    params(
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100, description = "How many, 1 to 100; 20 without it"),
        ("cursor" = Option<String>, Query, description = "The nextCursor of the page before")),
    responses(
        (status = 200, description = "A page", body = List),
        (status = 403, description = "The caller is no admin", body = edge::problem::Document,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn list(State(app): State<App>, caller: Caller, mut query: Query) -> Answer<Json<List>> {
    if !caller.is_admin() {
        return Err(Problem::new(Code::Forbidden, "only an admin may list users"));
    }
    let limit = query.number(&["limit"], 1..=MOST).unwrap_or(LIMIT);
    let shown = query.text(&[cursor::PARAMETER]);
    query.finish()?;
    let binding = Binding { user: caller.user.id, filter: "users" };
    let after: Option<UserId> = match &shown {
        Some(text) => Some(cursor::open(&*app.sessions.secrets().await?, binding, text)?),
        None => None,
    };
    let page = app.store().list_users(after, usize::try_from(limit).unwrap_or(1)).await?;
    let next_cursor = match page.next {
        Some(last) => cursor::seal(&*app.sessions.secrets().await?, binding, &last),
        None => None,
    };
    Ok(Json(List { users: page.users.iter().map(UserView::from).collect(), next_cursor }))
}

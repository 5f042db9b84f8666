//! The caller's own account: shown, renamed, its password changed, deleted.

use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::input::Fields;
use domain::job::Priority;
use domain::message::JobMessage;
use domain::user::{Email, Password, User, UserName};
use edge::address::Address;
use edge::rate::Standing;
use edge::views::UserView;
use edge::{Answer, Caller, JsonFields, Problem, SessionCaller};
use serde::Serialize;
use utoipa::ToSchema;

use crate::password::Chosen;
use crate::prove::too_many_races;
use crate::session::{Said, View};
use crate::{App, MOST_RACES};

/// How long the message that removes what was the user's waits: for the mark to be written, and for whoever read
/// the user before it and may still create a job.
const PURGE_DELAY: Duration = Duration::from_secs(75);
/// A mark that comes later than this after the message may find that the message, which looks for it, was dropped.
const LATE: Duration = Duration::from_secs(60);

/// A change of the account.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProfileChange)]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct Change {
    /// 1 to 100 characters; also read as `userName`. Whoever is the first to take a name may log in with it; the
    /// one before is free again.
    #[schema(
        example = "Ada Lovelace",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
}

/// A change of the password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct NewPassword {
    /// The password so far.
    #[schema(example = "correct horse battery")]
    current_password: String,
    /// Another one: 8 to 128 characters that are hard to guess.
    #[schema(example = "staple of many horses", min_length = 8, max_length = 128)]
    new_password: String,
    /// Whether to make every API key dead too. Say so if somebody else may have been in the account: they may
    /// have made a key, and keys outlive sessions.
    #[schema(default = false)]
    revoke_keys: Option<bool>,
}

/// What proves that the account is to be deleted by its owner.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Farewell)]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct Farewell {
    /// The password.
    #[schema(example = "correct horse battery")]
    password: String,
}

/// The user, and what was done.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedUser)]
pub(crate) struct Changed {
    #[serde(flatten)]
    user: UserView,
    /// What was done.
    message: &'static str,
}

/// A session in place of those that are dead now.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FreshSession)]
pub(crate) struct Fresh {
    #[serde(flatten)]
    session: View,
    /// How many API keys are alive.
    live_keys: usize,
    /// What was done.
    message: &'static str,
}

/// The user whose token or key this is.
///
/// Also answers at `/user` and `/users/profile`.
#[utoipa::path(get, path = "/profile", tag = "accounts", security(("bearer" = [])),
    responses((status = 200, description = "The user", body = UserView)))]
pub(crate) async fn profile(caller: Caller) -> Json<UserView> {
    Json(UserView::from(&caller.user))
}

/// Changes the display name.
#[utoipa::path(patch, path = "/profile", operation_id = "patch_profile", tag = "accounts",
    security(("session" = [])), request_body = Change,
    responses((status = 200, description = "The user", body = Changed)))]
pub(crate) async fn patch(
    State(app): State<App>,
    caller: SessionCaller,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<Json<Changed>> {
    let name = new_name(fields, &caller.user)?;
    let mut user = caller.user.clone();
    for _ in 0..MOST_RACES {
        let before = user.name.clone();
        let next = User { name: name.as_str().to_owned(), version: user.version + 1, ..user };
        if app.store().rename_user(&next, &before, &name).await? {
            tracing::info!(user = %next.id, "renamed");
            return Ok(Json(Changed { user: UserView::from(&next), message: "profile changed" }));
        }
        user = app.look_again(&caller).await?;
    }
    Err(too_many_races())
}

/// Changes the display name; as PATCH.
#[utoipa::path(put, path = "/profile", operation_id = "put_profile", tag = "accounts",
    security(("session" = [])), request_body = Change,
    responses((status = 200, description = "The user", body = Changed)))]
pub(crate) async fn put(app: State<App>, caller: SessionCaller, body: JsonFields) -> Answer<Json<Changed>> {
    patch(app, caller, body).await
}

/// Changes the password: every token so far is dead at once, and the answer carries a fresh one.
///
/// API keys are no sessions and go on working, unless `revokeKeys` makes them dead in the same write. Send it if
/// somebody else may have been in the account; `liveKeys` tells how many are left. Ten wrong passwords of a user,
/// here and where the account is deleted, close both for a while; failed logins do not.
#[utoipa::path(post, path = "/profile/password", tag = "accounts", security(("session" = [])),
    request_body = NewPassword,
    responses(
        (status = 200, description = "A token of the time after the change", body = Fresh),
        (status = 403, description = "The current password is wrong", body = edge::problem::Document,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn change_password(
    State(app): State<App>,
    caller: SessionCaller,
    address: Address,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<(Standing, Json<Fresh>)> {
    let now = app.ambient().now();
    let standing = app.config.login_limit().count(app.store(), address.as_str(), now).await?;
    standing.beside(app.change_password(&caller, fields).await.map(Json))
}

impl App {
    /// Writes the new hash, the moment from which tokens are believed, and if so wished the one from which keys
    /// are, in one write. A crash after it: keys that it has made dead are left in the table, where they open
    /// nothing and make room for the next.
    async fn change_password(&self, caller: &SessionCaller, mut fields: Fields) -> Answer<Fresh> {
        let current = fields.required(&["currentPassword"], any_text);
        let new = fields.required(&["newPassword"], Password::parse);
        if let (Some(current), Some(new)) = (&current, &new)
            && current == new.expose()
        {
            fields.fault("/newPassword", "is the current password; choose another");
        }
        let revoke_keys = fields.flag(&["revokeKeys"]).unwrap_or(false);
        fields.finish()?;
        let (Some(current), Some(new)) = (current, new) else { return Err(Problem::invalid(Vec::new())) };
        let mut user = self.prove_again(caller, "/currentPassword", current).await?;
        let known = vec![user.name.clone(), user.email.clone()];
        let password_hash = match self.hasher.choose(new, known, self.ambient().entropy()).await? {
            Chosen::Hash(hash) => hash,
            Chosen::TooWeak(reason) => return Err(Problem::at("/newPassword", reason)),
        };
        // Asked for before the change: without it no session could follow.
        let secrets = self.sessions.secrets().await?;
        for _ in 0..MOST_RACES {
            let now = self.ambient().now();
            let next = User { password_hash: password_hash.clone(), version: user.version + 1, ..user };
            let mut next = next.without_tokens(now);
            if revoke_keys {
                next = next.without_keys(now);
            }
            // Before the write, which fails if a key is made in between.
            let live_keys = self.store().keys_of(&next, now).await?.len();
            if self.store().replace_user(&next).await? {
                tracing::info!(user = %next.id, revoke_keys, live_keys, "changed the password");
                if revoke_keys && let Err(failure) = self.store().remove_dead_keys(&next, now).await {
                    let error = &failure as &dyn std::error::Error;
                    tracing::warn!(user = %next.id, error, "dead keys were left in the table");
                }
                let session = View::open(self, &secrets, &next)?;
                return Ok(Fresh { session, live_keys, message: "password changed" });
            }
            // The session lives only if no other change of the password was faster: what was proved still holds.
            user = self.look_again(caller).await?;
        }
        Err(too_many_races())
    }
}

/// Deletes the account with its jobs, deliveries, webhooks and API keys.
///
/// Every token and key is dead at once, and the address and the name can be registered anew; what was the user's
/// is removed within minutes. A wrong password counts as one of a change of the password.
#[utoipa::path(delete, path = "/profile", operation_id = "delete_profile", tag = "accounts",
    security(("session" = [])), request_body = Farewell,
    responses(
        (status = 200, description = "The account is gone", body = Said),
        (status = 403, description = "The password is wrong", body = edge::problem::Document,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn delete(
    State(app): State<App>,
    caller: SessionCaller,
    address: Address,
    JsonFields { fields, .. }: JsonFields,
) -> Answer<(Standing, Json<Said>)> {
    let now = app.ambient().now();
    let standing = app.config.login_limit().count(app.store(), address.as_str(), now).await?;
    standing.beside(app.delete_account(&caller, fields).await.map(Json))
}

impl App {
    async fn delete_account(&self, caller: &SessionCaller, mut fields: Fields) -> Answer<Said> {
        let password = fields.required(&["password"], any_text);
        fields.finish()?;
        let Some(password) = password else { return Err(Problem::invalid(Vec::new())) };
        let user = self.prove_again(caller, "/password", password).await?;
        self.bury(caller, user).await?;
        Ok(Said { message: "account deleted" })
    }

    /// Sends the message that removes all that is the user's, then marks the user as deleted in one transaction
    /// that also frees the address and the name.
    ///
    /// A crash before the write: the message finds a user without the mark and does nothing. A lost race: the
    /// user as it is now is marked. A lost answer: the store finds its own mark. If the write takes so long that the
    /// message may have been dropped by then, it is sent again.
    async fn bury(&self, caller: &SessionCaller, mut user: User) -> Answer<()> {
        self.send_purge(&user).await?;
        let sent = self.ambient().now();
        for _ in 0..MOST_RACES {
            let marked = User { deleted_at: Some(self.ambient().now()), version: user.version + 1, ..user };
            if self.store().delete_user(&marked).await? {
                if self.ambient().now().since(sent) > LATE {
                    self.send_purge(&marked).await?;
                }
                tracing::info!(user = %marked.id, "deleted the account");
                return Ok(());
            }
            user = self.look_again(caller).await?;
        }
        Err(too_many_races())
    }

    async fn send_purge(&self, user: &User) -> Answer<()> {
        let purge = JobMessage::PurgeUser { user_id: user.id, round: 0 };
        self.queues.send(Priority::Low, user.id, &purge, PURGE_DELAY).await.map_err(|failure| {
            tracing::error!(error = &failure as &dyn std::error::Error, "a queue failed");
            Problem::unavailable()
        })
    }
}

/// The name of a change. What else an answer carried may come back as it was, and nothing of it be changed.
fn new_name(mut fields: Fields, user: &User) -> Answer<UserName> {
    let name = fields.required(&["name", "userName"], UserName::parse);
    let email = fields.parsed(&["email", "emailId"], Email::parse);
    if email.is_some_and(|email| email.digest() != domain::user::digest(user.email.trim())) {
        fields.fault("/email", "cannot be changed");
    }
    let role = serde_json::to_value(user.role).ok();
    if fields.text(&["role"]).is_some_and(|given| role.as_ref().is_none_or(|role| *role != given)) {
        fields.fault("/role", "cannot be changed");
    }
    fields.ignore(&["id", "userId", "createdAt", "message"]);
    fields.finish()?;
    name.ok_or_else(|| Problem::invalid(Vec::new()))
}

fn any_text(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

//! `/keys`: the caller's API keys.

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use domain::api_key::{ApiKey, KeyText, MOST_KEYS, Scope, Scopes};
use domain::id::KeyId;
use domain::input::Fields;
use domain::time::Moment;
use edge::path::Named;
use edge::views::{KeyView, ScopeShape};
use edge::{Answer, Code, JsonFields, PathId, Problem, SessionCaller};
use http::StatusCode;
use serde::Serialize;
use store::KeyMade;
use utoipa::ToSchema;

use crate::prove::too_many_races;
use crate::session::Said;
use crate::{App, MOST_RACES};

/// A key to be made.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewApiKey, rename_all = "camelCase")]
#[allow(dead_code, reason = "it describes the body; the handler reads it member by member")]
pub(crate) struct Body {
    /// What it is for: 1 to 100 characters.
    #[schema(
        example = "nightly build",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"
    )]
    name: String,
    /// What it may be used for, at least one: `read` looks at records, `write` creates, changes and deletes them,
    /// `run` starts and stops jobs, and beside `write` gives them schedules. None implies another: without `read`
    /// the answers to the other two tell no more of a job than its id, status and version.
    #[schema(min_items = 1, value_type = Vec<ScopeShape>, example = json!(["read", "run"]))]
    scopes: Vec<String>,
    /// From when on it is dead; never without it.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Moment>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = FreshApiKey)]
pub(crate) struct Made {
    /// The key. It is shown here and never again.
    #[schema(example = "njk_3xQd0Jr2mYb8Vt5zKc7Lp1Hs9Wn4Fa6Ge0Ud3Xo2Iq8")]
    key: String,
    #[serde(flatten)]
    view: KeyView,
}

/// The caller's keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeys)]
pub(crate) struct List {
    /// Those that have not expired, newest first.
    keys: Vec<KeyView>,
}

/// By what a key is named. Its text is no name, but who sends it must not be left with a key that stands in logs
/// and lives.
pub(crate) enum Meant {
    Id(KeyId),
    Text(KeyText),
}

/// Makes an API key, which a program sends as `Authorization: Bearer <key>` or as `X-Api-Key: <key>`.
///
/// A user may have 50. A key may do nothing about the account itself, and a change of the password leaves it alive
/// unless it says `revokeKeys`.
#[utoipa::path(post, path = "/keys", operation_id = "create_key", tag = "keys",
    security(("session" = [])), request_body = Body,
    responses(
        (status = 201, description = "The key", body = Made),
        (status = 409, description = "There are 50 already", body = edge::problem::Document,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn create(
    State(app): State<App>,
    caller: SessionCaller,
    JsonFields { mut fields, .. }: JsonFields,
) -> Answer<(StatusCode, Json<Made>)> {
    let (now, entropy) = (app.ambient().now(), app.ambient().entropy());
    let name = fields.required(&["name"], ApiKey::name);
    let scopes = scopes(&mut fields);
    let expires_at = fields.parsed(&["expiresAt"], |text| ApiKey::expiry(text, now));
    fields.finish()?;
    let (Some(name), Some(scopes)) = (name, scopes) else { return Err(Problem::invalid(Vec::new())) };
    let text = KeyText::fresh(entropy);
    let mut owner = caller.user.clone();
    let key = ApiKey {
        id: KeyId::fresh(now, entropy),
        user_id: caller.user.id,
        name,
        scopes,
        prefix: text.prefix(),
        created_at: now,
        expires_at,
        generation: owner.keys_valid_after,
        last_used_at: None,
    };
    for _ in 0..MOST_RACES {
        match app.store().create_key(&key, &text.digest(), &owner, now).await? {
            KeyMade::Made => {
                tracing::info!(user = %key.user_id, key = %key.id, "made an API key");
                let made = Made { key: text.expose().to_owned(), view: KeyView::from(&key) };
                return Ok((StatusCode::CREATED, Json(made)));
            }
            KeyMade::TooMany => {
                let detail =
                    format!("you have {MOST_KEYS} API keys, and more are not allowed; revoke one first");
                return Err(Problem::new(Code::Conflict, detail));
            }
            KeyMade::Lost => owner = app.look_again(&caller).await?,
        }
    }
    Err(too_many_races())
}

/// Lists the caller's API keys, without their texts.
#[utoipa::path(get, path = "/keys", operation_id = "list_keys", tag = "keys", security(("session" = [])),
    responses((status = 200, description = "The keys", body = List)))]
pub(crate) async fn list(State(app): State<App>, caller: SessionCaller) -> Answer<Json<List>> {
    let keys = app.store().keys_of(&caller.user, app.ambient().now()).await?;
    Ok(Json(List { keys: keys.iter().map(KeyView::from).collect() }))
}

/// Revokes an API key: it is dead at once.
#[utoipa::path(delete, path = "/keys/{id}", operation_id = "revoke_key", tag = "keys",
    security(("session" = [])),
    params(("id" = String, Path, description = "The key's id, or the key itself, which then is not to be trusted \
        any more in any case: addresses are written into logs")),
    responses(
        (status = 200, description = "The key is dead", body = Said),
        (status = 404, description = "There is no such key of yours", body = edge::problem::Document,
            content_type = "application/problem+json"),
    ))]
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: SessionCaller,
    PathId(meant): PathId<Meant>,
) -> Answer<Json<Said>> {
    let (store, owner, now) = (app.store(), &caller.user, app.ambient().now());
    let revoked = match meant {
        Meant::Id(id) => store.revoke_key(owner, id, now).await?.then_some(id),
        Meant::Text(text) => store.revoke_key_of(owner, &text.digest(), now).await?.map(|key| key.id),
    };
    let id = revoked.ok_or_else(|| Problem::not_found("API key"))?;
    tracing::info!(user = %owner.id, key = %id, "revoked an API key");
    Ok(Json(Said { message: "API key revoked" }))
}

impl FromStr for Meant {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let id = text.parse().map(Self::Id).ok();
        id.or_else(|| KeyText::parse(text).map(Self::Text)).ok_or(())
    }
}

impl Named for Meant {
    const WHAT: &'static str = "API key";
}

fn scopes(fields: &mut Fields) -> Option<Scopes> {
    let Some((_, raw)) = fields.raw(&["scopes"]) else {
        fields.fault("/scopes", "is required: any of read, write and run");
        return None;
    };
    let Ok(texts) = serde_json::from_str::<Vec<String>>(raw.get()) else {
        fields.fault("/scopes", "must be a list of texts: any of read, write and run");
        return None;
    };
    let mut scopes = Vec::new();
    for (place, text) in texts.iter().enumerate() {
        match text.parse::<Scope>() {
            Ok(scope) => scopes.push(scope),
            Err(refused) => fields.fault(format!("/scopes/{place}"), refused.to_string()),
        }
    }
    match Scopes::of(scopes) {
        Ok(scopes) => Some(scopes),
        Err(refused) => {
            if texts.is_empty() {
                fields.fault("/scopes", refused.to_string());
            }
            None
        }
    }
}

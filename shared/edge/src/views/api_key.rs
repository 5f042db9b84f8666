//! An API key.

use domain::api_key::{ApiKey, Scope};
use domain::time::Moment;
use serde::Serialize;
use utoipa::ToSchema;

/// An API key, without its text.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey)]
pub struct KeyView {
    /// Its id, by which it is revoked.
    #[schema(example = "key_0190f6d2c0de7abc8def0123456789ab")]
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// What it is for.
    #[schema(example = "nightly build")]
    pub name: String,
    /// What it may be used for: any of `read`, `write` and `run`.
    #[schema(value_type = Vec<String>, example = json!(["read", "run"]))]
    pub scopes: Vec<Scope>,
    /// How its text begins.
    #[schema(example = "njk_3xQd")]
    pub prefix: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
    /// From when on it is dead, if ever.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Moment>,
    /// When it was last used, to within five minutes.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Moment>,
}

impl From<&ApiKey> for KeyView {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            user_id: key.user_id.to_string(),
            name: key.name.clone(),
            scopes: key.scopes.iter().collect(),
            prefix: key.prefix.clone(),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

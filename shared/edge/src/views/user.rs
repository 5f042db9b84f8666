//! A user.

use domain::time::Moment;
use domain::user::{Role, User};
use serde::Serialize;
use utoipa::ToSchema;

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub struct UserView {
    /// Its id.
    #[schema(example = "usr_0190f6d2c0de7abc8def0123456789ab")]
    pub id: String,
    /// The same.
    pub user_id: String,
    /// How it is called.
    pub name: String,
    /// Its address.
    pub email: String,
    /// `user` or `admin`.
    #[schema(value_type = String, example = "user")]
    pub role: Role,
    /// When it registered.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Moment,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            user_id: user.id.to_string(),
            name: user.name.clone(),
            email: user.email.clone(),
            role: user.role,
            created_at: user.created_at,
        }
    }
}

//! Who a token stands for, and whether it is dead.

use domain::id::UserId;
use domain::time::Moment;
use domain::user::User;

use crate::{Store, StoreError, keys, users};

/// What the table knows of a token.
#[derive(Debug)]
pub struct Session {
    /// The user it names, if there still is one that was not deleted.
    pub user: Option<User>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Store {
    /// Makes a token dead at once; the record lives until the token would have died by itself.
    pub async fn revoke_token(&self, jti: &str, expires: Moment) -> Result<(), StoreError> {
        let mut item = keys::key(keys::revoked(jti), "TOKEN");
        item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// The user and the revocation, in one consistent read of two keys.
    pub async fn session(&self, user: UserId, jti: &str) -> Result<Session, StoreError> {
        let wanted = vec![keys::key(keys::user(user), keys::PROFILE), keys::key(keys::revoked(jti), "TOKEN")];
        let mut session = Session { user: None, revoked: false };
        for item in self.batch_get(wanted, true).await? {
            match item.get("sk").and_then(|sk| sk.as_s().ok()).map(String::as_str) {
                Some(keys::PROFILE) => {
                    session.user = Some(users::read(item)?).filter(|user| user.deleted_at.is_none());
                }
                _ => session.revoked = true,
            }
        }
        Ok(session)
    }
}

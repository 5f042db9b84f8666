//! Who a token stands for, and whether it is dead.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use domain::id::UserId;
use domain::time::Moment;
use domain::user::User;

use crate::{Store, StoreError, keys};

const TOKEN: &str = "TOKEN";
/// Machines' clocks are never so far apart.
const APART: Duration = Duration::from_secs(60);

/// What the table knows of a token.
#[derive(Debug)]
pub struct Session {
    /// The user it names, if there still is one that was not deleted.
    pub user: Option<User>,
    /// Whether it was revoked.
    pub revoked: bool,
}

impl Store {
    /// Makes a token of the user's dead at once; the record lives until the token would have died by itself.
    ///
    /// First the record, then a note on the user that there is one: without that nobody looks for it. A crash between
    /// the two, or a lost answer: the client was not told that the token is dead, and asks again.
    pub async fn revoke_token(
        &self,
        user: UserId,
        jti: &str,
        expires: Moment,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut item = keys::key(keys::revoked(jti), TOKEN);
        item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
        let put = self.client.put_item().table_name(self.table()).set_item(Some(item));
        put.send().await.map_err(StoreError::sdk)?;
        // The version keeps a change of the user, which writes the whole record, from losing the note.
        let note = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::user(user), keys::PROFILE)))
            .update_expression("SET loggedOutAt = :now, version = version + :one")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_values(":now", keys::number(now.as_millis()))
            .expression_attribute_values(":one", keys::number(1));
        match note.send().await {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                match self.user_even_deleted(user).await? {
                    // With the user every token is gone.
                    None => Ok(()),
                    Some(_) => Err(StoreError::Busy("a note on a user was refused".to_owned())),
                }
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// The user, and whether the token of that id, which was issued then, was revoked. Both are read consistently.
    ///
    /// Cost: 1 RRU, and 1 more for a token that was issued before its user last logged out.
    pub async fn session(&self, user: UserId, jti: &str, issued: Moment) -> Result<Session, StoreError> {
        let user = self.user(user).await?;
        let logged_out = user.as_ref().and_then(|user| user.logged_out_at);
        let revoked = match logged_out {
            Some(at) if issued <= at.plus(APART) => self.get(keys::revoked(jti), TOKEN).await?.is_some(),
            _ => false,
        };
        Ok(Session { user, revoked })
    }
}

//! Users, and the locks that make an e-mail address unique.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use domain::id::UserId;
use domain::user::{Email, User, UserName};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::jobs::build;
use crate::{Item, Store, StoreError, keys};

/// Why a user was not created.
#[derive(Debug, thiserror::Error)]
pub enum CreateUserError {
    /// Somebody has registered with this address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// The table failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Store {
    /// Writes a user together with the lock of the e-mail address, in one transaction; and the lock of the
    /// name, if nobody holds it: then the user may log in with it.
    ///
    /// A lost race for the address: `EmailTaken`. A lost race for the name: once more, without the name. A
    /// crash: all or nothing stands.
    pub async fn create_user(
        &self,
        user: &User,
        email: &Email,
        name: &UserName,
    ) -> Result<(), CreateUserError> {
        let locks = [keys::email(&email.digest()), keys::name(&name.digest())];
        for locks in [&locks[..], &locks[..1]] {
            let mut request = self.client.transact_write_items().transact_items(self.put(write(user)?)?);
            for lock in locks {
                request = request.transact_items(self.take(lock, user.id)?);
            }
            match request.send().await {
                Ok(_) => return Ok(()),
                Err(SdkError::ServiceError(e)) => match taken(e.err()).as_slice() {
                    [] => return Err(StoreError::sdk(SdkError::ServiceError(e)).into()),
                    // Ours after a lost answer, or somebody else's?
                    [1, ..] if self.holder(&locks[0]).await? == Some(user.id) => return Ok(()),
                    [1, ..] => return Err(CreateUserError::EmailTaken),
                    _ => {}
                },
                Err(e) => return Err(StoreError::sdk(e).into()),
            }
        }
        Err(StoreError::Busy("two registrations raced for a name".to_owned()).into())
    }

    /// The user of that id, unless the account was deleted.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        Ok(self.user_even_deleted(id).await?.filter(|user| user.deleted_at.is_none()))
    }

    /// As [`user`](Self::user), and the mark that a deleted account leaves too.
    pub async fn user_even_deleted(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.get(keys::user(id), keys::PROFILE).await?.map(read).transpose()
    }

    /// The user who registered with the address of that digest.
    pub async fn user_by_email(&self, digest: &str) -> Result<Option<User>, StoreError> {
        self.locked_user(&keys::email(digest)).await
    }

    /// The user who took the name of that digest first.
    pub async fn user_by_name(&self, digest: &str) -> Result<Option<User>, StoreError> {
        self.locked_user(&keys::name(digest)).await
    }

    /// Writes a user over the version before it; false if that is not what stands there.
    pub async fn replace_user(&self, next: &User) -> Result<bool, StoreError> {
        let sent = self
            .client
            .put_item()
            .table_name(self.table())
            .set_item(Some(write(next)?))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", keys::number(next.version.saturating_sub(1)))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => {
                Ok(self.user(next.id).await?.as_ref() == Some(next))
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    async fn locked_user(&self, lock: &str) -> Result<Option<User>, StoreError> {
        match self.holder(lock).await? {
            Some(id) => self.user(id).await,
            None => Ok(None),
        }
    }

    pub(crate) async fn holder(&self, lock: &str) -> Result<Option<UserId>, StoreError> {
        let item = self.get(lock.to_owned(), keys::LOCK).await?;
        Ok(item.and_then(|item| item.get("userId")?.as_s().ok()?.parse().ok()))
    }

    pub(crate) fn take(&self, lock: &str, user: UserId) -> Result<TransactWriteItem, StoreError> {
        let mut item = keys::key(lock, keys::LOCK);
        item.insert("userId".to_owned(), keys::text(user.to_string()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        Ok(TransactWriteItem::builder().put(build(put.build())?).build())
    }

    pub(crate) async fn get(&self, pk: String, sk: &str) -> Result<Option<Item>, StoreError> {
        let got = self
            .client
            .get_item()
            .table_name(self.table())
            .set_key(Some(keys::key(pk, sk)))
            .consistent_read(true)
            .send()
            .await
            .map_err(StoreError::sdk)?;
        Ok(got.item)
    }
}

/// The places in a transaction whose condition failed.
pub(crate) fn taken(error: &TransactWriteItemsError) -> Vec<usize> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return Vec::new() };
    let reasons = cancelled.cancellation_reasons().iter().enumerate();
    reasons.filter(|(_, reason)| reason.code() == Some("ConditionalCheckFailed")).map(|(i, _)| i).collect()
}

pub(crate) fn write(user: &User) -> Result<Item, StoreError> {
    let mut item: Item = to_item(user).map_err(|e| StoreError::unreadable("a user cannot be written", e))?;
    item.extend(keys::key(keys::user(user.id), keys::PROFILE));
    if user.deleted_at.is_none() {
        item.insert("listPk".to_owned(), keys::text(keys::USERS));
        item.insert("listSk".to_owned(), keys::text(user.id.to_string()));
    }
    Ok(item)
}

pub(crate) fn read(item: Item) -> Result<User, StoreError> {
    from_item(item).map_err(|e| StoreError::unreadable("a user cannot be read", e))
}

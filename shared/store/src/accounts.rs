//! What becomes of accounts: renamed, deleted, listed.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem};
use domain::filter::Order;
use domain::id::UserId;
use domain::user::{User, UserName, digest};

use crate::cells::Union;
use crate::jobs::build;
use crate::users::{read, taken, write};
use crate::{Item, Store, StoreError, keys};

/// A page of users, newest first.
#[derive(Debug)]
pub struct UserPage {
    /// The users.
    pub users: Vec<User>,
    /// After which the next page begins, if there may be one.
    pub next: Option<UserId>,
}

impl Store {
    /// Writes a user of another name than `before` over the version before it; false if that is not what stands
    /// there. The lock of the name before is released if it is theirs, and that of the new name taken if nobody
    /// holds it, in the same transaction.
    ///
    /// A lost race for the new name: once more, without the lock. A lost answer: what stands there is ours. A
    /// crash: all or nothing stands.
    pub async fn rename_user(&self, next: &User, before: &str, name: &UserName) -> Result<bool, StoreError> {
        let (before, after) = (keys::name(&digest(before)), keys::name(&name.digest()));
        let release = before != after && self.holder(&before).await? == Some(next.id);
        let free = self.holder(&after).await?.is_none();
        for take in [free, false] {
            let mut writes = vec![self.replace(next)?];
            if release {
                writes.push(self.release(&before, next.id)?);
            }
            if take {
                writes.push(self.take(&after, next.id)?);
            }
            let last = writes.len() - 1;
            match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
                Ok(_) => return Ok(true),
                Err(SdkError::ServiceError(e)) => match taken(e.err()).as_slice() {
                    [] => return Err(StoreError::sdk(SdkError::ServiceError(e))),
                    [failed] if take && *failed == last => {}
                    _ => return Ok(self.user(next.id).await?.as_ref() == Some(next)),
                },
                Err(e) => return Err(StoreError::sdk(e)),
            }
        }
        Err(StoreError::Busy("two users raced for a name".to_owned()))
    }

    /// Writes a user that is marked as deleted over the version before it, and releases the locks of the address
    /// and of the name that are theirs, in one transaction; false if that version is not what stands there.
    ///
    /// The mark stays until [`remove_user`](Self::remove_user), so that a late message finds that the user is
    /// gone. A lost answer: what stands there is ours. A crash: all or nothing stands.
    pub async fn delete_user(&self, marked: &User) -> Result<bool, StoreError> {
        let mut writes = vec![self.replace(marked)?];
        for lock in [keys::email(&digest(&marked.email)), keys::name(&digest(&marked.name))] {
            if self.holder(&lock).await? == Some(marked.id) {
                writes.push(self.release(&lock, marked.id)?);
            }
        }
        match self.client.transact_write_items().set_transact_items(Some(writes)).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if !taken(e.err()).is_empty() => {
                Ok(self.user_even_deleted(marked.id).await?.as_ref() == Some(marked))
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Removes the mark of a deleted user, when nothing else of theirs is left; false if the user is not deleted
    /// at all. Doing it twice is the same as once.
    pub async fn remove_user(&self, id: UserId) -> Result<bool, StoreError> {
        let sent = self
            .client
            .delete_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::user(id), keys::PROFILE)))
            .condition_expression("attribute_not_exists(pk) OR attribute_exists(deletedAt)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// A page of all users, newest first, after one of them.
    ///
    /// Cost: a Query of the index's keys and a read of each user. A user who has just registered may be missing
    /// for a moment.
    pub async fn list_users(&self, after: Option<UserId>, limit: usize) -> Result<UserPage, StoreError> {
        let union = Union {
            cells: vec![keys::USERS.to_owned()],
            order: Order::NewestFirst,
            after: after.map(|id| id.to_string()),
            floor: None,
            matching: None,
        };
        let rows = self.union(&union, 0, limit).await?;
        let items = self.batch_get(rows.rows.iter().filter_map(primary).collect(), true).await?;
        let mut users = items.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        users.retain(|user| user.deleted_at.is_none());
        users.sort_by_key(|user| std::cmp::Reverse(user.id));
        let next = rows.next.map(|id| id.parse()).transpose();
        let next = next.map_err(|e| StoreError::unreadable("an index row has no user's id", e))?;
        Ok(UserPage { users, next })
    }

    fn replace(&self, next: &User) -> Result<TransactWriteItem, StoreError> {
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(write(next)?))
            .condition_expression("version = :seen")
            .expression_attribute_values(":seen", keys::number(next.version.saturating_sub(1)));
        Ok(TransactWriteItem::builder().put(build(put.build())?).build())
    }

    fn release(&self, lock: &str, user: UserId) -> Result<TransactWriteItem, StoreError> {
        let delete = Delete::builder()
            .table_name(self.table())
            .set_key(Some(keys::key(lock, keys::LOCK)))
            .condition_expression("userId = :user")
            .expression_attribute_values(":user", keys::text(user.to_string()));
        Ok(TransactWriteItem::builder().delete(build(delete.build())?).build())
    }
}

/// The primary key of the record that an index row stands for.
pub(crate) fn primary(row: &Item) -> Option<Item> {
    Some(Item::from([("pk".to_owned(), row.get("pk")?.clone()), ("sk".to_owned(), row.get("sk")?.clone())]))
}

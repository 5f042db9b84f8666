//! API keys, each under the digest of its text.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};
use domain::api_key::{ApiKey, MOST_KEYS};
use domain::id::{KeyId, UserId};
use domain::time::Moment;
use domain::user::User;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::accounts::primary;
use crate::jobs::build;
use crate::schema::LIST_INDEX;
use crate::users::taken;
use crate::{Item, Store, StoreError, keys};

/// How many keys are deleted at the same time.
const AT_ONCE: usize = 8;
/// How many keys one BatchGetItem reads.
const MOST_READ: usize = 100;

/// What became of a new key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyMade {
    /// It stands.
    Made,
    /// Its owner has as many as are allowed.
    TooMany,
    /// Its owner's record has changed since it was read.
    Lost,
}

impl Store {
    /// Writes a key of its owner's present generation under the digest of its text, in one transaction with its
    /// owner's next version.
    ///
    /// The version keeps two requests from both taking the last place, and a key from being made for a user who
    /// is deleted, or whose keys are made dead, at the same time. The index that is counted may lag by a moment, and so may the limit. A lost
    /// answer: what stands under the digest is ours. A crash: all or nothing stands.
    pub async fn create_key(
        &self,
        key: &ApiKey,
        digest: &str,
        owner: &User,
        now: Moment,
    ) -> Result<KeyMade, StoreError> {
        let (live, dead): (Vec<_>, Vec<_>) =
            self.key_rows(owner.id).await?.into_iter().partition(|(_, key)| key.is_live(owner, now));
        if live.len() >= MOST_KEYS {
            return Ok(KeyMade::TooMany);
        }
        // The table takes days to forget what has expired: nobody shall pile it up in the meantime.
        self.delete_keys(dead.into_iter().map(|(pk, _)| pk).collect()).await?;
        let key = ApiKey { generation: owner.keys_valid_after, ..key.clone() };
        let mut item: Item =
            to_item(&key).map_err(|e| StoreError::unreadable("a key cannot be written", e))?;
        item.extend(keys::key(keys::api_key(digest), keys::KEY));
        item.insert("listPk".to_owned(), keys::text(keys::key_cell(owner.id)));
        item.insert("listSk".to_owned(), keys::text(key.id.to_string()));
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        let fence = Update::builder()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::user(owner.id), keys::PROFILE)))
            .update_expression("SET version = :next")
            .condition_expression("version = :seen AND attribute_not_exists(deletedAt)")
            .expression_attribute_values(":next", keys::number(owner.version + 1))
            .expression_attribute_values(":seen", keys::number(owner.version));
        let sent = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(build(put.build())?).build())
            .transact_items(TransactWriteItem::builder().update(build(fence.build())?).build())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(KeyMade::Made),
            Err(SdkError::ServiceError(e)) if !taken(e.err()).is_empty() => {
                let ours = self.api_key(digest).await?.is_some_and(|found| found.id == key.id);
                Ok(if ours { KeyMade::Made } else { KeyMade::Lost })
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// The key whose text has that digest, read consistently. It may have expired.
    pub async fn api_key(&self, digest: &str) -> Result<Option<ApiKey>, StoreError> {
        self.get(keys::api_key(digest), keys::KEY).await?.map(read).transpose()
    }

    /// A user's live keys, newest first. One that was made a moment ago may be missing.
    pub async fn keys_of(&self, owner: &User, now: Moment) -> Result<Vec<ApiKey>, StoreError> {
        let rows = self.key_rows(owner.id).await?;
        let keys = rows.into_iter().map(|(_, key)| key);
        let mut found: Vec<_> = keys.filter(|key| key.is_live(owner, now)).collect();
        found.sort_by_key(|key| std::cmp::Reverse(key.id));
        Ok(found)
    }

    /// Deletes a user's key: it is dead at once. False if the user has none of that id.
    pub async fn revoke_key(&self, owner: &User, id: KeyId, now: Moment) -> Result<bool, StoreError> {
        let rows = self.key_rows(owner.id).await?;
        let found = rows.into_iter().find(|(_, key)| key.id == id && key.is_live(owner, now));
        let Some((primary, _)) = found else { return Ok(false) };
        self.delete_keys(vec![primary]).await?;
        Ok(true)
    }

    /// Deletes the key whose text has that digest, also one that the index does not show yet. The key that it
    /// was; `None` if it is not this user's.
    pub async fn revoke_key_of(
        &self,
        owner: &User,
        digest: &str,
        now: Moment,
    ) -> Result<Option<ApiKey>, StoreError> {
        let found = self.api_key(digest).await?.filter(|key| key.is_live(owner, now));
        if found.is_some() {
            self.delete_keys(vec![keys::key(keys::api_key(digest), keys::KEY)]).await?;
        }
        Ok(found)
    }

    /// Deletes those of a user's keys that are dead already. Doing it twice is the same as once.
    pub async fn remove_dead_keys(&self, owner: &User, now: Moment) -> Result<(), StoreError> {
        let rows = self.key_rows(owner.id).await?;
        let dead = rows.into_iter().filter(|(_, key)| !key.is_live(owner, now));
        self.delete_keys(dead.map(|(primary, _)| primary).collect()).await
    }

    /// Deletes all keys of a user. Doing it twice is the same as once.
    pub async fn remove_keys_of(&self, user: UserId) -> Result<(), StoreError> {
        let rows = self.key_index(user).await?;
        self.delete_keys(rows.iter().filter_map(primary).collect()).await
    }

    /// Notes that a key was used, unless that was noted since `before`. A key that is gone stays gone.
    pub async fn touch_key(&self, digest: &str, now: Moment, before: Moment) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::api_key(digest), keys::KEY)))
            .update_expression("SET lastUsedAt = :now")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(lastUsedAt) OR lastUsedAt <= :before)",
            )
            .expression_attribute_values(":now", keys::number(now.as_millis()))
            .expression_attribute_values(":before", keys::number(before.as_millis()))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(()),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// A user's keys, expired ones too, each with its primary key.
    async fn key_rows(&self, user: UserId) -> Result<Vec<(Item, ApiKey)>, StoreError> {
        let rows = self.key_index(user).await?;
        let wanted: Vec<_> = rows.iter().filter_map(primary).collect();
        let mut found = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(MOST_READ) {
            for item in self.batch_get(batch.to_vec(), true).await? {
                let Some(primary) = primary(&item) else { continue };
                found.push((primary, read(item)?));
            }
        }
        Ok(found)
    }

    async fn key_index(&self, user: UserId) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(self.table())
            .index_name(LIST_INDEX)
            .key_condition_expression("listPk = :cell")
            .expression_attribute_values(":cell", keys::text(keys::key_cell(user)))
            .into_paginator()
            .send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            rows.extend(page.map_err(StoreError::sdk)?.items.unwrap_or_default());
        }
        Ok(rows)
    }

    async fn delete_keys(&self, keys: Vec<Item>) -> Result<(), StoreError> {
        let delete = |key: Item| async move {
            let delete = self.client.delete_item().table_name(self.table()).set_key(Some(key));
            delete.send().await.map(|_| ()).map_err(StoreError::sdk)
        };
        stream::iter(keys.into_iter().map(delete)).buffer_unordered(AT_ONCE).try_collect().await
    }
}

fn read(item: Item) -> Result<ApiKey, StoreError> {
    from_item(item).map_err(|e| StoreError::unreadable("an API key cannot be read", e))
}

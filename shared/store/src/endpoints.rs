//! Webhook endpoints, in their owner's partition.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::types::{Delete, Put, TransactWriteItem, Update};
use domain::endpoint::{Endpoint, MOST_ENDPOINTS};
use domain::health::Subject;
use domain::id::{EndpointId, UserId};
use domain::user::User;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::jobs::build;
use crate::users::taken;
use crate::{Item, Store, StoreError, keys};

/// What became of a new endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointMade {
    /// It stands.
    Made,
    /// Its owner has as many as are allowed.
    TooMany,
    /// Its owner's record has changed since it was read.
    Lost,
}

impl Store {
    /// Writes an endpoint, in one transaction with its owner's next version.
    ///
    /// The version keeps two requests from both taking the last place, and an endpoint from being made for a user
    /// who is deleted at the same time. A lost answer: what stands there is ours. A crash: all or nothing stands.
    /// The record of what is known of it is made with it. Cost: 1 RRU for 4 KB of endpoints, and 6 WRU.
    pub async fn create_endpoint(
        &self,
        endpoint: &Endpoint,
        owner: &User,
    ) -> Result<EndpointMade, StoreError> {
        if self.endpoints_of(owner.id).await?.len() >= MOST_ENDPOINTS {
            return Ok(EndpointMade::TooMany);
        }
        let put = Put::builder()
            .table_name(self.table())
            .set_item(Some(write(endpoint)?))
            .condition_expression("attribute_not_exists(pk)");
        let health = keys::key(keys::health(&Subject::endpoint(endpoint.id)), keys::HEALTH);
        let health = Put::builder().table_name(self.table()).set_item(Some(health));
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
            .transact_items(TransactWriteItem::builder().put(build(health.build())?).build())
            .transact_items(TransactWriteItem::builder().update(build(fence.build())?).build())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(EndpointMade::Made),
            Err(SdkError::ServiceError(e)) if !taken(e.err()).is_empty() => {
                let ours = self.endpoint(owner.id, endpoint.id).await?.is_some();
                Ok(if ours { EndpointMade::Made } else { EndpointMade::Lost })
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// The endpoint of that id, read consistently, if it is this user's.
    pub async fn endpoint(&self, owner: UserId, id: EndpointId) -> Result<Option<Endpoint>, StoreError> {
        self.get(keys::user(owner), &keys::endpoint(id)).await?.map(read).transpose()
    }

    /// A user's endpoints, the oldest first, read consistently: one that was created before an event hears of it.
    ///
    /// Cost: one Query, 1 RRU for 4 KB, which is about 8 endpoints; 1 RRU where there are none.
    pub async fn endpoints_of(&self, owner: UserId) -> Result<Vec<Endpoint>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk AND begins_with(sk, :endpoint)")
            .expression_attribute_values(":pk", keys::text(keys::user(owner)))
            .expression_attribute_values(":endpoint", keys::text(keys::ENDPOINT_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut found = Vec::new();
        while let Some(page) = pages.next().await {
            for item in page.map_err(StoreError::sdk)?.items.unwrap_or_default() {
                found.push(read(item)?);
            }
        }
        Ok(found)
    }

    /// Writes an endpoint over the version before it; false if that is not what stands there.
    ///
    /// A lost answer: what stands there is ours.
    pub async fn replace_endpoint(&self, next: &Endpoint) -> Result<bool, StoreError> {
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
                Ok(self.endpoint(next.user_id, next.id).await?.as_ref() == Some(next))
            }
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Removes an endpoint with what is known of it, in one transaction. Doing it twice is the same as once.
    pub async fn delete_endpoint(&self, owner: UserId, id: EndpointId) -> Result<(), StoreError> {
        let health = keys::health(&Subject::endpoint(id));
        let mut request = self.client.transact_write_items();
        for key in [keys::key(keys::user(owner), keys::endpoint(id)), keys::key(health, keys::HEALTH)] {
            let delete = build(Delete::builder().table_name(self.table()).set_key(Some(key)).build())?;
            request = request.transact_items(TransactWriteItem::builder().delete(delete).build());
        }
        request.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// Removes all endpoints of a user. Doing it twice is the same as once.
    pub async fn remove_endpoints_of(&self, owner: UserId) -> Result<(), StoreError> {
        for endpoint in self.endpoints_of(owner).await? {
            self.delete_endpoint(owner, endpoint.id).await?;
        }
        Ok(())
    }
}

fn write(endpoint: &Endpoint) -> Result<Item, StoreError> {
    let mut item: Item =
        to_item(endpoint).map_err(|e| StoreError::unreadable("an endpoint cannot be written", e))?;
    item.extend(keys::key(keys::user(endpoint.user_id), keys::endpoint(endpoint.id)));
    Ok(item)
}

pub(crate) fn read(item: Item) -> Result<Endpoint, StoreError> {
    from_item(item).map_err(|e| StoreError::unreadable("an endpoint cannot be read", e))
}

//! A delivery as an item, and back.

use domain::delivery::Delivery;
use domain::time::Moment;
use serde_dynamo::aws_sdk_dynamodb_1::{from_item, to_item};

use crate::{Item, StoreError, keys};

/// What the keys of a record tell already. A write is billed by the KB, and a record with one attempt shall have one.
const TOLD_BY_KEYS: [&str; 5] = ["id", "jobId", "userId", "endpointId", "state"];
/// Names that are shorter where they are stored.
const SHORT: [(&str, &str); 3] =
    [("requestBody", "body"), ("attemptCount", "tried"), ("roundAttempts", "triedInRound")];

/// The item of a delivery.
pub(super) fn write(delivery: &Delivery, expires: Option<Moment>) -> Result<Item, StoreError> {
    let mut item: Item =
        to_item(delivery).map_err(|e| StoreError::unreadable("a delivery cannot be written", e))?;
    TOLD_BY_KEYS.iter().for_each(|name| drop(item.remove(*name)));
    for (name, short) in SHORT {
        let value = item.remove(name);
        item.extend(value.map(|value| (short.to_owned(), value)));
    }
    item.extend(keys::key(keys::job(delivery.job_id), keys::delivery(delivery.id)));
    item.insert("listPk".to_owned(), keys::text(keys::delivery_cell(delivery.user_id, delivery.state)));
    item.insert("listSk".to_owned(), keys::text(delivery.id.to_string()));
    // The index carries as many names as it may, and this is what one searches among deliveries.
    item.insert("search".to_owned(), keys::text(delivery.endpoint_id.to_string()));
    if let Some(expires) = expires {
        item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
    }
    Ok(item)
}

/// The delivery in an item, also in one that says all of it under its full names.
pub(crate) fn read(mut item: Item) -> Result<Delivery, StoreError> {
    for (name, short) in SHORT {
        let value = item.remove(short);
        item.extend(value.map(|value| (name.to_owned(), value)));
    }
    let told = keys::told_of_delivery(&item);
    for (name, value) in TOLD_BY_KEYS.into_iter().zip(told.into_iter().flatten()) {
        item.entry(name.to_owned()).or_insert_with(|| keys::text(value));
    }
    from_item(item).map_err(|e| StoreError::unreadable("a delivery cannot be read", e))
}

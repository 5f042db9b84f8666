//! What a row of the list shows in the place of what changes with every write.

use aws_sdk_dynamodb::types::AttributeValue;
use domain::job::Job;
use domain::time::Moment;
use serde::{Deserialize, Serialize};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::write;
use crate::due::Shards;
use crate::schema::LIST_PROJECTION;
use crate::{Item, StoreError};

/// What changes with every write. A row of an index is billed whenever it changes, so a claim, which changes nothing else
/// that the row shows, leaves these as they were. Single letters, for every write bills the whole item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shown {
    #[serde(rename = "v")]
    pub(super) version: u64,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub(super) attempt: Option<u32>,
    #[serde(rename = "t", with = "domain::time::millis")]
    pub(super) updated_at: Moment,
}

impl Shown {
    pub(super) fn of(job: &Job) -> Self {
        let attempt = job.run.as_ref().map(|run| run.attempt);
        Self { version: job.version, attempt, updated_at: job.updated_at }
    }
}

/// The item of a job that is written over `seen`. If nothing but an attempt has begun, its row stays as it is.
///
/// Only a record that nobody held tells by itself what its row shows. So one claim in a row is not shown, and whatever
/// is written next is.
pub(crate) fn write_over(seen: &Job, next: &Job, shards: Shards) -> Result<Item, StoreError> {
    let item = write(next, shards)?;
    let is_held = |job: &Job| job.run.as_ref().is_some_and(|run| run.lease.is_some());
    if is_held(seen) || !is_held(next) {
        return Ok(item);
    }
    let as_it_was = with_shown(item.clone(), Shown::of(seen))?;
    let before = write(seen, shards)?;
    let same = |name: &&str| as_it_was.get(*name) == before.get(*name);
    let stays = LIST_PROJECTION.iter().chain(&["listPk", "listSk"]).all(same);
    Ok(if stays { as_it_was } else { item })
}

fn with_shown(mut item: Item, shown: Shown) -> Result<Item, StoreError> {
    let shown = to_item(shown).map_err(|e| StoreError::unreadable("a job cannot be written", e))?;
    item.insert("shown".to_owned(), AttributeValue::M(shown));
    Ok(item)
}

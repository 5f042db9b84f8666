//! Removing what a deleted job left behind.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use domain::id::{JobId, UserId};
use domain::job::{Priority, Status};

use crate::jobs::build;
use crate::schema::LIST_INDEX;
use crate::{Item, Store, StoreError, keys};

impl Store {
    /// Some of a user's jobs, in no order; none if the index shows none.
    ///
    /// Cost: up to 15 Queries of keys, eventually consistent.
    pub async fn some_jobs_of(&self, user: UserId, most: usize) -> Result<Vec<JobId>, StoreError> {
        let mut found = Vec::new();
        for status in Status::ALL {
            for priority in Priority::ALL {
                let left = i32::try_from(most.saturating_sub(found.len())).unwrap_or(i32::MAX);
                if left == 0 {
                    return Ok(found);
                }
                let page = self
                    .client
                    .query()
                    .table_name(self.table())
                    .index_name(LIST_INDEX)
                    .key_condition_expression("listPk = :cell")
                    .expression_attribute_values(":cell", keys::text(keys::job_cell(user, status, priority)))
                    .projection_expression("listSk")
                    .limit(left)
                    .send()
                    .await
                    .map_err(StoreError::sdk)?;
                for row in page.items.unwrap_or_default() {
                    let id = row.get("listSk").and_then(|id| id.as_s().ok()).and_then(|id| id.parse().ok());
                    found.push(id.ok_or_else(|| {
                        StoreError::unreadable("an index row has no job's id", format!("{row:?}"))
                    })?);
                }
            }
        }
        Ok(found)
    }

    /// Deletes a job's payload, runs and deliveries. The job's own mark stays until its TTL, so that a late
    /// message still finds that the job is gone. Doing it twice is the same as once.
    pub async fn purge_job(&self, id: JobId) -> Result<(), StoreError> {
        let rest: Vec<WriteRequest> = self
            .partition(id)
            .await?
            .into_iter()
            .filter(|item| item.get("sk").and_then(|sk| sk.as_s().ok()).is_none_or(|sk| sk != keys::JOB))
            .filter_map(|item| {
                Some(Item::from([
                    ("pk".to_owned(), item.get("pk")?.clone()),
                    ("sk".to_owned(), item.get("sk")?.clone()),
                ]))
            })
            .map(|key| {
                let delete = build(DeleteRequest::builder().set_key(Some(key)).build())?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            })
            .collect::<Result<_, StoreError>>()?;
        for batch in rest.chunks(25) {
            let mut left = batch.to_vec();
            for _ in 0..5 {
                if left.is_empty() {
                    break;
                }
                let sent = self
                    .client
                    .batch_write_item()
                    .request_items(self.table(), left)
                    .send()
                    .await
                    .map_err(StoreError::sdk)?;
                left = sent
                    .unprocessed_items
                    .and_then(|mut tables| tables.remove(self.table()))
                    .unwrap_or_default();
            }
            if !left.is_empty() {
                return Err(StoreError::Busy("a batch was deleted in part".to_owned()));
            }
        }
        Ok(())
    }
}

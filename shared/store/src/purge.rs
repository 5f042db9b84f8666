//! Removing what a deleted job left behind.

use aws_sdk_dynamodb::types::{DeleteRequest, WriteRequest};
use domain::id::JobId;

use crate::jobs::build;
use crate::{Item, Store, StoreError, keys};

impl Store {
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

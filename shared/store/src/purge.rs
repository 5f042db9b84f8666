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

    /// Deletes a job's payload, runs and deliveries, up to so many of them; false if there are more. The job's
    /// own mark stays until its TTL, so that a late message still finds that the job is gone. Doing it twice is
    /// the same as once.
    pub async fn purge_job(&self, id: JobId, most: usize) -> Result<bool, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(self.table())
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", keys::text(keys::job(id)))
            .projection_expression("pk, sk")
            .consistent_read(true)
            .into_paginator()
            .send();
        let mut rest = Vec::new();
        while let Some(page) = pages.next().await {
            let found = page.map_err(StoreError::sdk)?.items.unwrap_or_default();
            rest.extend(
                found.into_iter().filter(|key| {
                    key.get("sk").and_then(|sk| sk.as_s().ok()).is_none_or(|sk| sk != keys::JOB)
                }),
            );
            if rest.len() > most {
                break;
            }
        }
        let done = rest.len() <= most;
        rest.truncate(most);
        for batch in rest.chunks(25) {
            self.delete_all(batch).await?;
        }
        Ok(done)
    }

    /// Deletes up to 25 items; what the table did not get to is asked for again, a few times.
    async fn delete_all(&self, keys: &[Item]) -> Result<(), StoreError> {
        let mut left: Vec<WriteRequest> = keys
            .iter()
            .map(|key| {
                let delete = build(DeleteRequest::builder().set_key(Some(key.clone())).build())?;
                Ok(WriteRequest::builder().delete_request(delete).build())
            })
            .collect::<Result<_, StoreError>>()?;
        for _ in 0..5 {
            if left.is_empty() {
                return Ok(());
            }
            let sent = self
                .client
                .batch_write_item()
                .request_items(self.table(), left)
                .send()
                .await
                .map_err(StoreError::sdk)?;
            left =
                sent.unprocessed_items.and_then(|mut tables| tables.remove(self.table())).unwrap_or_default();
        }
        if left.is_empty() { Ok(()) } else { Err(StoreError::Busy("a batch was deleted in part".to_owned())) }
    }
}

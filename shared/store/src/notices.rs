//! The mark that a run's owner was told of its failure.

use aws_sdk_dynamodb::error::SdkError;
use domain::id::{JobId, RunId};
use domain::time::Moment;

use crate::{Store, StoreError, keys};

impl Store {
    /// Takes the right to tell of this run's failure; false if somebody has taken it before.
    ///
    /// A lost answer: the second try finds the mark and gives the notice up, for it cannot know whose it is.
    /// Cost: 1 WRU.
    pub async fn begin_notice(
        &self,
        job: JobId,
        run: RunId,
        expires: Option<Moment>,
    ) -> Result<bool, StoreError> {
        let mut item = keys::key(keys::job(job), keys::notice(run));
        if let Some(expires) = expires {
            item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
        }
        let sent = self
            .client
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        match sent {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(false),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }

    /// Whether somebody has taken it.
    pub async fn notice_begun(&self, job: JobId, run: RunId) -> Result<bool, StoreError> {
        Ok(self.get(keys::job(job), &keys::notice(run)).await?.is_some())
    }

    /// Gives it back, where the notice was certainly not sent.
    pub async fn undo_notice(&self, job: JobId, run: RunId) -> Result<(), StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(self.table())
            .set_key(Some(keys::key(keys::job(job), keys::notice(run))));
        delete.send().await.map(|_| ()).map_err(StoreError::sdk)
    }
}

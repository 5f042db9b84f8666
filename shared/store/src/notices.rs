//! The mark that a run's owner was told of its failure, and how many failures an owner was not told of.

use std::time::Duration;

use aws_sdk_dynamodb::error::SdkError;
use domain::endpoint::Told;
use domain::health::Subject;
use domain::id::{JobId, RunId, UserId};
use domain::time::Moment;

use crate::create::expired;
use crate::rates::{COUNT, number};
use crate::{Item, Store, StoreError, keys};

/// How long it is remembered that an owner was not told.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);

impl Store {
    /// Takes the right to tell of this run's failure; false if somebody has taken it in this round or later.
    ///
    /// A new round is announced only by who had the right and knows that the notice was not sent: so a round
    /// takes the place of those before it, and nothing has to be given back.
    ///
    /// A lost answer: the second try finds the mark and gives the notice up, for it cannot know whose it is.
    /// Cost: 1 WRU.
    pub async fn begin_notice(
        &self,
        job: JobId,
        run: RunId,
        round: u32,
        expires: Option<Moment>,
    ) -> Result<bool, StoreError> {
        self.begin(keys::key(keys::job(job), keys::notice(run)), round, expires).await
    }

    /// As [`begin_notice`](Self::begin_notice), of what became of an endpoint at that moment.
    pub async fn begin_endpoint_notice(
        &self,
        subject: &Subject,
        told: Told,
        at: Moment,
        round: u32,
        expires: Moment,
    ) -> Result<bool, StoreError> {
        self.begin(of_endpoint(subject, told, at), round, Some(expires)).await
    }

    async fn begin(&self, mut item: Item, round: u32, expires: Option<Moment>) -> Result<bool, StoreError> {
        item.insert("round".to_owned(), keys::number(round));
        if let Some(expires) = expires {
            item.insert("expiresAt".to_owned(), keys::number(expires.as_seconds_ceil()));
        }
        let sent = self
            .client
            .put_item()
            .table_name(self.table())
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR round < :round")
            .expression_attribute_values(":round", keys::number(round))
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

    /// Gives it back, where the notice was certainly not sent and no new round could be announced.
    pub async fn undo_notice(&self, job: JobId, run: RunId) -> Result<(), StoreError> {
        self.undo(keys::key(keys::job(job), keys::notice(run))).await
    }

    /// As [`undo_notice`](Self::undo_notice), of what became of an endpoint at that moment.
    pub async fn undo_endpoint_notice(
        &self,
        subject: &Subject,
        told: Told,
        at: Moment,
    ) -> Result<(), StoreError> {
        self.undo(of_endpoint(subject, told, at)).await
    }

    async fn undo(&self, key: Item) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(self.table()).set_key(Some(key));
        delete.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// Notes that the owner was not told of one more failure.
    ///
    /// Cost: 1 WRU. A lost answer may count one twice.
    pub async fn leave_out_notice(&self, owner: UserId, now: Moment) -> Result<(), StoreError> {
        let expires = now.plus(REMEMBERED).as_seconds_ceil();
        let update = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(owner), COUNT)))
            .update_expression("ADD leftOut :one SET expiresAt = :expires")
            .expression_attribute_values(":one", keys::number(1))
            .expression_attribute_values(":expires", keys::number(expires));
        update.send().await.map(|_| ()).map_err(StoreError::sdk)
    }

    /// Of how many failures the owner was not told.
    pub async fn notices_left_out(&self, owner: UserId, now: Moment) -> Result<u64, StoreError> {
        let item = self.get(row(owner), COUNT).await?.filter(|item| !expired(item, now));
        Ok(item.map_or(0, |item| number(&item, "leftOut")))
    }

    /// Notes that the owner was told how many they were.
    pub async fn told_of_left_out(&self, owner: UserId, many: u64) -> Result<(), StoreError> {
        let sent = self
            .client
            .update_item()
            .table_name(self.table())
            .set_key(Some(keys::key(row(owner), COUNT)))
            .update_expression("SET leftOut = leftOut - :many")
            .condition_expression("leftOut >= :many")
            .expression_attribute_values(":many", keys::number(many))
            .send()
            .await;
        match sent {
            Ok(_) => Ok(()),
            Err(SdkError::ServiceError(e)) if e.err().is_conditional_check_failed_exception() => Ok(()),
            Err(e) => Err(StoreError::sdk(e)),
        }
    }
}

fn of_endpoint(subject: &Subject, told: Told, at: Moment) -> Item {
    keys::key(keys::health(subject), format!("NOTICE#{told}#{}", at.as_millis()))
}

fn row(owner: UserId) -> String {
    format!("RATE#left-out#{owner}")
}

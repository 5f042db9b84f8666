//! What becomes of a message once its attempt stands in the record.

use std::time::Duration;

use domain::delivery::Delivery;
use domain::health::SLOWEST;
use domain::message::Deliver;
use domain::time::Moment;
use queue::{Handled, QueueError};

use super::{Courier, Trouble};
use crate::decide::{self, Next};

/// A longer wait is spent as a delayed copy: a hidden message counts against the queue's in-flight limit.
const LONGEST_HIDING: Duration = Duration::from_secs(60);
/// From this receive on a short wait is spent as a copy too, for the queue gives a message up after 20.
const COPY_FROM: u32 = 15;
/// How much longer than the winner the loser of a race waits: longer than an attempt takes.
const STEP_ASIDE: Duration = Duration::from_secs(SLOWEST.as_secs() + 5);

impl Courier {
    /// What follows from the record, now that the attempt stands in it.
    pub(super) async fn settle(
        &self,
        message: &Deliver,
        record: &Delivery,
        raced: bool,
        receives: u32,
    ) -> Result<Handled, Trouble> {
        log(record);
        match decide::after(record, message) {
            Next::Wait(until) => {
                let until = if raced { until.plus(STEP_ASIDE) } else { until };
                Ok(self.wait(message, until, receives).await?)
            }
            Next::Bury => self.bury(message).await,
            Next::Done | Next::Attempt(_) | Next::Skip(_) => Ok(Handled::Done),
        }
    }

    /// Lets the message come again at that moment, itself or as a copy. A copy that comes early, because the
    /// queue delays none for longer than 15 minutes, is sent on in the same way.
    pub(crate) async fn wait(
        &self,
        message: &Deliver,
        until: Moment,
        receives: u32,
    ) -> Result<Handled, QueueError> {
        let left = until.since(self.ambient.now());
        if left <= LONGEST_HIDING && receives < COPY_FROM {
            return Ok(Handled::Again { after: left });
        }
        let copy = Deliver { turn: None, ..message.clone() };
        self.queues.send(std::slice::from_ref(&copy), left).await?;
        Ok(Handled::Done)
    }

    /// Gives the message to the dead-letter queue, in the round that begins when somebody moves it back.
    pub(super) async fn bury(&self, message: &Deliver) -> Result<Handled, Trouble> {
        self.queues
            .bury(&Deliver { round: message.round.saturating_add(1), turn: None, ..message.clone() })
            .await?;
        tracing::warn!(webhook = %message.webhook_id, job = %message.job_id, "a delivery is dead");
        Ok(Handled::Done)
    }
}

/// Of an attempt that went well the record tells all there is to tell.
fn log(record: &Delivery) {
    let Some(last) = record.attempts.last() else { return };
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                webhook = %record.id,
                job = %record.job_id,
                attempt = last.attempt,
                state = record.state.as_str(),
                status = last.response_status,
                class = last.error_class.as_deref(),
                duration_ms = last.duration_ms,
                "attempted"
            )
        };
    }
    if last.error.is_none() { line!(debug) } else { line!(info) }
}

//! Whose turn it is at a receiver that takes so many a second, is slow, or was never heard of. See
//! [`domain::health`] for why.

use std::time::Duration;

use domain::delivery::Delivery;
use domain::health::{Health, Subject};
use domain::message::Deliver;
use queue::Handled;
use store::Turn;

use crate::deliver::{Courier, Trouble};

/// The queue counts in seconds, so a turn may be taken up to one early.
const EARLY: Duration = Duration::from_secs(1);
/// The longest wait of who is not given a turn. Until then it is twice as long each time.
const LONGEST_WAIT: u32 = 60;

impl Courier {
    /// Lets the message pass if it may be sent now; else it comes again, or a copy does, and this is what becomes of it.
    ///
    /// A turn that is still to come is given to a copy that waits for it. A crash after the turn was taken and before
    /// the copy was sent: the message comes again and takes another turn; the first is lost.
    pub(crate) async fn in_turn(
        &self,
        message: &Deliver,
        seen: &Delivery,
        health: &Health,
        rate: Option<u32>,
        receives: u32,
    ) -> Result<Option<Handled>, Trouble> {
        let Some(pace) = health.pace(rate) else { return Ok(None) };
        let now = self.ambient.now();
        if let Some(turn) =
            message.turn.filter(|turn| seen.attempts.last().is_none_or(|last| last.sent_at < *turn))
        {
            if turn <= now.plus(EARLY) {
                return Ok(None);
            }
            self.queues.send(std::slice::from_ref(message), turn.since(now)).await?;
            return Ok(Some(Handled::Done));
        }
        let subject = Subject::of(message);
        match self.store.take_turn(&subject, health.turn, pace, now).await? {
            Turn::Now => Ok(None),
            Turn::At(turn) => {
                let copy = Deliver { turn: Some(turn), ..message.clone() };
                self.queues.send(std::slice::from_ref(&copy), turn.since(now)).await?;
                Ok(Some(Handled::Done))
            }
            Turn::Later => {
                let longest = 2u32.saturating_pow(receives.saturating_sub(1)).clamp(1, LONGEST_WAIT);
                let half = u64::from(longest) * 500;
                let wait = Duration::from_millis(half + self.ambient.entropy().number() % half.max(1));
                Ok(Some(self.wait(message, now.plus(wait), receives).await?))
            }
        }
    }
}

//! What the record says is to be done, and what the record becomes. Nothing here waits or calls anybody.

use std::cmp::Ordering;

use courier::{Outcome, Verdict};
use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::event::EventType;
use domain::message::Deliver;
use domain::steps::Steps;
use domain::time::Moment;

/// What is to be done about a message now.
#[derive(Debug, PartialEq)]
pub(crate) enum Next {
    /// Send it; this is the record to write the attempt into.
    Attempt(Box<Delivery>),
    /// It has been tried; the next attempt is due then.
    Wait(Moment),
    /// Its receiver is switched off: this record says so.
    Skip(Box<Delivery>),
    /// All attempts have failed: it belongs into the dead-letter queue.
    Bury,
    /// Nothing.
    Done,
}

/// The schedule of an attempt, and the moment and dice that it is counted from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) steps: &'a Steps,
    pub(crate) now: Moment,
    pub(crate) dice: u64,
}

/// What the record says about the message. A message of a later round than the record's begins that round; one of
/// an earlier round has nothing to say any more. With a reason why nothing goes to its receiver, what is still to be
/// sent is kept and not sent.
pub(crate) fn consider(
    found: Option<Delivery>,
    message: &Deliver,
    event: EventType,
    off: Option<&str>,
    now: Moment,
) -> Next {
    let base = base(found, message, event, now);
    match (after(&base, message), off) {
        (Next::Wait(_), Some(why)) => Next::Skip(Box::new(base.skipped(why, now))),
        (Next::Wait(until), None) if until <= now => Next::Attempt(Box::new(base)),
        (next, _) => next,
    }
}

/// What the record says about the message once an attempt has been written into it.
pub(crate) fn after(record: &Delivery, message: &Deliver) -> Next {
    match (record.round.cmp(&message.round), record.state) {
        (Ordering::Greater, _) | (_, DeliveryState::Delivered | DeliveryState::Skipped) => Next::Done,
        (_, DeliveryState::Dead) => Next::Bury,
        (_, DeliveryState::Pending | DeliveryState::Retrying) => {
            Next::Wait(record.next_attempt_at.unwrap_or(record.created_at))
        }
    }
}

/// The record after the attempt that was made on the strength of `seen`.
pub(crate) fn record(seen: &Delivery, outcome: &Outcome, plan: Plan<'_>) -> Delivery {
    let mut attempt = outcome.attempt.clone();
    let state = match outcome.verdict {
        Verdict::Taken => DeliveryState::Delivered,
        Verdict::Gone => DeliveryState::Dead,
        Verdict::Failed { asked } => {
            match plan.steps.after(seen.round_attempts.saturating_add(1), asked, plan.dice) {
                Some(wait) => {
                    attempt.next_attempt_at = Some(plan.now.plus(wait));
                    DeliveryState::Retrying
                }
                None => DeliveryState::Dead,
            }
        }
    };
    seen.attempted(attempt, state)
}

/// The record after an attempt that somebody else's attempt has overtaken: `found` is not what it was made on.
///
/// The attempt gets the next number. A success settles the delivery, whoever made it. A failure changes no plan
/// that stands: two copies of a message that run side by side shall not use up the steps twice as fast.
pub(crate) fn amend(
    found: Option<Delivery>,
    message: &Deliver,
    event: EventType,
    outcome: &Outcome,
    plan: Plan<'_>,
) -> Delivery {
    let current = base(found, message, event, plan.now);
    let state = match (current.state, outcome.verdict) {
        (DeliveryState::Pending, _) => return record(&current, outcome, plan),
        (DeliveryState::Retrying | DeliveryState::Dead, Verdict::Taken) => DeliveryState::Delivered,
        (DeliveryState::Retrying, Verdict::Gone) => DeliveryState::Dead,
        (state, _) => state,
    };
    let next_attempt_at = current.next_attempt_at.filter(|_| state == DeliveryState::Retrying);
    let attempt = DeliveryAttempt { next_attempt_at, ..outcome.attempt.clone() };
    Delivery { round_attempts: current.round_attempts, ..current.attempted(attempt, state) }
}

/// The record that the message speaks of: the one there is, in the message's round, or a new one.
fn base(found: Option<Delivery>, message: &Deliver, event: EventType, now: Moment) -> Delivery {
    match found {
        None => Delivery::new(message, event, now),
        Some(found) if found.round < message.round => Delivery {
            state: DeliveryState::Pending,
            round: message.round,
            round_attempts: 0,
            next_attempt_at: None,
            skipped: None,
            url: message.url.clone(),
            ..found
        },
        // An endpoint may have moved since.
        Some(found) => Delivery { url: message.url.clone(), ..found },
    }
}

#[cfg(test)]
mod tests;

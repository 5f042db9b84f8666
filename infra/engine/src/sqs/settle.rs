//! What a receiver does with a message in its hands: delete it, or change how long it stays hidden.

use rusqlite::{OptionalExtension, Transaction, params};

use super::fault::Fault;
use super::message::{Handle, out_of_range};
use super::store::{Queues, Shelf};

/// The longest a message may be hidden, 12 hours.
const LONGEST: i64 = 43_200_000;

/// Only the newest receive of a message holds it.
const DELETE: &str = "DELETE FROM message WHERE seq = ?1 AND queue = ?2 AND id = ?3 AND received = ?4";
const LOOK: &str = "SELECT visible_at, received FROM message WHERE seq = ?1 AND queue = ?2 AND id = ?3";
const HIDE: &str = "UPDATE message SET visible_at = ?2 WHERE seq = ?1";

impl Queues {
    /// Deletes by receipt handle, all in one transaction, and answers for each handle.
    ///
    /// A message that is gone is no error, and neither is the handle of an earlier receive: as SQS
    /// documents it, that request succeeds, and the message stays.
    pub(crate) fn delete(&self, name: &str, handles: &[String]) -> Result<Vec<Result<(), Fault>>, Fault> {
        let mut shelf = self.shelf();
        let Shelf { db, queues } = &mut *shelf;
        let queue = queues.get_mut(name).ok_or(Fault::NoQueue)?;
        let transaction = if handles.len() > 1 { Some(db.unchecked_transaction()?) } else { None };
        let mut answers = Vec::with_capacity(handles.len());
        let mut gone = 0;
        for handle in handles {
            let answer = match Handle::read(handle) {
                Ok(handle) if handle.queue == queue.id => {
                    let key = params![handle.seq, queue.id, handle.id.as_bytes(), handle.received];
                    gone += db.prepare_cached(DELETE)?.execute(key)?;
                    Ok(())
                }
                _ => Err(Fault::BadHandle),
            };
            answers.push(answer);
        }
        transaction.map_or(Ok(()), Transaction::commit)?;
        queue.depth -= i64::try_from(gone).unwrap_or(0);
        Ok(answers)
    }

    /// Hides the message of a receipt handle for `timeout` milliseconds from now.
    pub(crate) fn change_visibility(&self, name: &str, handle: &str, timeout: i64) -> Result<(), Fault> {
        if !(0..=LONGEST).contains(&timeout) {
            return Err(out_of_range("VisibilityTimeout", timeout / 1000, "0 and 43200"));
        }
        let now = self.now();
        let shelf = self.shelf();
        let queue = shelf.queue(name)?;
        let handle =
            Handle::read(handle).ok().filter(|handle| handle.queue == queue.id).ok_or(Fault::BadHandle)?;
        let mut look = shelf.db.prepare_cached(LOOK)?;
        let key = params![handle.seq, queue.id, handle.id.as_bytes()];
        let found: Option<(i64, i64)> =
            look.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        match found {
            Some((visible_at, received)) if received == handle.received && visible_at > now => {}
            Some((_, received)) if received == handle.received => return Err(Fault::NotInFlight),
            _ => {
                return Err(Fault::Invalid(
                    "Value for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not \
                     available for visibility timeout change."
                        .to_owned(),
                ));
            }
        }
        shelf.db.prepare_cached(HIDE)?.execute(params![handle.seq, now + timeout])?;
        drop(look);
        drop(shelf);
        self.wakes.ring(name);
        Ok(())
    }
}

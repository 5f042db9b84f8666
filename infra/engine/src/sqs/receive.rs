//! Messages out: which are due, which have been received too often, which have grown too old.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::fair;
use super::fault::Fault;
use super::message::{Extra, Handle, Received};
use super::store::{Queue, Queues, Shelf};
use super::wake::QueueWake;

/// How many messages one receive may bury or throw away before it answers with what it has.
const HOUSEKEEPING: usize = 1000;

const CLAIM: &str = "UPDATE message SET visible_at = ?2, claimed = 1, received = received + 1,
            first_received = coalesce(first_received, ?3)
     WHERE seq = ?1 RETURNING id, received, first_received, sent, tenant, source, extra, body";
const BURY: &str = "UPDATE message SET queue = ?2, visible_at = ?3, source = ?4 WHERE seq = ?1";
const DISCARD: &str = "DELETE FROM message WHERE seq = ?1";
/// Who was last visible before the retention began was sent before it, too. A range of the index.
const EXPIRE: &str = "DELETE FROM message WHERE queue = ?1 AND visible_at <= ?2";

/// A message that is due, before anything is done about it.
pub(crate) struct Due {
    pub(crate) seq: i64,
    pub(crate) received: i64,
    pub(crate) sent: i64,
    pub(crate) tenant: Option<String>,
}

impl Queues {
    /// Receives up to `max` messages and hides them for `visibility` milliseconds.
    pub(crate) fn receive(
        &self,
        name: &str,
        max: usize,
        visibility: Option<i64>,
    ) -> Result<Vec<Received>, Fault> {
        let now = self.now();
        let mut shelf = self.shelf();
        let round = receive(&mut shelf, name, max, visibility, now)?;
        drop(shelf);
        if let Some(target) = round.buried_in {
            self.wakes.ring(&target);
        }
        Ok(round.received)
    }

    /// The same, waiting up to `wait` for a message.
    pub(crate) async fn receive_within(
        self: &Arc<Self>,
        name: &str,
        max: usize,
        visibility: Option<i64>,
        wait: Duration,
    ) -> Result<Vec<Received>, Fault> {
        let deadline = tokio::time::Instant::now() + wait;
        let wake = QueueWake { queues: Arc::clone(self), name: name.to_owned() };
        loop {
            let received = self.receive(name, max, visibility)?;
            if !received.is_empty() || tokio::time::timeout_at(deadline, wake.due()).await.is_err() {
                return Ok(received);
            }
        }
    }

    /// When the next message of a queue is or becomes visible; none if it is empty or not there.
    pub(crate) fn next_visible_at(&self, name: &str) -> Option<i64> {
        let shelf = self.shelf();
        let id = shelf.queues.get(name)?.id;
        let next = "SELECT visible_at FROM message WHERE queue = ?1 ORDER BY visible_at LIMIT 1";
        shelf.db.prepare_cached(next).and_then(|mut next| next.query_row([id], |row| row.get(0))).ok()
    }
}

/// What a receive did.
struct Round {
    received: Vec<Received>,
    buried_in: Option<String>,
}

fn receive(
    shelf: &mut Shelf,
    name: &str,
    max: usize,
    visibility: Option<i64>,
    now: i64,
) -> Result<Round, Fault> {
    let queue = shelf.queue(name)?;
    let (id, settings, mut turn) = (queue.id, queue.settings.clone(), queue.turn.clone());
    // A policy that points nowhere buries nothing.
    let grave = settings.redrive.as_ref().and_then(|redrive| {
        let target = shelf.queues.get(&redrive.target)?;
        Some((redrive.target.clone(), target.id, redrive.max_receive_count))
    });
    let hidden_until = now + visibility.unwrap_or(settings.visibility);

    let transaction = shelf.db.unchecked_transaction()?;
    let mut gone = transaction.prepare_cached(EXPIRE)?.execute(params![id, now - settings.retention])?;
    let (mut received, mut buried) = (Vec::new(), 0);
    let mut housekeeping = 0;
    while received.len() < max && housekeeping < HOUSEKEEPING {
        let due = fair::due(&transaction, id, now, max - received.len(), &mut turn)?;
        if due.is_empty() {
            break;
        }
        for message in due {
            match &grave {
                _ if message.sent <= now - settings.retention => {
                    gone += transaction.prepare_cached(DISCARD)?.execute([message.seq])?;
                    housekeeping += 1;
                }
                Some((_, target, max_receive_count)) if message.received >= *max_receive_count => {
                    transaction.prepare_cached(BURY)?.execute(params![message.seq, target, now, id])?;
                    buried += 1;
                    housekeeping += 1;
                }
                _ => received.push(claim(&transaction, id, &message, hidden_until, now)?),
            }
        }
        // With no visibility timeout a message stays due: it is not to be given twice in one answer.
        if hidden_until <= now && !received.is_empty() {
            break;
        }
    }
    transaction.commit()?;

    let mut named = Vec::with_capacity(received.len());
    for (message, source) in received {
        let source = source.and_then(|source| shelf.name_of(source)).map(str::to_owned);
        named.push(Received { source, ..message });
    }
    let lost = i64::try_from(gone).unwrap_or(0) + buried;
    if let Some(queue) = shelf.queues.get_mut(name) {
        queue.depth -= lost;
        queue.turn = turn;
    }
    let buried_in = grave.filter(|_| buried > 0).map(|(target, ..)| target);
    if let Some(target) = &buried_in {
        shelf.count(target, buried);
    }
    Ok(Round { received: named, buried_in })
}

fn claim(
    db: &Connection,
    queue: i64,
    message: &Due,
    hidden_until: i64,
    now: i64,
) -> Result<(Received, Option<i64>), Fault> {
    let read = |row: &Row<'_>| -> rusqlite::Result<(Received, Option<i64>, Option<String>)> {
        let id = Uuid::from_bytes(row.get(0)?);
        let count = row.get(1)?;
        let received = Received {
            id,
            handle: Handle { queue, seq: message.seq, received: count, id }.write(),
            count,
            first_received: row.get(2)?,
            sent: row.get(3)?,
            group: row.get(4)?,
            source: None,
            extra: Extra::default(),
            body: row.get(7)?,
        };
        Ok((received, row.get(5)?, row.get(6)?))
    };
    let (mut received, source, extra) =
        db.prepare_cached(CLAIM)?.query_row(params![message.seq, hidden_until, now], read)?;
    if let Some(extra) = extra {
        received.extra = serde_json::from_str(&extra)?;
    }
    Ok((received, source))
}

impl Queue {
    /// Throws away what has outlived the queue's retention, as far as the index tells.
    pub(crate) fn expire(&mut self, db: &Connection, now: i64) -> Result<(), Fault> {
        let gone = db.prepare_cached(EXPIRE)?.execute(params![self.id, now - self.settings.retention])?;
        self.depth -= i64::try_from(gone).unwrap_or(0);
        Ok(())
    }
}

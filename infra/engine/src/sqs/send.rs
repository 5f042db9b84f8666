//! Messages in.

use rusqlite::{Connection, Transaction, params};

use super::fault::Fault;
use super::message::{Outgoing, Sent, md5_of_attributes, md5_of_text};
use super::store::{Queue, Queues, Shelf, fresh_id};

const INSERT: &str =
    "INSERT INTO message(queue, visible_at, claimed, received, sent, id, tenant, extra, body)
     VALUES (?1, ?2, 0, 0, ?3, ?4, ?5, ?6, ?7)";

impl Queues {
    /// Sends each message that may be sent, all in one transaction, and answers for each.
    pub(crate) fn send(&self, name: &str, messages: &[Outgoing]) -> Result<Vec<Result<Sent, Fault>>, Fault> {
        let answers = send(&mut self.shelf(), name, messages, self.now())?;
        self.wakes.ring(name);
        Ok(answers)
    }
}

fn send(
    shelf: &mut Shelf,
    name: &str,
    messages: &[Outgoing],
    now: i64,
) -> Result<Vec<Result<Sent, Fault>>, Fault> {
    let Shelf { db, queues } = shelf;
    let queue = queues.get_mut(name).ok_or(Fault::NoQueue)?;
    // One statement is a transaction of its own.
    let transaction = if messages.len() > 1 { Some(db.unchecked_transaction()?) } else { None };
    let mut answers = Vec::with_capacity(messages.len());
    let mut stored = 0;
    for message in messages {
        let answer = match message.check(queue.settings.max_bytes) {
            Ok(()) => {
                stored += 1;
                Ok(insert(db, queue, message, now)?)
            }
            Err(fault) => Err(fault),
        };
        answers.push(answer);
    }
    transaction.map_or(Ok(()), Transaction::commit)?;
    queue.depth += stored;
    Ok(answers)
}

fn insert(db: &Connection, queue: &Queue, message: &Outgoing, now: i64) -> Result<Sent, Fault> {
    let id = fresh_id()?;
    let extra = if message.extra.attributes.is_empty() && message.extra.trace.is_none() {
        None
    } else {
        Some(serde_json::to_string(&message.extra)?)
    };
    let visible_at = now + message.delay.unwrap_or(queue.settings.delay);
    db.prepare_cached(INSERT)?.execute(params![
        queue.id,
        visible_at,
        now,
        id.as_bytes(),
        message.group,
        extra,
        message.body
    ])?;
    Ok(Sent {
        id,
        body_md5: md5_of_text(&message.body),
        attributes_md5: md5_of_attributes(&message.extra.attributes),
    })
}

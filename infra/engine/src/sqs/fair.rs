//! Which of the messages that are due go first.
//!
//! The oldest, unless their message group is noisy: then groups with little in flight go before it, as in
//! SQS's fair queues. Nobody waits for nothing: what room is left is filled with the noisy group's messages.

use std::collections::HashMap;

use rusqlite::{Connection, Row, params};

use super::fault::Fault;
use super::receive::Due;

/// A group with so many messages in flight is noisy.
const NOISY: i64 = 10;
/// How many groups one receive looks at in search of quiet ones. Bounds its cost.
const GROUPS: usize = 12;

const OLDEST: &str = "SELECT seq, received, sent, tenant FROM message
     WHERE queue = ?1 AND visible_at <= ?2 ORDER BY visible_at, claimed, seq LIMIT ?3";
const OLDEST_OF_GROUP: &str = "SELECT seq, received, sent, tenant FROM message
     WHERE queue = ?1 AND tenant = ?2 AND claimed = ?3 AND visible_at <= ?4 ORDER BY visible_at LIMIT ?5";
const IN_FLIGHT: &str = "SELECT count(*) FROM (SELECT 1 FROM message
     WHERE queue = ?1 AND tenant = ?2 AND claimed = 1 AND visible_at > ?3 LIMIT ?4)";
const NEXT_GROUP: &str = "SELECT tenant FROM message
     WHERE queue = ?1 AND tenant > ?2 ORDER BY tenant LIMIT 1";

/// Up to `max` messages that are due. `turn` is the group at which the search for quiet ones goes on.
pub(crate) fn due(
    db: &Connection,
    queue: i64,
    now: i64,
    max: usize,
    turn: &mut String,
) -> Result<Vec<Due>, Fault> {
    let mut oldest = collect(db, OLDEST, params![queue, now, limit(max + 1)])?;
    // Who takes all there is need not choose.
    if oldest.len() <= max {
        return Ok(oldest);
    }
    oldest.truncate(max);
    let mut groups = Groups { db, queue, now, in_flight: HashMap::new() };
    let mut noisy = false;
    for message in &oldest {
        if let Some(tenant) = &message.tenant {
            noisy |= groups.is_noisy(tenant)?;
        }
    }
    if !noisy {
        return Ok(oldest);
    }

    let mut chosen = groups.quiet(max, turn)?;
    // Messages without a group belong to nobody noisy.
    let (first, last): (Vec<_>, Vec<_>) = oldest.into_iter().partition(|message| message.tenant.is_none());
    for message in first.into_iter().chain(last) {
        if chosen.len() < max && chosen.iter().all(|taken: &Due| taken.seq != message.seq) {
            chosen.push(message);
        }
    }
    Ok(chosen)
}

struct Groups<'a> {
    db: &'a Connection,
    queue: i64,
    now: i64,
    in_flight: HashMap<String, i64>,
}

impl Groups<'_> {
    fn is_noisy(&mut self, tenant: &str) -> Result<bool, Fault> {
        if let Some(count) = self.in_flight.get(tenant) {
            return Ok(*count >= NOISY);
        }
        let mut count = self.db.prepare_cached(IN_FLIGHT)?;
        let count: i64 = count.query_row(params![self.queue, tenant, self.now, NOISY], |row| row.get(0))?;
        self.in_flight.insert(tenant.to_owned(), count);
        Ok(count >= NOISY)
    }

    /// The oldest messages of quiet groups, going round from `turn`.
    fn quiet(&mut self, max: usize, turn: &mut String) -> Result<Vec<Due>, Fault> {
        let mut chosen = Vec::new();
        let started = turn.clone();
        let mut wrapped = false;
        for _ in 0..GROUPS {
            match self.after(turn)? {
                Some(tenant) => *turn = tenant,
                None if wrapped => break,
                None => {
                    wrapped = true;
                    turn.clear();
                    continue;
                }
            }
            if !self.is_noisy(turn)? {
                for claimed in [1, 0] {
                    let room = limit(max - chosen.len());
                    let of_group = params![self.queue, *turn, claimed, self.now, room];
                    chosen.extend(collect(self.db, OLDEST_OF_GROUP, of_group)?);
                }
            }
            if chosen.len() >= max || (wrapped && *turn >= started) {
                break;
            }
        }
        Ok(chosen)
    }

    fn after(&self, tenant: &str) -> Result<Option<String>, Fault> {
        let mut next = self.db.prepare_cached(NEXT_GROUP)?;
        let mut rows = next.query(params![self.queue, tenant])?;
        Ok(match rows.next()? {
            Some(row) => Some(row.get(0)?),
            None => None,
        })
    }
}

fn collect(db: &Connection, sql: &str, params: &[&dyn rusqlite::ToSql]) -> Result<Vec<Due>, Fault> {
    let read = |row: &Row<'_>| {
        Ok(Due { seq: row.get(0)?, received: row.get(1)?, sent: row.get(2)?, tenant: row.get(3)? })
    };
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params, read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn limit(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! Queues: made, changed, described, emptied, deleted.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

use super::fault::Fault;
use super::settings::{Settings, shown};
use super::store::{Queue, Queues, Shelf};

const HIDDEN: &str =
    "SELECT count(*), coalesce(sum(claimed), 0) FROM message WHERE queue = ?1 AND visible_at > ?2";

/// How many messages a queue holds, by what they wait for. Exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// To be received now.
    pub visible: i64,
    /// Received and neither deleted nor visible again.
    pub in_flight: i64,
    /// Sent with a delay that is not over.
    pub delayed: i64,
}

impl Queues {
    /// Makes a queue; one that is there already must not differ in what is asked for.
    pub(crate) fn create(
        &self,
        name: &str,
        attributes: BTreeMap<String, String>,
        tags: BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        check_name(name)?;
        let attributes = without_empty(attributes);
        let settings = Settings::read(&attributes)?;
        let now = self.now();
        let mut shelf = self.shelf();
        if let Some(there) = shelf.queues.get(name) {
            let there = shown(&there.attributes);
            let differs = attributes.into_iter().find(|(key, value)| there.get(key) != Some(value));
            return differs.map_or(Ok(()), |(key, _)| Err(Fault::QueueExists(key)));
        }
        shelf.db.execute(
            "INSERT INTO queue(name, attributes, tags, created, modified) VALUES (?1, ?2, ?3, ?4, ?4)",
            params![name, serde_json::to_string(&attributes)?, serde_json::to_string(&tags)?, now],
        )?;
        let queue = Queue {
            id: shelf.db.last_insert_rowid(),
            attributes,
            tags,
            settings,
            created: now,
            modified: now,
            depth: 0,
            turn: String::new(),
        };
        shelf.queues.insert(name.to_owned(), queue);
        Ok(())
    }

    pub(crate) fn drop_queue(&self, name: &str) -> Result<(), Fault> {
        let mut shelf = self.shelf();
        let id = shelf.queue(name)?.id;
        let transaction = shelf.db.unchecked_transaction()?;
        transaction.execute("DELETE FROM message WHERE queue = ?1", [id])?;
        transaction.execute("DELETE FROM queue WHERE id = ?1", [id])?;
        transaction.commit()?;
        shelf.queues.remove(name);
        Ok(())
    }

    pub(crate) fn purge(&self, name: &str) -> Result<(), Fault> {
        let mut shelf = self.shelf();
        let id = shelf.queue(name)?.id;
        shelf.db.execute("DELETE FROM message WHERE queue = ?1", [id])?;
        if let Some(queue) = shelf.queues.get_mut(name) {
            queue.depth = 0;
        }
        Ok(())
    }

    pub(crate) fn set_attributes(&self, name: &str, changes: BTreeMap<String, String>) -> Result<(), Fault> {
        self.change(name, |queue| {
            let mut attributes = queue.attributes.clone();
            attributes.extend(changes);
            let attributes = without_empty(attributes);
            queue.settings = Settings::read(&attributes)?;
            queue.attributes = attributes;
            Ok(())
        })
    }

    /// Adds and removes tags.
    pub(crate) fn tag(
        &self,
        name: &str,
        add: BTreeMap<String, String>,
        remove: &[String],
    ) -> Result<(), Fault> {
        self.change(name, |queue| {
            queue.tags.extend(add);
            queue.tags.retain(|key, _| !remove.contains(key));
            Ok(())
        })
    }

    pub(crate) fn tags(&self, name: &str) -> Result<BTreeMap<String, String>, Fault> {
        Ok(self.shelf().queue(name)?.tags.clone())
    }

    /// Names in order, of those that begin with `prefix`.
    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        let shelf = self.shelf();
        let mut names: Vec<_> =
            shelf.queues.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.sort();
        names
    }

    /// The queues whose redrive policy points at this one.
    pub(crate) fn sources_of(&self, name: &str) -> Result<Vec<String>, Fault> {
        let shelf = self.shelf();
        shelf.queue(name)?;
        Ok(shelf.sources_of(name))
    }

    pub(crate) fn depth(&self, name: &str) -> Result<Depth, Fault> {
        let now = self.now();
        let mut shelf = self.shelf();
        let Shelf { db, queues } = &mut *shelf;
        let queue = queues.get_mut(name).ok_or(Fault::NoQueue)?;
        queue.expire(db, now)?;
        depth(db, queue, now)
    }

    /// Every attribute; `arn` is the queue's, which only the wire knows how to write.
    pub(crate) fn attributes(&self, name: &str, arn: String) -> Result<BTreeMap<String, String>, Fault> {
        let depth = self.depth(name)?;
        let shelf = self.shelf();
        let queue = shelf.queue(name)?;
        let mut all = shown(&queue.attributes);
        for (key, value) in [
            ("ApproximateNumberOfMessages", depth.visible),
            ("ApproximateNumberOfMessagesNotVisible", depth.in_flight),
            ("ApproximateNumberOfMessagesDelayed", depth.delayed),
            ("CreatedTimestamp", queue.created / 1000),
            ("LastModifiedTimestamp", queue.modified / 1000),
        ] {
            all.insert(key.to_owned(), value.to_string());
        }
        all.insert("QueueArn".to_owned(), arn);
        Ok(all)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Queue) -> Result<(), Fault>) -> Result<(), Fault> {
        let now = self.now();
        let mut shelf = self.shelf();
        let Shelf { db, queues } = &mut *shelf;
        let queue = queues.get_mut(name).ok_or(Fault::NoQueue)?;
        change(queue)?;
        queue.modified = now;
        db.execute(
            "UPDATE queue SET attributes = ?2, tags = ?3, modified = ?4 WHERE id = ?1",
            params![
                queue.id,
                serde_json::to_string(&queue.attributes)?,
                serde_json::to_string(&queue.tags)?,
                now
            ],
        )?;
        Ok(())
    }
}

impl Shelf {
    pub(crate) fn sources_of(&self, name: &str) -> Vec<String> {
        let points_here = |queue: &Queue| queue.settings.redrive.as_ref().is_some_and(|to| to.target == name);
        let mut sources: Vec<_> = self
            .queues
            .iter()
            .filter(|(_, queue)| points_here(queue))
            .map(|(name, _)| name.clone())
            .collect();
        sources.sort();
        sources
    }
}

/// Counts only what is hidden, in the index; the rest is known.
pub(crate) fn depth(db: &Connection, queue: &Queue, now: i64) -> Result<Depth, Fault> {
    let mut count = db.prepare_cached(HIDDEN)?;
    let (hidden, in_flight): (i64, i64) =
        count.query_row(params![queue.id, now], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Depth { visible: queue.depth - hidden, in_flight, delayed: hidden - in_flight })
}

fn check_name(name: &str) -> Result<(), Fault> {
    if name.ends_with(".fifo") {
        return Err(Fault::Unsupported("This engine has standard queues only.".to_owned()));
    }
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=80).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(Fault::Invalid(
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length".to_owned(),
    ))
}

/// An empty value takes an attribute away.
fn without_empty(mut attributes: BTreeMap<String, String>) -> BTreeMap<String, String> {
    attributes.retain(|_, value| !value.is_empty());
    attributes
}

//! Move tasks: a dead-letter queue's messages back to where they came from, or elsewhere.

use std::sync::Arc;
use std::time::Duration;

use rusqlite::{OptionalExtension, Row, params};

use super::admin::depth;
use super::fault::Fault;
use super::store::{Queues, Shelf, fresh_id};

/// How many messages move under one hold of the lock.
const CHUNK: i64 = 500;

const NEXT: &str = "SELECT seq, source FROM message WHERE queue = ?1 AND visible_at <= ?2
     ORDER BY visible_at, claimed, seq LIMIT ?3";
/// A message moved is a new one: its id, its age and its receives begin again.
const MOVE: &str =
    "UPDATE message SET queue = ?2, visible_at = ?3, sent = ?3, id = ?4, claimed = 0, received = 0,
     first_received = NULL, source = NULL WHERE seq = ?1";

/// A move task as it stands.
#[derive(Clone, Debug)]
pub(crate) struct MoveTask {
    pub(crate) handle: String,
    pub(crate) source: String,
    pub(crate) destination: Option<String>,
    pub(crate) rate: Option<i64>,
    pub(crate) status: String,
    pub(crate) reason: Option<String>,
    pub(crate) started: i64,
    pub(crate) moved: i64,
    pub(crate) total: i64,
}

impl Queues {
    /// Begins to move. What fits into one step is moved when this returns; a task of its own does the rest.
    pub(crate) fn start_move(
        self: &Arc<Self>,
        source: &str,
        destination: Option<&str>,
        rate: Option<i64>,
    ) -> Result<String, Fault> {
        if rate.is_some_and(|rate| !(1..=500).contains(&rate)) {
            return Err(Fault::Invalid("MaxNumberOfMessagesPerSecond must be between 1 and 500.".to_owned()));
        }
        let now = self.now();
        let shelf = self.shelf();
        let missing = |_| Fault::NoResource("The resource that you specified doesn't exist.".to_owned());
        let queue = shelf.queue(source).map_err(missing)?;
        if let Some(destination) = destination {
            shelf.queue(destination).map_err(missing)?;
        }
        if shelf.sources_of(source).is_empty() {
            return Err(Fault::Invalid("Source queue must be configured as a Dead Letter Queue.".to_owned()));
        }
        let running = "SELECT 1 FROM move_task WHERE source = ?1 AND status IN ('RUNNING', 'CANCELLING')";
        if shelf.db.query_row(running, [source], |_| Ok(())).optional()?.is_some() {
            return Err(Fault::Unsupported("There is already a task running.".to_owned()));
        }
        let handle = fresh_id()?.simple().to_string();
        shelf.db.execute(
            "INSERT INTO move_task VALUES (?1, ?2, ?3, ?4, 'RUNNING', NULL, ?5, 0, ?6)",
            params![handle, source, destination, rate, now, depth(&shelf.db, queue, now)?.visible],
        )?;
        drop(shelf);
        if !self.move_some(&handle)? {
            let (queues, handle) = (Arc::clone(self), handle.clone());
            tokio::spawn(async move { queues.move_rest(&handle).await });
        }
        Ok(handle)
    }

    pub(crate) fn cancel_move(&self, handle: &str) -> Result<i64, Fault> {
        let shelf = self.shelf();
        let gone =
            || Fault::NoResource("The task handle is not valid or the task is not running.".to_owned());
        let task = task(&shelf, handle)?.filter(|task| task.status == "RUNNING").ok_or_else(gone)?;
        shelf.db.execute("UPDATE move_task SET status = 'CANCELLED' WHERE handle = ?1", [handle])?;
        Ok(task.moved)
    }

    /// The newest tasks of a source queue.
    pub(crate) fn moves(&self, source: &str, max: i64) -> Result<Vec<MoveTask>, Fault> {
        let shelf = self.shelf();
        let mut read = shelf.db.prepare_cached(
            "SELECT * FROM move_task WHERE source = ?1 ORDER BY started DESC, rowid DESC LIMIT ?2",
        )?;
        let tasks = read.query_map(params![source, max], read_task)?;
        Ok(tasks.collect::<Result<_, _>>()?)
    }

    async fn move_rest(self: Arc<Self>, handle: &str) {
        loop {
            // A rate is a second's worth at a time; without one, others get their turn in between.
            let rated =
                task(&self.shelf(), handle).is_ok_and(|task| task.is_some_and(|task| task.rate.is_some()));
            tokio::time::sleep(if rated { Duration::from_secs(1) } else { Duration::from_millis(1) }).await;
            match self.move_some(handle) {
                Ok(true) => return,
                Ok(false) => {}
                Err(fault) => {
                    tracing::error!(handle, error = &fault as &dyn std::error::Error, "move task failed");
                    return;
                }
            }
        }
    }

    /// Moves a chunk and says whether the task is over.
    fn move_some(&self, handle: &str) -> Result<bool, Fault> {
        let now = self.now();
        let mut shelf = self.shelf();
        let Some(mut task) = task(&shelf, handle)?.filter(|task| task.status == "RUNNING") else {
            return Ok(true);
        };
        let Ok(source) = shelf.queue(&task.source).map(|queue| queue.id) else { return Ok(true) };
        let left = (task.total - task.moved).max(0);
        let wanted = CHUNK.min(task.rate.unwrap_or(CHUNK)).min(left);
        let transaction = shelf.db.unchecked_transaction()?;
        let batch: Vec<(i64, Option<i64>)> = transaction
            .prepare_cached(NEXT)?
            .query_map(params![source, now, wanted], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut arrived: Vec<String> = Vec::new();
        for (seq, origin) in &batch {
            let to = match &task.destination {
                Some(destination) => Some(destination.as_str()),
                None => origin.and_then(|origin| shelf.name_of(origin)),
            };
            let Some((to, id)) = to.and_then(|to| Some((to, shelf.queues.get(to)?.id))) else {
                task.status = "FAILED".to_owned();
                task.reason = Some("CouldNotDetermineMessageSource".to_owned());
                break;
            };
            transaction.prepare_cached(MOVE)?.execute(params![seq, id, now, fresh_id()?.as_bytes()])?;
            arrived.push(to.to_owned());
        }
        let moved = i64::try_from(arrived.len()).unwrap_or(0);
        task.moved += moved;
        if task.status == "RUNNING" && (moved == left || moved < wanted) {
            task.status = "COMPLETED".to_owned();
        }
        transaction.execute(
            "UPDATE move_task SET status = ?2, reason = ?3, moved = ?4 WHERE handle = ?1",
            params![handle, task.status, task.reason, task.moved],
        )?;
        transaction.commit()?;
        shelf.count(&task.source, -moved);
        for to in &arrived {
            shelf.count(to, 1);
        }
        drop(shelf);
        arrived.dedup();
        arrived.iter().for_each(|to| self.wakes.ring(to));
        Ok(task.status != "RUNNING")
    }
}

fn task(shelf: &Shelf, handle: &str) -> Result<Option<MoveTask>, Fault> {
    let mut read = shelf.db.prepare_cached("SELECT * FROM move_task WHERE handle = ?1")?;
    Ok(read.query_row([handle], read_task).optional()?)
}

fn read_task(row: &Row<'_>) -> rusqlite::Result<MoveTask> {
    Ok(MoveTask {
        handle: row.get(0)?,
        source: row.get(1)?,
        destination: row.get(2)?,
        rate: row.get(3)?,
        status: row.get(4)?,
        reason: row.get(5)?,
        started: row.get(6)?,
        moved: row.get(7)?,
        total: row.get(8)?,
    })
}

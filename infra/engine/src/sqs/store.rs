//! The file the queues live in, and the table of queues kept in memory beside it.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::time::Clock;
use rusqlite::{Connection, params};
use uuid::{Builder, Uuid};

use super::fault::Fault;
use super::settings::Settings;
use super::wake::Wakes;

const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS queue(
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, attributes TEXT NOT NULL,
        tags TEXT NOT NULL, created INTEGER NOT NULL, modified INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS message(
        seq INTEGER PRIMARY KEY, queue INTEGER NOT NULL, visible_at INTEGER NOT NULL,
        claimed INTEGER NOT NULL, received INTEGER NOT NULL, first_received INTEGER,
        sent INTEGER NOT NULL, id BLOB NOT NULL, tenant TEXT, source INTEGER, extra TEXT,
        body TEXT NOT NULL) STRICT;
    -- What is due next, and, without touching a row, how many are hidden.
    CREATE INDEX IF NOT EXISTS message_due ON message(queue, visible_at, claimed);
    -- The same for one message group, for the fair share of each.
    CREATE INDEX IF NOT EXISTS message_tenant ON message(queue, tenant, claimed, visible_at)
        WHERE tenant IS NOT NULL;
    CREATE TABLE IF NOT EXISTS move_task(
        handle TEXT PRIMARY KEY, source TEXT NOT NULL, destination TEXT, rate INTEGER,
        status TEXT NOT NULL, reason TEXT, started INTEGER NOT NULL, moved INTEGER NOT NULL,
        total INTEGER NOT NULL) STRICT;
    CREATE TABLE IF NOT EXISTS kept(name TEXT PRIMARY KEY, content TEXT NOT NULL) STRICT;
";

/// A queue as it stands in memory.
pub(crate) struct Queue {
    pub(crate) id: i64,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) settings: Settings,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// How many messages it holds, hidden ones too: counting 300,000 rows would be felt.
    pub(crate) depth: i64,
    /// The group served last, where the next look for quiet groups begins.
    pub(crate) turn: String,
}

/// Everything behind the one lock.
pub(crate) struct Shelf {
    pub(crate) db: Connection,
    pub(crate) queues: HashMap<String, Queue>,
}

/// The queues of one engine.
pub(crate) struct Queues {
    shelf: Mutex<Shelf>,
    clock: Arc<dyn Clock>,
    pub(crate) wakes: Wakes,
}

impl Queues {
    /// Opens the file, or a database in memory.
    pub(crate) fn open(path: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let db = match path {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        db.set_prepared_statement_cache_capacity(128);
        // With WAL, NORMAL loses nothing to kill -9 and at most the last moments to a power cut.
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16384;
             PRAGMA wal_autocheckpoint = 4000; PRAGMA temp_store = MEMORY;",
        )?;
        db.execute_batch(SCHEMA)?;
        db.execute(
            "UPDATE move_task SET status = 'FAILED', reason = 'Interrupted' WHERE status IN ('RUNNING', 'CANCELLING')",
            [],
        )?;
        let queues = load(&db)?;
        Ok(Self { shelf: Mutex::new(Shelf { db, queues }), clock, wakes: Wakes::default() })
    }

    /// The lock. Each holder leaves the shelf whole before anything can panic, so poison means nothing.
    pub(crate) fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_millis()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Text kept under a name across restarts; for services that live in memory.
    pub(crate) fn kept(&self, name: &str) -> Result<Option<String>, Fault> {
        let shelf = self.shelf();
        let mut read = shelf.db.prepare_cached("SELECT content FROM kept WHERE name = ?1")?;
        let mut rows = read.query([name])?;
        Ok(match rows.next()? {
            Some(row) => Some(row.get(0)?),
            None => None,
        })
    }

    /// Keeps text under a name.
    pub(crate) fn keep(&self, name: &str, content: &str) -> Result<(), Fault> {
        self.shelf().db.execute("INSERT OR REPLACE INTO kept VALUES (?1, ?2)", params![name, content])?;
        Ok(())
    }
}

impl Shelf {
    pub(crate) fn queue(&self, name: &str) -> Result<&Queue, Fault> {
        self.queues.get(name).ok_or(Fault::NoQueue)
    }

    pub(crate) fn name_of(&self, id: i64) -> Option<&str> {
        self.queues.iter().find(|(_, queue)| queue.id == id).map(|(name, _)| name.as_str())
    }

    /// Adds to the number of messages a queue holds; call it only after the commit.
    pub(crate) fn count(&mut self, name: &str, more: i64) {
        if let Some(queue) = self.queues.get_mut(name) {
            queue.depth += more;
        }
    }
}

/// A new message id.
pub(crate) fn fresh_id() -> Result<Uuid, Fault> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Entropy)?;
    Ok(Builder::from_random_bytes(bytes).into_uuid())
}

fn load(db: &Connection) -> Result<HashMap<String, Queue>, Fault> {
    let mut read = db.prepare(
        "SELECT id, name, attributes, tags, created, modified,
                (SELECT count(*) FROM message WHERE message.queue = queue.id) FROM queue",
    )?;
    let mut rows = read.query([])?;
    let mut queues = HashMap::new();
    while let Some(row) = rows.next()? {
        let attributes: BTreeMap<String, String> =
            serde_json::from_str(row.get_ref(2)?.as_str().unwrap_or(""))?;
        let queue = Queue {
            id: row.get(0)?,
            settings: Settings::read(&attributes)?,
            attributes,
            tags: serde_json::from_str(row.get_ref(3)?.as_str().unwrap_or(""))?,
            created: row.get(4)?,
            modified: row.get(5)?,
            depth: row.get(6)?,
            turn: String::new(),
        };
        queues.insert(row.get(1)?, queue);
    }
    Ok(queues)
}

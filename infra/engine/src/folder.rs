//! The data folder: one process at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use dynoxide::Database;

use crate::OpenError;

/// A folder that is ours while this lives; the system lets go of it however the process ends.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, readable by its owner only, and takes it.
    pub(crate) fn lock(path: PathBuf) -> Result<Self, OpenError> {
        let opened = make(&path).and_then(|()| File::create(path.join("lock")));
        let lock = match opened {
            Ok(lock) => lock,
            Err(error) => return Err(OpenError::Folder(path, error)),
        };
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path)),
            Err(TryLockError::Error(error)) => Err(OpenError::Folder(path, error)),
        }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The table in the folder, or in memory.
pub(crate) fn open_table(folder: Option<&Folder>) -> Result<Database, OpenError> {
    let Some(folder) = folder else { return Database::memory().map_err(OpenError::Table) };
    let path = folder.file("table.db");
    let not_unicode = || OpenError::Folder(folder.path.clone(), std::io::ErrorKind::InvalidFilename.into());
    let database = Database::new(path.to_str().ok_or_else(not_unicode)?).map_err(OpenError::Table)?;
    // There and back sets synchronous to NORMAL, as the queues have it; dynoxide has no other way to say so.
    database.enable_bulk_loading().map_err(OpenError::Table)?;
    database.disable_bulk_loading().map_err(OpenError::Table)?;
    Ok(database)
}

#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

//! The data folder: one process at a time, and nobody else reads what is in it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use dynoxide::Database;

use crate::OpenError;

/// The table's file.
const TABLE: &str = "table.db";
/// That of the queues and the secrets.
const QUEUES: &str = "queues.db";

/// A folder that is ours while this lives; the system lets go of it however the process ends.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be, readable by its owner only, and takes it. What is to be kept there is its
    /// owner's alone too, for the folder may have been there before, and open to all.
    pub(crate) fn lock(path: PathBuf) -> Result<Self, OpenError> {
        let opened = make(&path).and_then(|()| private(&path.join("lock")));
        let lock = match opened {
            Ok(lock) => lock,
            Err(error) => return Err(OpenError::Folder(path, error)),
        };
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path)),
            Err(TryLockError::Error(error)) => return Err(OpenError::Folder(path, error)),
        }
        // SQLite takes an empty file for a new database, and gives what it makes beside one the same mode.
        for name in [TABLE, QUEUES] {
            let made = private(&path.join(name)).and_then(|_| narrow_companions(&path.join(name)));
            if let Err(error) = made {
                return Err(OpenError::Folder(path, error));
            }
        }
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn queues(&self) -> PathBuf {
        self.path.join(QUEUES)
    }
}

/// The table in the folder, or in memory.
pub(crate) fn open_table(folder: Option<&Folder>) -> Result<Database, OpenError> {
    let Some(folder) = folder else { return Database::memory().map_err(OpenError::Table) };
    let path = folder.path.join(TABLE);
    let not_unicode = || OpenError::Folder(folder.path.clone(), std::io::ErrorKind::InvalidFilename.into());
    let database = Database::new(path.to_str().ok_or_else(not_unicode)?).map_err(OpenError::Table)?;
    // There and back sets synchronous to NORMAL, as the queues have it; dynoxide has no other way to say so.
    database.enable_bulk_loading().map_err(OpenError::Table)?;
    database.disable_bulk_loading().map_err(OpenError::Table)?;
    Ok(database)
}

/// Opens a file that its owner alone reads and writes, and makes it if need be.
fn private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    narrow(&file, path);
    Ok(file)
}

/// What an earlier release left beside a database.
fn narrow_companions(database: &Path) -> std::io::Result<()> {
    for end in ["-wal", "-shm", "-journal"] {
        let mut path = database.as_os_str().to_owned();
        path.push(end);
        match File::open(Path::new(&path)) {
            Ok(file) => narrow(&file, Path::new(&path)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn make(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Not every file system knows modes: where this cannot be had, it is told and the work goes on.
#[cfg(unix)]
fn narrow(file: &File, path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let is_open = |file: &File| Ok::<_, std::io::Error>(file.metadata()?.permissions().mode() & 0o077 != 0);
    let narrowed = is_open(file).and_then(|open| match open {
        true => file.set_permissions(fs::Permissions::from_mode(0o600)),
        false => Ok(()),
    });
    if let Err(error) = narrowed {
        tracing::warn!(path = %path.display(), %error, "others may be able to read a file of the data folder");
    }
}

#[cfg(not(unix))]
fn make(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn narrow(_: &File, _: &Path) {}

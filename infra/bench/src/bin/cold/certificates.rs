//! A certificate store that tells when it is read: a named pipe. Who opens it to read waits until this process has opened
//! it to write, so no read goes unseen.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::Fault;

/// Where Linux distributions have theirs.
const STORES: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];

/// The machine's certificates, if it has any, and this one: as many as a function finds in Lambda.
pub(crate) fn with_the_machines(certificate: &str) -> Arc<str> {
    let found = STORES.iter().find_map(|path| std::fs::read_to_string(path).ok());
    format!("{}{certificate}", found.unwrap_or_default()).into()
}

/// A store for one process, which reads it once at most.
pub(crate) struct Certificates {
    path: PathBuf,
    read: Arc<AtomicBool>,
}

impl Certificates {
    /// Lays the pipe there.
    pub(crate) fn lay(path: PathBuf, text: Arc<str>) -> Result<Self, Fault> {
        if !Command::new("mkfifo").arg("--mode=600").arg(&path).status()?.success() {
            return Err(format!("no named pipe at {}", path.display()).into());
        }
        let read = Arc::new(AtomicBool::new(false));
        let (waits_at, tells) = (path.clone(), Arc::clone(&read));
        std::thread::spawn(move || {
            // Opened by somebody who reads, or by `drop`, and then there is nobody to tell.
            let Ok(mut pipe) = File::options().write(true).open(waits_at) else { return };
            tells.store(true, Ordering::SeqCst);
            let _ = pipe.write_all(text.as_bytes());
        });
        Ok(Self { path, read })
    }

    /// As `SSL_CERT_FILE` names it.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anybody has read it so far.
    pub(crate) fn were_read(&self) -> bool {
        self.read.load(Ordering::SeqCst)
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        // Opened both ways it waits for nobody, and lets go the thread that waits for a reader.
        let _ = File::options().read(true).write(true).open(&self.path);
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_seen_and_gets_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        // More than a pipe holds.
        let text: Arc<str> = "certificate\n".repeat(20_000).into();
        let certificates = Certificates::lay(folder.path().join("store"), Arc::clone(&text)).unwrap();
        assert!(!certificates.were_read());
        assert_eq!(std::fs::read_to_string(certificates.path()).unwrap(), &*text);
        assert!(certificates.were_read());
    }

    #[test]
    fn what_nobody_reads_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let certificates = Certificates::lay(folder.path().join("store"), "text".into()).unwrap();
        assert!(!certificates.were_read());
        drop(certificates);
        assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none());
    }
}

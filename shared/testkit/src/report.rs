//! What a test has counted, for whoever adds it up.

use std::fmt::Display;
use std::fs;
use std::path::PathBuf;

/// The folder where the reports are left, if anybody wants them.
const FOLDER: &str = "NIGHTJAR_REPORT";

/// Says what was counted, and leaves it in the folder of the reports under that name.
///
/// # Panics
/// If it cannot be written.
pub fn leave_report(name: &str, counted: impl Display) {
    println!("{name}: {counted}");
    #[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let file = PathBuf::from(folder).join(format!("{name}.txt"));
    let written = fs::write(&file, format!("{counted}\n"));
    assert!(written.is_ok(), "cannot write {}", file.display());
}

//! `cargo xtask tidy`: the rules of the house that no compiler knows.

mod named_tests;
mod rooms;
mod sources;

use cargo_metadata::MetadataCommand;

pub(crate) use self::rooms::FUNCTIONS;
use crate::mutants;
use crate::shell::{Failure, root};

/// Checks all rules and tells every breach.
pub(crate) fn tidy() -> Result<(), Failure> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .map_err(Failure::while_("cargo metadata"))?;
    let mut breaches = Vec::new();
    for room in &metadata.packages {
        breaches.extend(rooms::breaches(room));
    }
    let found = sources::survey(&root())?;
    breaches.extend(found.breaches);
    // A bug that can no longer be planted proves nothing.
    breaches.extend(mutants::stale(&root())?);
    breaches.extend(named_tests::breaches(&root())?);
    for warning in &found.warnings {
        eprintln!("warning: {warning}");
    }
    for breach in &breaches {
        eprintln!("tidy: {breach}");
    }
    match breaches.len() {
        0 => Ok(()),
        1 => Err(Failure::new("one thing is not tidy")),
        many => Err(Failure::new(format!("{many} things are not tidy"))),
    }
}

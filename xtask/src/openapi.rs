//! `cargo xtask openapi`: openapi.json is what the code says.

use std::process::Stdio;

use crate::shell::{Failure, build_bins, root, target};

/// Writes openapi.json, or compares it.
pub(crate) fn openapi(check: bool) -> Result<(), Failure> {
    let fresh = from_the_code()?;
    let path = root().join("openapi.json");
    if !check {
        return std::fs::write(&path, fresh).map_err(Failure::while_("openapi.json"));
    }
    let kept = std::fs::read_to_string(&path).map_err(Failure::while_("openapi.json"))?;
    match first_difference(&kept, &fresh) {
        None => Ok(()),
        Some(line) => Err(Failure::new(format!(
            "openapi.json:{line} is not what the code says: run `cargo xtask openapi`"
        ))),
    }
}

fn from_the_code() -> Result<String, Failure> {
    // All binaries at once: with the same features as the tests they are built once.
    build_bins()?;
    let output = crate::shell::program(target().join("debug/nightjar-local"))
        .arg("openapi")
        .stderr(Stdio::inherit())
        .output()
        .map_err(Failure::while_("nightjar-local openapi"))?;
    if !output.status.success() {
        return Err(Failure::new(format!("`nightjar-local openapi` failed ({})", output.status)));
    }
    let document: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(Failure::while_("nightjar-local openapi"))?;
    let text = serde_json::to_string_pretty(&document).map_err(Failure::while_("nightjar-local openapi"))?;
    Ok(text + "\n")
}

/// The number of the first line that differs.
fn first_difference(kept: &str, fresh: &str) -> Option<usize> {
    let (mut kept, mut fresh) = (kept.lines(), fresh.lines());
    for number in 1.. {
        match (kept.next(), fresh.next()) {
            (None, None) => return None,
            (one, other) if one != other => return Some(number),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_where_two_documents_part() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
    }
}

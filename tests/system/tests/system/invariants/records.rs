//! No record without the one that it belongs to.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Findings, Table, text};

pub(super) fn check(table: &Table<'_>, findings: &mut Findings) {
    for row in table.rows {
        let known = owner(table, row);
        let (pk, sk) = (text(row, "pk"), text(row, "sk"));
        findings.expect(known, format_args!("an orphan: {pk} / {sk}"));
    }
    for (user, profile) in table.under("USER#").filter(|(_, row)| row["sk"] == "PROFILE") {
        let lock = format!("EMAIL#{}", digest(text(profile, "email")));
        let holder = table.get(&lock, "LOCK").map(|lock| text(lock, "userId"));
        let lives = profile["deletedAt"].is_null();
        let right = if lives { holder == Some(user) } else { holder != Some(user) };
        findings.expect(right, format_args!("the lock of {user}'s address is held by {holder:?}"));
        findings.expect(
            (text(profile, "listPk") == "USERS") == lives,
            format_args!("{user} is listed wrongly: {profile}"),
        );
    }
    for (user, endpoint) in table.under("USER#").filter(|(_, row)| text(row, "sk").starts_with("ENDPOINT#")) {
        let health = format!("HEALTH#{}", text(endpoint, "id"));
        let there = table.get(&health, "HEALTH").is_some();
        findings.expect(there, format_args!("{user}'s endpoint has no record of its health: {endpoint}"));
    }
}

/// Whether what the row belongs to is there.
fn owner(table: &Table<'_>, row: &Value) -> bool {
    let (pk, sk) = (text(row, "pk"), text(row, "sk"));
    let user = |id: &str| table.get(&format!("USER#{id}"), "PROFILE").is_some();
    let lives = |id: &str| {
        let profile = table.get(&format!("USER#{id}"), "PROFILE");
        profile.is_some_and(|profile| profile["deletedAt"].is_null())
    };
    let Some((kind, id)) = pk.split_once('#') else { return false };
    match (kind, sk) {
        ("USER", "PROFILE") => true,
        ("USER", _) => lives(id),
        // The mark of a deleted job outlasts an account that is gone by a day.
        ("JOB", "JOB") => user(text(row, "userId")) || !row["deletedAt"].is_null(),
        ("JOB", "PAYLOAD") => {
            // A payload that stands in its job stands nowhere else; a deleted job has none.
            let job = table.get(pk, "JOB");
            job.is_some_and(|job| job["payload"].is_null() && job["deletedAt"].is_null())
        }
        ("JOB", _) => table.get(pk, "JOB").is_some_and(|job| job["deletedAt"].is_null()),
        ("EMAIL" | "NAME", _) => lives(text(row, "userId")),
        ("KEY", _) => lives(text(row, "userId")),
        ("IDEMP", _) => table.get(&format!("JOB#{}", text(row, "jobId")), "JOB").is_some(),
        ("HEALTH", _) if id.starts_with("end_") => {
            let endpoint = format!("ENDPOINT#{id}");
            table.rows.iter().any(|row| row["sk"] == endpoint)
        }
        ("HEALTH", _) if id.starts_with("usr_") => user(id.split('#').next().unwrap_or_default()),
        ("HEALTH" | "RATE" | "REVOKED", _) => true,
        _ => false,
    }
}

fn digest(email: &str) -> String {
    hex::encode(Sha256::digest(email.to_lowercase()))
}

//! What the versions of a job tell: none was written over unseen, no attempt was begun twice, and no run that has ended
//! ends again.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Findings;

type Item = Map<String, Value>;

pub(super) fn check(journal: &[Item], findings: &mut Findings) {
    let mut jobs: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in journal {
        jobs.entry(member(item, "id", "S")).or_default().push(item);
    }
    for (job, versions) in jobs {
        check_versions(job, &versions, findings);
        check_leases(job, &versions, findings);
        check_attempts(job, &versions, findings);
        check_ends(job, &versions, findings);
    }
}

/// Each version stands on the one before.
fn check_versions(job: &str, versions: &[&Item], findings: &mut Findings) {
    for (nth, two) in versions.windows(2).enumerate() {
        let [before, after] = [two[0], two[1]].map(|item| number(item, "version"));
        // A creation whose answer was lost may be repeated; nothing was in between.
        let repeated = nth == 0 && two[0] == two[1];
        findings.expect(
            repeated || before.is_some() && after == before.map(|before| before + 1),
            format_args!("{job}: version {after:?} was written over version {before:?}"),
        );
    }
}

/// Nobody begins an attempt while another worker holds the one before it.
fn check_leases(job: &str, versions: &[&Item], findings: &mut Findings) {
    for two in versions.windows(2) {
        let [before, after] =
            [two[0], two[1]].map(|item| (member(item, "runId", "S"), number(item, "attempt")));
        if before.0 != after.0 || before.1 == after.1 {
            continue;
        }
        let until =
            two[0].get("lease").and_then(|lease| lease["M"]["until"]["N"].as_str()?.parse::<i64>().ok());
        let begun = number(two[1], "updatedAt");
        findings.expect(
            until.is_none_or(|until| begun.is_some_and(|begun| begun >= until)),
            format_args!("{job}: an attempt was begun at {begun:?} under a lease until {until:?}"),
        );
    }
}

/// Of each attempt of a run there is one holder.
fn check_attempts(job: &str, versions: &[&Item], findings: &mut Findings) {
    let mut holders: BTreeMap<(&str, i64), &Value> = BTreeMap::new();
    let mut last: BTreeMap<&str, i64> = BTreeMap::new();
    for item in versions {
        let run = member(item, "runId", "S");
        let attempt = number(item, "attempt").unwrap_or(0);
        let before = last.insert(run, attempt).unwrap_or(0);
        findings.expect(
            attempt == before || attempt == before + 1,
            format_args!("{job}: {run} went from attempt {before} to {attempt}"),
        );
        let Some(lease) = item.get("lease").map(|lease| &lease["M"]["holder"]) else { continue };
        let holder = *holders.entry((run, attempt)).or_insert(lease);
        findings.expect(holder == lease, format_args!("{job}: attempt {attempt} of {run} was begun twice"));
    }
}

/// What a run has ended with it keeps.
fn check_ends(job: &str, versions: &[&Item], findings: &mut Findings) {
    let mut ends: BTreeMap<&str, (Option<i64>, &str)> = BTreeMap::new();
    for item in versions {
        let run = member(item, "runId", "S");
        let end = (number(item, "completedAt"), member(item, "outcome", "S"));
        if let Some(first) = ends.get(run) {
            findings.expect(*first == end, format_args!("{job}: {run} ended as {first:?} and as {end:?}"));
        } else if end.0.is_some() {
            ends.insert(run, end);
        }
        let status = member(item, "status", "S");
        let ended = matches!(status, "completed" | "failed" | "cancelled");
        findings.expect(
            !ended || end.0.is_some(),
            format_args!("{job} is {status} and its run {run} has not ended"),
        );
    }
}

fn member<'a>(item: &'a Item, name: &str, kind: &str) -> &'a str {
    item.get(name).and_then(|value| value[kind].as_str()).unwrap_or_default()
}

fn number(item: &Item, name: &str) -> Option<i64> {
    member(item, name, "N").parse().ok()
}

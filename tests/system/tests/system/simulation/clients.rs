//! What clients ask for, and what they were told.

use std::collections::BTreeSet;

use axum::body::Body;
use http::{HeaderValue, Request, StatusCode};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use crate::invariants::Findings;
use crate::stage::{Stage, large};
use crate::world::{Reply, text};

/// More jobs would meet each other less.
const MOST_JOBS: usize = 5;

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    method: &'static str,
    path: String,
    body: Value,
    key: Option<&'static str>,
}

/// What the clients know.
#[derive(Default)]
pub(super) struct Clients {
    jobs: Vec<String>,
    told: Vec<(Wish, Reply)>,
}

impl Wish {
    /// How it is named in the history.
    pub(super) fn name(&self) -> String {
        let body = text(&self.body);
        let body: String = body.chars().take(160).collect();
        format!("{} {} {body}", self.method, self.path)
    }

    pub(super) fn request(&self, stage: &Stage) -> Request<Body> {
        let mut request = stage.world.request(self.method, &self.path, &text(&self.body));
        if let Some(key) = self.key {
            request.headers_mut().insert("idempotency-key", HeaderValue::from_static(key));
        }
        request
    }
}

impl Clients {
    /// What a client asks for next.
    pub(super) fn wish(&self, stage: &Stage, dice: &Dice) -> Wish {
        let wish = |method, path: String, body| Wish { method, path, body, key: None };
        if self.jobs.len() < MOST_JOBS && (self.jobs.is_empty() || dice.one_in(3)) {
            let key = dice.one_in(3).then(|| dice.word(&["one", "two"]));
            return Wish { key, ..wish("POST", "/jobs".to_owned(), draft(stage, dice)) };
        }
        let job = format!("/jobs/{}", dice.pick(&self.jobs));
        let to = |what: &str| format!("{job}/{what}");
        match dice.below(16) {
            0..=4 => wish("POST", to("run"), Value::Null),
            5 | 6 => wish("POST", to("rerun"), Value::Null),
            7 | 8 => wish("POST", to("cancel"), Value::Null),
            9 | 10 => wish("PATCH", job, edit(stage, dice)),
            11 => wish("DELETE", job, Value::Null),
            12 => wish("POST", to(dice.word(&["pause", "resume"])), Value::Null),
            13 => {
                let status = dice.word(&["pending", "running", "completed", "failed", "cancelled"]);
                wish("GET", format!("/jobs?status={status}"), Value::Null)
            }
            14 => wish("GET", to(dice.word(&["runs", "deliveries", "logs"])), Value::Null),
            _ => {
                let body = json!({"since": stage.began(), "state": ["dead"]});
                wish("POST", "/deliveries/redeliver".to_owned(), body)
            }
        }
    }

    /// Notes what a client was told.
    pub(super) fn hear(&mut self, wish: Wish, reply: Reply) {
        if wish.path == "/jobs" && reply.status.is_success() {
            let id = reply.body["id"].as_str().unwrap_or_default().to_owned();
            if !self.jobs.contains(&id) {
                self.jobs.push(id);
            }
        }
        self.told.push((wish, reply));
    }

    /// What clients were told is so.
    pub(super) async fn check(&self, stage: &Stage, findings: &mut Findings) {
        let rows = stage.world.bed.rows(None).await;
        let journal = stage.world.bed.journal.entries();
        let written: BTreeSet<(&str, &str)> = journal
            .iter()
            .filter_map(|item| Some((item["id"]["S"].as_str()?, item["version"]["N"].as_str()?)))
            .collect();
        for (wish, Reply { status, body }) in &self.told {
            let fine = !status.is_server_error() || *status == StatusCode::SERVICE_UNAVAILABLE;
            let known = *status != StatusCode::UNAUTHORIZED;
            findings.expect(fine && known, format_args!("{}: {status} {body}", wish.name()));
            if !status.is_success() {
                continue;
            }
            let job = if body["job"].is_object() { &body["job"] } else { body };
            if let (Some(id), Some(version)) = (job["id"].as_str(), job["version"].as_u64()) {
                let there = written.contains(&(id, version.to_string().as_str()));
                findings.expect(there, format_args!("{}: version {version} was never written", wish.name()));
            }
            let id = wish.path.trim_start_matches("/jobs/");
            if wish.method == "DELETE" {
                let gone = rows
                    .iter()
                    .any(|row| row["sk"] == "JOB" && row["id"] == id && !row["deletedAt"].is_null());
                findings.expect(gone, format_args!("{id} was said to be deleted"));
            }
            if let Some((_, status)) = wish.path.split_once("?status=") {
                let listed = body["jobs"].as_array().into_iter().flatten();
                let wrong: Vec<_> = listed.filter(|job| job["status"] != status).collect();
                findings.expect(wrong.is_empty(), format_args!("{}: lists {wrong:?}", wish.name()));
            }
        }
    }
}

/// A job to create.
fn draft(stage: &Stage, dice: &Dice) -> Value {
    let mut draft = json!({
        "taskName": "report",
        "payload": payload(dice),
        "priority": dice.word(&["high", "medium", "low"]),
        "maxRetries": dice.below(4),
    });
    if !dice.one_in(4) {
        draft["webhookUrl"] = json!(stage.hook(dice.word(&["taken", "second", "broken"])));
    }
    match dice.below(3) {
        0 => draft["run"] = json!(true),
        1 => draft["schedule"] = schedule(stage, dice),
        _ => {}
    }
    draft
}

fn payload(dice: &Dice) -> Value {
    match dice.below(5) {
        0 => json!({"fail": true}),
        1 => json!({"failTimes": 1}),
        2 => large(),
        _ => json!({}),
    }
}

fn schedule(stage: &Stage, dice: &Dice) -> Value {
    let start = stage.world.bed.now().plus(std::time::Duration::from_secs(dice.between(10, 200)));
    let mut schedule = json!({"startTime": start, "missed": dice.word(&["run_once", "skip", "backfill"])});
    if !dice.one_in(3) {
        let interval = format!("PT{}S", dice.between(20, 120));
        schedule["recurrence"] = json!({"interval": interval, "maxRuns": dice.between(1, 4)});
    }
    schedule
}

/// An edit. It leaves the number of retries alone: attempts that were made under another are no fault.
fn edit(stage: &Stage, dice: &Dice) -> Value {
    let mut edit = Map::new();
    if dice.one_in(2) {
        edit.insert("payload".to_owned(), payload(dice));
    }
    if dice.one_in(2) {
        edit.insert("priority".to_owned(), json!(dice.word(&["high", "medium", "low"])));
    }
    match dice.below(4) {
        0 => edit.insert("schedule".to_owned(), schedule(stage, dice)),
        1 => edit.insert("schedule".to_owned(), Value::Null),
        _ => edit.insert("taskName".to_owned(), json!("edited")),
    };
    Value::Object(edit)
}

//! Creating jobs: with and without a run, with and without an idempotency key, many at once.

use axum::body::Body;
use http::{HeaderValue, Request};
use serde_json::{Value, json};

use super::{Flow, disturb};
use crate::invariants::Findings;
use crate::stage::{Stage, large};
use crate::world::Reply;

struct Create {
    run: bool,
    key: bool,
}

impl Create {
    fn request(&self, stage: &Stage) -> Request<Body> {
        let body = json!({
            "taskName": "report", "payload": large(), "webhookUrl": stage.hook("taken"), "run": self.run,
        });
        let mut request = stage.world.request("POST", "/jobs", &body.to_string());
        if self.key {
            request.headers_mut().insert("idempotency-key", HeaderValue::from_static("once"));
        }
        request
    }
}

impl Flow for Create {
    type Scene = ();

    async fn prepare(&self, stage: &mut Stage) {
        // The owner has a signing secret already; to make one is another flow.
        stage.job(&json!({}), 3).await;
        stage.world.call("GET", "/webhooks/secret", &Value::Null).await.unwrap();
    }

    async fn begin(&self, stage: &Stage, (): &()) -> Option<Reply> {
        stage.world.call_with(self.request(stage)).await
    }

    async fn conclude(&self, stage: &Stage, (): &(), told: Option<Reply>, findings: &mut Findings) {
        let told = told.filter(|reply| reply.status.is_success());
        let first = told.as_ref().map(|reply| reply.body["id"].clone());
        let before = stage.made().await;
        findings.expect(before.len() <= 1, format_args!("one request made {before:?}"));
        if first.is_none() || self.key {
            // Under a key it is safe to ask again whatever was told; without one a second job may come of it.
            let again = stage.world.call_with(self.request(stage)).await.unwrap();
            findings.expect(again.status.is_success(), format_args!("it cannot be created: {again:?}"));
            let same = first.as_ref().is_none_or(|first| *first == again.body["id"]);
            findings.expect(same, format_args!("one key made {first:?} and {}", again.body["id"]));
            stage.settle().await;
        }
        let after = stage.made().await;
        let most = if self.key { 1 } else { 1 + before.len() };
        findings.expect((1..=most).contains(&after.len()), format_args!("there are {after:?}"));
        let wanted = if self.run { "completed" } else { "pending" };
        for (id, status) in &after {
            findings.expect(status == wanted, format_args!("{id} is {status}"));
        }
        let known = first.as_ref().and_then(Value::as_str);
        let there = known.is_none_or(|first| after.iter().any(|(id, _)| id == first));
        findings.expect(there, format_args!("{known:?} was said to be made: {after:?}"));
    }
}

impl Stage {
    /// The ids and statuses of the jobs that were made by name over the API.
    async fn made(&self) -> Vec<(String, String)> {
        let rows = self.world.bed.rows(None).await;
        let own = rows.iter().filter(|row| row["sk"] == "JOB" && row["payload"].is_null());
        let text = |row: &Value, member: &str| row[member].as_str().unwrap_or_default().to_owned();
        own.map(|row| (text(row, "id"), text(row, "status"))).collect()
    }
}

#[tokio::test]
async fn create() {
    disturb("create", Create { run: false, key: false }).await;
}

#[tokio::test]
async fn create_under_a_key() {
    disturb("create-keyed", Create { run: false, key: true }).await;
}

#[tokio::test]
async fn create_with_run() {
    disturb("create-run", Create { run: true, key: false }).await;
}

#[tokio::test]
async fn create_with_run_under_a_key() {
    disturb("create-run-keyed", Create { run: true, key: true }).await;
}

/// Three jobs in one request: one that runs under a key of its own, one that waits, one that is no good.
struct Batch;

impl Flow for Batch {
    type Scene = ();

    async fn prepare(&self, _: &mut Stage) {}

    async fn begin(&self, stage: &Stage, (): &()) -> Option<Reply> {
        stage.world.call("POST", "/jobs/batch", &batch()).await
    }

    async fn conclude(&self, stage: &Stage, (): &(), told: Option<Reply>, findings: &mut Findings) {
        let first = told.filter(|reply| reply.status.is_success()).map(|reply| reply.body);
        let again = stage.world.call("POST", "/jobs/batch", &batch()).await.unwrap();
        stage.settle().await;
        let rows = stage.world.bed.rows(None).await;
        let job = |id: &Value| rows.iter().find(|row| row["sk"] == "JOB" && row["id"] == *id);
        for reply in first.iter().chain([&again.body]) {
            for result in reply["results"].as_array().into_iter().flatten() {
                let id = &result["job"]["id"];
                if result["status"] == 201 {
                    findings.expect(job(id).is_some(), format_args!("{id} was said to be made"));
                }
            }
        }
        let statuses: Vec<_> = (0..3).map(|i| again.body["results"][i]["status"].clone()).collect();
        findings.expect(statuses == [201, 201, 400], format_args!("the second time: {statuses:?}"));
        let keyed = &again.body["results"][0]["job"]["id"];
        let before = first.map(|first| first["results"][0]["job"]["id"].clone());
        let same = before.filter(|id| !id.is_null()).is_none_or(|before| before == *keyed);
        findings.expect(same, "one key made two jobs");
        let status = job(keyed).map(|row| row["status"].clone());
        findings.expect(status == Some(json!("completed")), format_args!("{keyed} is {status:?}"));
    }
}

fn batch() -> Value {
    json!({"jobs": [
        {"taskName": "runs", "run": true, "idempotencyKey": "k"},
        {"taskName": "waits", "payload": large()},
        {"priority": "urgent"},
    ]})
}

#[tokio::test]
async fn create_many() {
    disturb("create-batch", Batch).await;
}

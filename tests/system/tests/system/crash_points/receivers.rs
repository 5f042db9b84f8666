//! Webhooks on their way, and what their owner does about them.

use domain::delivery::DeliveryState;
use domain::job::Job;
use http::StatusCode;
use queue::topology::JOBS_LOW;
use serde_json::{Value, json};

use super::{Flow, disturb, is_passing};
use crate::invariants::Findings;
use crate::stage::Stage;
use crate::world::Reply;

impl Stage {
    /// A job that has run; its webhook is asked for and not yet sent.
    async fn ran(&self, path: &str) -> Job {
        let job = self.job_for(path, &json!({}), 3).await;
        self.world.ask(job.id, "run").await;
        self.world.step(JOBS_LOW).await;
        let ended = self.world.read(job.id).await;
        assert!(ended.status.is_end() && self.sink.arrivals().is_empty());
        ended
    }

    async fn states(&self, job: &Job) -> Vec<DeliveryState> {
        self.world.deliveries(job.id).await.iter().map(|delivery| delivery.state).collect()
    }
}

/// A webhook to a receiver, and what becomes of it.
struct Deliver {
    path: &'static str,
    endpoint: bool,
    state: DeliveryState,
}

impl Flow for Deliver {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        if self.endpoint {
            stage.endpoint(self.path).await;
            return stage.ran("taken").await;
        }
        stage.ran(self.path).await
    }

    async fn begin(&self, _: &Stage, _: &Job) -> Option<Reply> {
        None
    }

    async fn conclude(&self, stage: &Stage, job: &Job, _: Option<Reply>, findings: &mut Findings) {
        let states = stage.states(job).await;
        // The start and the end for an endpoint, and the end for the job's own receiver.
        let wanted = if self.endpoint { 3 } else { 1 };
        findings.expect(states.len() == wanted, format_args!("{states:?} of {wanted}"));
        findings.expect(states.contains(&self.state), format_args!("it came to {states:?}"));
    }
}

#[tokio::test]
async fn webhook_that_is_taken() {
    disturb("webhook-taken", Deliver { path: "taken", endpoint: false, state: DeliveryState::Delivered })
        .await;
}

#[tokio::test]
async fn webhook_that_is_taken_the_second_time() {
    disturb("webhook-retried", Deliver { path: "second", endpoint: false, state: DeliveryState::Delivered })
        .await;
}

#[tokio::test]
async fn webhook_that_nobody_takes() {
    disturb("webhook-dead", Deliver { path: "broken", endpoint: false, state: DeliveryState::Dead }).await;
}

#[tokio::test]
async fn webhook_to_an_endpoint() {
    disturb("webhook-endpoint", Deliver { path: "taken", endpoint: true, state: DeliveryState::Delivered })
        .await;
}

#[tokio::test]
async fn webhook_to_an_endpoint_that_is_gone() {
    disturb("webhook-gone", Deliver { path: "gone", endpoint: true, state: DeliveryState::Dead }).await;
}

/// A delivery that was given up is sent again, by itself or with others, to a receiver that is well again.
struct Redeliver {
    many: bool,
}

impl Redeliver {
    fn request(&self, job: &Job, id: &str) -> (String, Value) {
        match self.many {
            true => ("/deliveries/redeliver".to_owned(), json!({"since": job.created_at, "state": ["dead"]})),
            false => (format!("/jobs/{}/deliveries/{id}/redeliver", job.id), Value::Null),
        }
    }
}

impl Flow for Redeliver {
    type Scene = (Job, String);

    async fn prepare(&self, stage: &mut Stage) -> (Job, String) {
        let job = stage.ran("mended").await;
        stage.settle().await;
        let deliveries = stage.world.deliveries(job.id).await;
        assert_eq!(deliveries[0].state, DeliveryState::Dead);
        stage.mend();
        // Many are those that nothing has become of since the present.
        stage.world.pass(1);
        (job, deliveries[0].id.to_string())
    }

    async fn begin(&self, stage: &Stage, (job, id): &Self::Scene) -> Option<Reply> {
        let (path, body) = self.request(job, id);
        stage.world.call("POST", &path, &body).await
    }

    async fn conclude(
        &self,
        stage: &Stage,
        (job, id): &Self::Scene,
        told: Option<Reply>,
        findings: &mut Findings,
    ) {
        let (path, body) = self.request(job, id);
        let told = told.filter(|reply| reply.status.is_success());
        let there = stage.states(job).await == [DeliveryState::Delivered];
        // A bulk request tells how many it has sent.
        let said = told.as_ref().is_some_and(|reply| !self.many || reply.body["queued"] == 1);
        findings.expect(there || !said, format_args!("it was said to be sent: {told:?}"));
        if !there {
            stage.insist(None, findings, "POST", &path, &body).await;
        }
        let states = stage.states(job).await;
        let right = states == [DeliveryState::Delivered];
        findings.expect(right, format_args!("it came to {states:?}, and was said: {told:?}"));
    }
}

#[tokio::test]
async fn redeliver_one() {
    disturb("redeliver", Redeliver { many: false }).await;
}

#[tokio::test]
async fn redeliver_many() {
    disturb("redeliver-many", Redeliver { many: true }).await;
}

/// The secret of an endpoint, or of its owner, is exchanged, and a webhook is sent after it.
struct Rotate {
    endpoint: bool,
}

impl Flow for Rotate {
    type Scene = String;

    async fn prepare(&self, stage: &mut Stage) -> String {
        if self.endpoint {
            return format!("/webhooks/{}/rotate", stage.endpoint("taken").await);
        }
        stage.world.call("GET", "/webhooks/secret", &Value::Null).await.unwrap();
        "/webhooks/secret/rotate".to_owned()
    }

    async fn begin(&self, stage: &Stage, path: &String) -> Option<Reply> {
        stage.world.call("POST", path, &json!({})).await
    }

    async fn conclude(&self, stage: &Stage, path: &String, told: Option<Reply>, findings: &mut Findings) {
        let told = stage.insist(told, findings, "POST", path, &json!({})).await;
        let secret = told["secret"].as_str().unwrap_or_default().to_owned();
        stage.ran("taken").await;
        stage.settle().await;
        let arrivals = stage.sink.arrivals().clone();
        findings.expect(!arrivals.is_empty(), "nothing arrived");
        let signed = arrivals.iter().filter(|one| one.is_signed_with(&secret)).count();
        findings.expect(signed > 0, format_args!("none of {} is signed with the new secret", arrivals.len()));
    }
}

#[tokio::test]
async fn rotate_the_secret_of_an_owner() {
    disturb("rotate", Rotate { endpoint: false }).await;
}

#[tokio::test]
async fn rotate_the_secret_of_an_endpoint() {
    disturb("rotate-endpoint", Rotate { endpoint: true }).await;
}

/// An endpoint is made, changed and deleted.
struct Endpoint;

impl Flow for Endpoint {
    type Scene = ();

    async fn prepare(&self, _: &mut Stage) {}

    async fn begin(&self, stage: &Stage, (): &()) -> Option<Reply> {
        let body = json!({"url": stage.hook("taken"), "events": ["*"]});
        let made = stage.world.call("POST", "/webhooks", &body).await?;
        let Some(id) = made.body["id"].as_str() else { return Some(made) };
        let path = format!("/webhooks/{id}");
        stage.world.call("PATCH", &path, &json!({"enabled": false})).await?;
        let gone = stage.world.call("DELETE", &path, &Value::Null).await?;
        Some(Reply { status: gone.status, body: json!(path) })
    }

    async fn conclude(&self, stage: &Stage, (): &(), told: Option<Reply>, findings: &mut Findings) {
        let Some(told) = told else { return };
        let Some(path) = told.body.as_str() else {
            findings.expect(is_passing(told.status), format_args!("no endpoint was made: {told:?}"));
            return;
        };
        if !told.status.is_success() {
            stage.world.call("DELETE", path, &Value::Null).await;
        }
        let seen = stage.world.call("GET", path, &Value::Null).await.unwrap();
        findings.expect(seen.status == StatusCode::NOT_FOUND, format_args!("it shows: {}", seen.status));
    }
}

#[tokio::test]
async fn endpoint() {
    disturb("endpoint", Endpoint).await;
}

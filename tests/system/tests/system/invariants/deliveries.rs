//! Every event of a run that has ended is delivered, dead or skipped for everyone who is owed it: never neither, and never
//! on its way for ever.

use std::collections::{BTreeMap, BTreeSet};

use domain::delivery::{Delivery, DeliveryState, Receivers, owed};
use domain::id::{JobId, RunId, WebhookId};
use domain::job::{Job, Run};
use domain::message::Deliver;
use queue::topology::WEBHOOKS_DLQ;
use serde_json::Value;

use super::{Findings, Table, text};
use crate::sink::Arrival;
use crate::world::World;

impl World {
    pub(super) async fn check_deliveries(
        &self,
        table: &Table<'_>,
        arrivals: &[Arrival],
        findings: &mut Findings,
    ) {
        let arrived = Arrived::of(arrivals, findings);
        let dead = self.dead_letters().await;
        let mut known = BTreeSet::new();
        for (id, row) in table.under("JOB#").filter(|(_, row)| row["sk"] == "JOB") {
            if !row["deletedAt"].is_null() {
                continue;
            }
            let job = self.read(id.parse().unwrap()).await;
            let runs: Vec<Run> = self.runs_beside(job.id).await.into_iter().chain(job.run.clone()).collect();
            let ids: BTreeSet<RunId> = runs.iter().map(|run| run.id).collect();
            let deliveries = self.deliveries(job.id).await;
            for delivery in &deliveries {
                known.insert(delivery.id.to_string());
                let run = delivery.run_id;
                findings.expect(ids.contains(&run), format_args!("{} tells of no run: {run}", delivery.id));
                check_delivery(delivery, &arrived, &dead, findings);
            }
            if self.delivers {
                self.check_owed(&job, &runs, &deliveries, findings).await;
            }
        }
        // What arrives about a job that is there has a record.
        for id in arrived.bodies.keys().filter(|id| !known.contains(**id)) {
            let of = |row: &Value| text(row, "pk") == format!("JOB#{}", arrived.job(id));
            let there =
                table.rows.iter().any(|row| of(row) && row["sk"] == "JOB" && row["deletedAt"].is_null());
            findings.expect(!there || arrived.is_trial(id), format_args!("{id} arrived and has no record"));
        }
    }

    /// Whoever is owed an event has a record of it.
    async fn check_owed(&self, job: &Job, runs: &[Run], deliveries: &[Delivery], findings: &mut Findings) {
        let endpoints = self.store.endpoints_of(job.user_id).await.unwrap();
        let payload = self.store.payload(job).await.unwrap();
        let known: BTreeSet<WebhookId> = deliveries.iter().map(|delivery| delivery.id).collect();
        for run in runs {
            let to = Receivers { deployment: None, endpoints: &endpoints };
            for delivery in owed(job, run, &payload, to) {
                findings.expect(
                    known.contains(&delivery.webhook_id),
                    format_args!("{}: nobody told {} of {:?}", job.id, delivery.endpoint_id, run.outcome),
                );
            }
        }
    }

    pub(crate) async fn deliveries(&self, job: JobId) -> Vec<Delivery> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.job_deliveries(job, after, 100, self.bed.now()).await.unwrap();
            all.extend(page.deliveries);
            after = page.next;
            if after.is_none() {
                return all;
            }
        }
    }

    /// What lies in the dead-letter queue of the webhooks, which this empties.
    async fn dead_letters(&self) -> BTreeSet<String> {
        let bodies = self.drain(WEBHOOKS_DLQ).await;
        let id = |body: &String| serde_json::from_str::<Deliver>(body).unwrap().webhook_id.to_string();
        bodies.iter().map(id).collect()
    }
}

/// A delivery has come to its end, and the end is true.
fn check_delivery(
    delivery: &Delivery,
    arrived: &Arrived<'_>,
    dead: &BTreeSet<String>,
    findings: &mut Findings,
) {
    let id = delivery.id.to_string();
    let tries = arrived.bodies.get(id.as_str()).map_or(0, Vec::len);
    let taken = arrived.taken.contains(id.as_str());
    let right = match delivery.state {
        DeliveryState::Delivered => taken,
        DeliveryState::Dead => dead.contains(&id),
        DeliveryState::Skipped => true,
        DeliveryState::Pending | DeliveryState::Retrying => false,
    };
    let state = delivery.state.as_str();
    findings.expect(right, format_args!("{id} is {state}: it arrived {tries} times, taken {taken}"));
    findings.expect(
        delivery.attempt_count as usize <= tries || delivery.attempts.iter().any(|one| one.error.is_some()),
        format_args!("{id} has {} attempts and arrived {tries} times", delivery.attempt_count),
    );
    let numbers: Vec<_> = delivery.attempts.iter().map(|attempt| attempt.attempt).collect();
    let in_turn = numbers.windows(2).all(|two| two[1] == two[0] + 1);
    findings.expect(in_turn, format_args!("{id} has the attempts {numbers:?}"));
}

/// What a body tells of a run, without what an edit of the job changes.
fn event(body: &[u8]) -> Value {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    for edited in ["taskName", "priority", "payload"] {
        body[edited].take();
    }
    body
}

/// What the receivers saw, by `webhook-id`.
struct Arrived<'a> {
    bodies: BTreeMap<&'a str, Vec<&'a [u8]>>,
    taken: BTreeSet<&'a str>,
}

impl<'a> Arrived<'a> {
    /// One id tells one thing: a receiver may drop a repeated id unread. Only what an owner may edit in between differs.
    fn of(arrivals: &'a [Arrival], findings: &mut Findings) -> Self {
        let (mut bodies, mut taken) = (BTreeMap::<&str, Vec<&[u8]>>::new(), BTreeSet::new());
        for arrival in arrivals.iter().filter(|arrival| arrival.headers.contains_key("webhook-id")) {
            let id = arrival.header("webhook-id");
            let known = bodies.entry(id).or_default();
            if let Some(first) = known.first() {
                let (first, second) = (event(first), event(&arrival.body));
                findings.expect(first == second, format_args!("{id} tells two things: {first} and {second}"));
            }
            known.push(&arrival.body);
            if arrival.answer.is_success() {
                taken.insert(id);
            }
        }
        Self { bodies, taken }
    }

    fn body(&self, id: &str) -> Value {
        self.bodies.get(id).and_then(|bodies| serde_json::from_slice(bodies[0]).ok()).unwrap_or_default()
    }

    /// The job that it tells of.
    fn job(&self, id: &str) -> String {
        text(&self.body(id), "jobId").to_owned()
    }

    /// Whether it only tries an endpoint.
    fn is_trial(&self, id: &str) -> bool {
        self.body(id)["test"] == true
    }
}

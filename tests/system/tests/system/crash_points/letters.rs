//! Dead letters: the drain of the jobs' queues, and what an administrator has tried again.

use std::time::Duration;

use domain::job::{Job, Status};
use http::StatusCode;
use queue::topology::JOBS_DLQ;
use serde_json::{Value, json};

use super::{Flow, disturb};
use crate::invariants::Findings;
use crate::stage::Stage;
use crate::world::{Reply, request, text};

/// A message whose workers died at every receive.
struct Drained {
    attempts: u32,
    max_retries: u32,
}

impl Drained {
    /// A letter about a job whose attempts are used up, or not.
    async fn post(&self, stage: &Stage) -> Job {
        let job = stage.job(&json!({}), self.max_retries).await;
        let held = stage.claimed(&job, self.attempts).await;
        stage.post(&held, JOBS_DLQ).await;
        stage.world.bed.advance(Duration::from_secs(70));
        held
    }
}

impl Flow for Drained {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        self.post(stage).await
    }

    async fn begin(&self, _: &Stage, _: &Job) -> Option<Reply> {
        None
    }

    async fn conclude(&self, stage: &Stage, job: &Job, _: Option<Reply>, findings: &mut Findings) {
        let ended = stage.world.read(job.id).await;
        let over = self.attempts > self.max_retries;
        let wanted = if over { Status::Failed } else { Status::Completed };
        findings.expect(ended.status == wanted, format_args!("it ended as {}", ended.status));
        let run = ended.run.unwrap();
        findings.expect(run.dead_lettered == over, format_args!("dead-lettered: {}", run.dead_lettered));
    }
}

#[tokio::test]
async fn dead_letter_of_a_job_that_is_over() {
    disturb("dead-letter", Drained { attempts: 2, max_retries: 1 }).await;
}

#[tokio::test]
async fn dead_letter_of_a_job_that_may_be_tried_again() {
    disturb("dead-letter-again", Drained { attempts: 1, max_retries: 3 }).await;
}

/// An administrator has what was given up tried again.
struct Redrive;

impl Flow for Redrive {
    type Scene = (Job, String);

    async fn prepare(&self, stage: &mut Stage) -> (Job, String) {
        let job = Drained { attempts: 4, max_retries: 3 }.post(stage).await;
        stage.settle().await;
        let root = testkit::user(&stage.world.bed, "root");
        let user = domain::user::User { role: domain::user::Role::Admin, ..root.user };
        stage.world.store.create_user(&user, &root.email, &root.name).await.unwrap();
        (job, stage.world.token_of(user.id).await)
    }

    async fn begin(&self, stage: &Stage, (_, token): &Self::Scene) -> Option<Reply> {
        stage.world.call_with(redrive(token)).await
    }

    async fn conclude(
        &self,
        stage: &Stage,
        (job, token): &Self::Scene,
        told: Option<Reply>,
        findings: &mut Findings,
    ) {
        let said =
            |reply: &Reply| reply.body["jobs"]["rerun"].as_array().is_some_and(|jobs| !jobs.is_empty());
        let told = told.filter(said);
        let ran = stage.world.read(job.id).await.status == Status::Completed;
        findings.expect(ran || told.is_none(), format_args!("it was said to be tried again: {told:?}"));
        if !ran {
            let again = stage.world.call_with(redrive(token)).await.unwrap();
            findings.expect(again.status == StatusCode::ACCEPTED, format_args!("{again:?}"));
            stage.settle().await;
        }
        let ended = stage.world.read(job.id).await.status;
        findings.expect(ended == Status::Completed, format_args!("it ended as {ended}"));
    }
}

fn redrive(token: &str) -> http::Request<axum::body::Body> {
    let body: Value = json!({"jobs": true, "webhooks": false});
    request(token, "POST", "/admin/dead-letters/redrive", &text(&body))
}

#[tokio::test]
async fn redrive_of_the_dead() {
    disturb("dead-letter-redrive", Redrive).await;
}

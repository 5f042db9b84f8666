//! What its owner does to a job: cancel, edit, delete, pause and resume.

use std::time::Duration;

use domain::job::{Job, Status};
use domain::life;
use domain::schedule::Schedule;
use http::StatusCode;
use queue::topology::JOBS_LOW;
use serde_json::{Value, json};

use super::{Flow, disturb};
use crate::invariants::Findings;
use crate::stage::{Stage, large};
use crate::world::Reply;

struct Cancel {
    running: bool,
}

impl Flow for Cancel {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let job = stage.job(&json!({}), 3).await;
        if !self.running {
            return job;
        }
        let held = stage.claimed(&job, 1).await;
        stage.post(&held, JOBS_LOW).await;
        held
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("POST", &format!("/jobs/{}/cancel", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        let told = told.is_some_and(|reply| reply.status == StatusCode::OK);
        let found = stage.world.read(job.id).await;
        findings.expect(
            !told || found.status == Status::Cancelled,
            format_args!("it was said to be cancelled and is {}", found.status),
        );
        if found.status == Status::Pending {
            stage.insist(None, findings, "POST", &format!("/jobs/{}/cancel", job.id), &Value::Null).await;
        }
        let ended = stage.world.read(job.id).await.status;
        let right = ended == Status::Cancelled || self.running && ended == Status::Completed;
        findings.expect(right, format_args!("it ended as {ended}"));
    }
}

#[tokio::test]
async fn cancel_before_any_run() {
    disturb("cancel-pending", Cancel { running: false }).await;
}

#[tokio::test]
async fn cancel_during_a_run() {
    disturb("cancel-running", Cancel { running: true }).await;
}

/// An edit of everything that can be edited, while the job runs or not.
struct Edit {
    running: bool,
    grows: bool,
}

impl Edit {
    fn body(&self) -> Value {
        let payload = if self.grows { large() } else { json!({"small": true}) };
        json!({"taskName": "edited", "priority": "high", "payload": payload, "maxRetries": 7})
    }
}

impl Flow for Edit {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let payload = if self.grows { json!({"small": true}) } else { large() };
        let job = stage.job(&payload, 3).await;
        if self.running {
            stage.world.ask(job.id, "run").await;
        }
        job
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("PATCH", &format!("/jobs/{}", job.id), &self.body()).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        stage.insist(told, findings, "PATCH", &format!("/jobs/{}", job.id), &self.body()).await;
        let found = stage.world.read(job.id).await;
        let payload = stage.world.store.payload(&found).await.unwrap();
        let payload: Value = serde_json::from_str(payload.as_str()).unwrap();
        let edited = (found.task_name.as_str(), found.max_retries, payload)
            == ("edited", 7, self.body()["payload"].clone());
        findings.expect(edited, format_args!("the edit is lost: {found:?}"));
        let wanted = if self.running { Status::Completed } else { Status::Pending };
        findings.expect(found.status == wanted, format_args!("it is {}", found.status));
    }
}

#[tokio::test]
async fn update_that_grows() {
    disturb("update-grows", Edit { running: false, grows: true }).await;
}

#[tokio::test]
async fn update_that_shrinks_during_a_run() {
    disturb("update-running", Edit { running: true, grows: false }).await;
}

/// A schedule is set, and its first occurrence is near.
struct Reschedule;

impl Flow for Reschedule {
    type Scene = (Job, Value);

    async fn prepare(&self, stage: &mut Stage) -> (Job, Value) {
        stage.world.ticks.set(true);
        let start = stage.world.bed.now().plus(Duration::from_secs(90));
        let schedule = json!({"startTime": start, "missed": "backfill", "recurrence": {"interval": "PT60S", "maxRuns": 2}});
        (stage.job(&json!({}), 3).await, json!({ "schedule": schedule }))
    }

    async fn begin(&self, stage: &Stage, (job, body): &Self::Scene) -> Option<Reply> {
        stage.world.call("PATCH", &format!("/jobs/{}", job.id), body).await
    }

    async fn conclude(
        &self,
        stage: &Stage,
        (job, body): &Self::Scene,
        told: Option<Reply>,
        findings: &mut Findings,
    ) {
        let found = stage.world.read(job.id).await;
        let told = told.filter(|reply| reply.status.is_success());
        if told.is_none() && found.timetable.is_none() {
            stage.insist(None, findings, "PATCH", &format!("/jobs/{}", job.id), body).await;
        }
        let ended = stage.world.read(job.id).await;
        let runs = stage.world.runs_beside(job.id).await.len();
        findings.expect(ended.status == Status::Completed, format_args!("it is {}", ended.status));
        let fires = ended.timetable.map(|table| table.fires);
        findings.expect(fires == Some(2) && runs == 1, format_args!("{fires:?} occurrences, {runs} beside"));
    }
}

#[tokio::test]
async fn update_of_the_schedule() {
    disturb("update-schedule", Reschedule).await;
}

struct Delete {
    running: bool,
}

impl Flow for Delete {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let job = stage.job(&large(), 3).await;
        if self.running {
            let held = stage.claimed(&job, 1).await;
            stage.post(&held, JOBS_LOW).await;
            return held;
        }
        // It has a run and a delivery beside it.
        stage.world.ask(job.id, "run").await;
        stage.settle().await;
        stage.world.ask(job.id, "rerun").await;
        stage.settle().await;
        job
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("DELETE", &format!("/jobs/{}", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        let told = told.is_some_and(|reply| reply.status == StatusCode::OK);
        let there = stage.world.store.job(job.id, stage.world.bed.now()).await.unwrap().is_some();
        findings.expect(!(told && there), "it was said to be deleted");
        if there {
            stage.insist(None, findings, "DELETE", &format!("/jobs/{}", job.id), &Value::Null).await;
        }
        let seen = stage.world.call("GET", &format!("/jobs/{}", job.id), &Value::Null).await.unwrap();
        findings.expect(seen.status == StatusCode::NOT_FOUND, format_args!("it shows: {}", seen.status));
    }
}

#[tokio::test]
async fn delete() {
    disturb("delete", Delete { running: false }).await;
}

#[tokio::test]
async fn delete_during_a_run() {
    disturb("delete-running", Delete { running: true }).await;
}

/// A schedule is paused, and goes on.
struct Rest {
    paused: bool,
}

impl Flow for Rest {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        stage.world.ticks.set(true);
        let start = stage.world.bed.now().plus(Duration::from_secs(240));
        let text = json!({"startTime": start, "recurrence": {"interval": "PT60S", "maxRuns": 1}});
        let mut schedule = Schedule::parse(&text, "/schedule", stage.world.bed.now()).unwrap();
        schedule.paused = self.paused;
        let draft = testkit::job(&stage.world.bed, stage.world.owner);
        let timetable = Some(life::scheduled(schedule, draft.version, stage.world.bed.now()));
        stage.world.written(Job { timetable, ..draft }, &json!({}), &stage.hook("taken")).await
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        let what = if self.paused { "resume" } else { "pause" };
        stage.world.call("POST", &format!("/jobs/{}/{what}", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        let told = told.filter(|reply| reply.status.is_success());
        if told.is_some() || self.paused {
            let found = stage.world.read(job.id).await;
            let wanted = if told.is_none() {
                found.status
            } else if self.paused {
                Status::Completed
            } else {
                Status::Pending
            };
            findings.expect(
                found.status == wanted,
                format_args!("it is {} and should be {wanted}", found.status),
            );
        }
        // Whatever it is now, it can be resumed, and then ends.
        if stage.world.read(job.id).await.status == Status::Pending {
            stage.insist(None, findings, "POST", &format!("/jobs/{}/resume", job.id), &Value::Null).await;
        }
        let ended = stage.world.read(job.id).await.status;
        findings.expect(ended == Status::Completed, format_args!("it ended as {ended}"));
    }
}

#[tokio::test]
async fn pause() {
    disturb("pause", Rest { paused: false }).await;
}

#[tokio::test]
async fn resume() {
    disturb("resume", Rest { paused: true }).await;
}

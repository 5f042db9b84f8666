//! Runs, and every way in which they end.

use std::time::Duration;

use domain::job::{Job, Status};
use domain::message::JobMessage;
use serde_json::{Value, json};

use super::{Flow, disturb};
use crate::invariants::Findings;
use crate::stage::{Stage, large};
use crate::world::Reply;

/// `run` of a job with that payload, and how it must end.
struct Run {
    payload: fn() -> Value,
    max_retries: u32,
    status: Status,
    attempt: u32,
}

impl Flow for Run {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        stage.job(&(self.payload)(), self.max_retries).await
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("POST", &format!("/jobs/{}/run", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        let ended = stage.insist_on_run(told, findings, job).await;
        let run = ended.run.as_ref().unwrap();
        findings.expect(ended.status == self.status, format_args!("it ended as {}", ended.status));
        // A worker that stops costs an attempt.
        findings.expect(run.attempt >= self.attempt, format_args!("it ended at attempt {}", run.attempt));
    }
}

#[tokio::test]
async fn run_completes() {
    let flow = Run { payload: large, max_retries: 3, status: Status::Completed, attempt: 1 };
    disturb("run-completes", flow).await;
}

#[tokio::test]
async fn run_completes_after_a_retry() {
    let payload = || json!({"failTimes": 1});
    let flow = Run { payload, max_retries: 3, status: Status::Completed, attempt: 2 };
    disturb("run-retried", flow).await;
}

#[tokio::test]
async fn run_fails_for_good() {
    let payload = || json!({"fail": true});
    let flow = Run { payload, max_retries: 1, status: Status::Failed, attempt: 2 };
    disturb("run-fails", flow).await;
}

/// An e-mail, and a call.
struct Task {
    task_type: &'static str,
    status: Status,
}

impl Flow for Task {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let payload = match self.task_type {
            "email" => json!({"to": "bob@example.com", "subject": "hello", "text": "hello"}),
            _ if self.status == Status::Failed => json!({"url": stage.hook("broken"), "method": "POST"}),
            _ => json!({"url": stage.hook("taken"), "method": "POST"}),
        };
        let task_type = self.task_type.to_owned();
        let draft = testkit::job(&stage.world.bed, stage.world.owner);
        let job = Job { task_type, max_retries: 1, ..draft };
        stage.world.written(job, &payload, &stage.hook("taken")).await
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("POST", &format!("/jobs/{}/run", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, job: &Job, told: Option<Reply>, findings: &mut Findings) {
        let ended = stage.insist_on_run(told, findings, job).await;
        // Both attempts may be lost to one process that stops and one call that fails.
        let right = ended.status == self.status || ended.run.as_ref().unwrap().attempt == 2;
        findings.expect(right, format_args!("it ended as {}: {:?}", ended.status, ended.run));
        let own = |one: &&crate::sink::Arrival| !one.headers.contains_key("webhook-id");
        let calls = stage.sink.arrivals().iter().filter(own).count();
        let mails = stage.world.bed.engine.sent_mail().len();
        let (done, most) = (calls.max(mails), if self.status == Status::Failed { 3 } else { 2 });
        findings.expect(done >= 1 && done <= most, format_args!("it was done {done} times"));
    }
}

#[tokio::test]
async fn run_sends_an_email() {
    disturb("run-email", Task { task_type: "email", status: Status::Completed }).await;
}

#[tokio::test]
async fn run_calls_a_url() {
    disturb("run-http", Task { task_type: "http", status: Status::Completed }).await;
}

#[tokio::test]
async fn run_calls_a_url_in_vain() {
    disturb("run-http-fails", Task { task_type: "http", status: Status::Failed }).await;
}

/// A run of a job that has run.
struct Rerun;

impl Flow for Rerun {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let job = stage.job(&json!({}), 3).await;
        stage.world.ask(job.id, "run").await;
        stage.settle().await;
        stage.world.read(job.id).await
    }

    async fn begin(&self, stage: &Stage, job: &Job) -> Option<Reply> {
        stage.world.call("POST", &format!("/jobs/{}/rerun", job.id), &Value::Null).await
    }

    async fn conclude(&self, stage: &Stage, first: &Job, told: Option<Reply>, findings: &mut Findings) {
        let path = format!("/jobs/{}/rerun", first.id);
        let ran = |job: &Job| job.run.as_ref().map(|run| run.id) != first.run.as_ref().map(|run| run.id);
        if !ran(&stage.world.read(first.id).await) {
            let told = told.inspect(|reply| {
                findings.expect(!reply.status.is_success(), "it was said to run again and did not");
            });
            stage.insist(told, findings, "POST", &path, &Value::Null).await;
        }
        let second = stage.world.read(first.id).await;
        findings.expect(second.status == Status::Completed, format_args!("it ended as {}", second.status));
        let beside = stage.world.runs_beside(first.id).await;
        let kept = beside.iter().any(|run| Some(run.id) == first.run.as_ref().map(|run| run.id));
        findings.expect(kept, format_args!("the first run was not put aside: {beside:?}"));
    }
}

#[tokio::test]
async fn rerun() {
    disturb("rerun", Rerun).await;
}

/// A run whose worker is gone: its message comes again when the lease is over.
struct Taken {
    attempts: u32,
    max_retries: u32,
    status: Status,
}

impl Flow for Taken {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        let job = stage.job(&json!({}), self.max_retries).await;
        let held = stage.claimed(&job, self.attempts).await;
        stage.post(&held, queue::topology::JOBS_LOW).await;
        stage.world.bed.advance(Duration::from_secs(70));
        held
    }

    async fn begin(&self, _: &Stage, _: &Job) -> Option<Reply> {
        None
    }

    async fn conclude(&self, stage: &Stage, job: &Job, _: Option<Reply>, findings: &mut Findings) {
        let ended = stage.world.read(job.id).await;
        findings.expect(ended.status == self.status, format_args!("it ended as {}", ended.status));
    }
}

#[tokio::test]
async fn run_is_taken_over() {
    disturb("run-taken-over", Taken { attempts: 1, max_retries: 3, status: Status::Completed }).await;
}

#[tokio::test]
async fn run_is_lost() {
    disturb("run-lost", Taken { attempts: 2, max_retries: 1, status: Status::Failed }).await;
}

impl Stage {
    /// The job in the hands of a worker who will never answer, in that attempt.
    pub(super) async fn claimed(&self, job: &Job, attempt: u32) -> Job {
        let bed = &self.world.bed;
        let run = domain::id::RunId::fresh(bed.now(), bed.ambient.entropy());
        let mut held = job.clone();
        for nth in 0..attempt {
            if nth > 0 {
                bed.advance(domain::life::LEASE);
            }
            held = domain::life::claim(&held, run, 7 + nth, bed.now());
            let written = self.world.store.replace_job(&held).await.unwrap();
            assert!(matches!(written, store::Replaced::Written));
        }
        held
    }

    /// Puts the job's run message into a queue.
    pub(super) async fn post(&self, job: &Job, queue: queue::topology::Queue) {
        let message = JobMessage::run(job.id, job.run.as_ref().unwrap().id, job.version);
        let body = serde_json::to_string(&message).unwrap();
        self.world.send(&self.world.bed.queue(queue.name), &body, 0).await;
    }
}

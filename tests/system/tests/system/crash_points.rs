//! Crash points: every flow, disturbed at each call that it makes to AWS by each fault that can befall that call.
//!
//! A case is a world of its own. What the flow needs is prepared; then the flow begins, with the fault planned, and goes
//! on until the queues are empty, however long that takes in virtual time. A process that stood still goes on only then,
//! when its lease and the visibility timeout of its message are long over. In the end the client asks again for what it
//! was not told, and everything must hold that [`crate::invariants`] knows of.
//!
//! `cargo xtask crash-points` counts the cases.

mod accounts;
mod changes;
mod creations;
mod letters;
mod receivers;
mod runs;
mod ticks;

use std::panic::AssertUnwindSafe;

use domain::job::Job;
use futures::FutureExt;
use http::StatusCode;
use serde_json::Value;
use testkit::{Case, Seen, every_point};

use crate::invariants::Findings;
use crate::stage::Stage;
use crate::world::Reply;

/// A flow, from its beginning to what must have come of it.
trait Flow {
    /// What was prepared.
    type Scene;

    /// Prepares it. Nothing goes wrong here.
    async fn prepare(&self, stage: &mut Stage) -> Self::Scene;

    /// Begins it: a request, a tick, or nothing where a message does. What the client is told, if it is told.
    async fn begin(&self, stage: &Stage, scene: &Self::Scene) -> Option<Reply>;

    /// Asks again for what was not told, and looks whether all has come of it. Nothing goes wrong here.
    async fn conclude(
        &self,
        stage: &Stage,
        scene: &Self::Scene,
        told: Option<Reply>,
        findings: &mut Findings,
    );
}

/// Runs the flow in all its cases.
async fn disturb(name: &'static str, flow: impl Flow) {
    every_point(name, async |case| run(&flow, case).await).await.conclude();
}

async fn run(flow: &impl Flow, case: Case) -> Seen {
    let mut stage = Stage::new().await;
    let mut seen = Seen::default();
    let played = AssertUnwindSafe(play(&mut stage, flow, case, &mut seen)).catch_unwind().await;
    if let Err(panic) = played {
        seen.violations.push(crate::stage::said(&*panic));
        seen.calls = stage.world.bed.faults.calls();
        seen.struck |= stage.world.has_struck();
    }
    seen
}

async fn play(stage: &mut Stage, flow: &impl Flow, case: Case, seen: &mut Seen) {
    let scene = flow.prepare(stage).await;
    match case.strike {
        Some((fault, call)) => stage.world.plan(call, fault),
        None => stage.world.bed.faults.clear(),
    }
    let told = flow.begin(stage, &scene).await;
    stage.settle().await;
    // Whoever wakes up now sees that time has passed.
    stage.world.pass(1);
    if stage.world.thaw().await {
        stage.settle().await;
    }
    seen.calls = stage.world.bed.faults.calls();
    seen.struck = stage.world.has_struck();
    stage.world.bed.faults.clear();
    let mut findings = Findings::default();
    flow.conclude(stage, &scene, told, &mut findings).await;
    stage.settle().await;
    let arrivals = stage.sink.arrivals().clone();
    stage.world.check(&arrivals, &mut findings).await;
    seen.violations = findings.into_violations();
}

impl Stage {
    /// Whether a call was answered as it should be; otherwise it is asked for again, as its client would.
    ///
    /// A client that is told nothing, that the service is not to be had or that others were quicker asks again.
    /// Whatever else it is told is final.
    async fn insist(
        &self,
        told: Option<Reply>,
        findings: &mut Findings,
        method: &str,
        path: &str,
        body: &Value,
    ) -> Value {
        let mut told = told;
        for _ in 0..3 {
            match told {
                Some(reply) if reply.status.is_success() => return reply.body,
                Some(reply) if !is_passing(reply.status) => {
                    findings.expect(false, format_args!("{method} {path}: {} {}", reply.status, reply.body));
                    return reply.body;
                }
                _ => {}
            }
            told = self.world.call(method, path, body).await;
            self.settle().await;
        }
        findings.expect(false, format_args!("{method} {path} never succeeds: {told:?}"));
        Value::Null
    }

    /// Runs the job unless it has run: a start that its client was not told of may have taken place.
    async fn insist_on_run(&self, told: Option<Reply>, findings: &mut Findings, job: &Job) -> Job {
        let pending = self.world.read(job.id).await.run.is_none();
        match told {
            Some(reply) if reply.status.is_success() => {
                findings.expect(!pending, format_args!("{} was said to run and never ran", job.id));
            }
            told => {
                let told = told.filter(|_| pending);
                if pending {
                    self.insist(told, findings, "POST", &format!("/jobs/{}/run", job.id), &Value::Null).await;
                }
            }
        }
        self.world.read(job.id).await
    }
}

/// Whether it may go better another time. A race that was lost to nobody is the fault's doing.
fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
}

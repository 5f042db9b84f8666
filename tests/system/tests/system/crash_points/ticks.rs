//! Ticks, and the occurrences that they announce.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::job::{Job, Status};
use domain::life;
use domain::schedule::Schedule;
use serde_json::{Value, json};

use super::{Flow, disturb};
use crate::invariants::Findings;
use crate::stage::Stage;
use crate::world::Reply;

/// A schedule, and a tick some time after it was set.
struct Tick {
    schedule: fn() -> Value,
    /// How long nobody has ticked.
    late: u64,
    /// How many occurrences must have run in the end, if nothing is left out: not one that comes during a run, or too
    /// late.
    runs: (usize, usize),
}

impl Flow for Tick {
    type Scene = Job;

    async fn prepare(&self, stage: &mut Stage) -> Job {
        // In every second minute a tick looks at the shards that nothing is in, too.
        stage.world.pass(60);
        let (bed, draft) = (&stage.world.bed, testkit::job(&stage.world.bed, stage.world.owner));
        let mut schedule = (self.schedule)();
        if schedule["startTime"].is_null() {
            schedule["startTime"] = json!(bed.now().plus(Duration::from_secs(100)));
        }
        let schedule = Schedule::parse(&schedule, "/schedule", bed.now()).unwrap();
        let timetable = Some(life::scheduled(schedule, draft.version, bed.now()));
        let job = stage.world.written(Job { timetable, ..draft }, &json!({}), &stage.hook("taken")).await;
        stage.world.pass(self.late);
        stage.world.ticks.set(true);
        job
    }

    async fn begin(&self, stage: &Stage, _: &Job) -> Option<Reply> {
        stage.world.tick().await;
        None
    }

    async fn conclude(&self, stage: &Stage, job: &Job, _: Option<Reply>, findings: &mut Findings) {
        let ended = stage.world.read(job.id).await;
        findings.expect(ended.status == Status::Completed, format_args!("it ended as {}", ended.status));
        let mut runs = stage.world.runs_beside(job.id).await;
        runs.extend(ended.run.clone());
        let due: BTreeSet<_> = runs.iter().map(|run| run.due_at).collect();
        let (least, most) = self.runs;
        findings.expect((least..=most).contains(&due.len()), format_args!("{due:?} have run"));
        for run in &runs {
            let early = run.due_at.is_none_or(|due| run.started_at < due);
            findings.expect(!early, format_args!("an occurrence was early: {run:?}"));
        }
        let fires = ended.timetable.map_or(0, |table| table.fires as usize);
        findings.expect(fires == due.len(), format_args!("{fires} are counted, {due:?} have run"));
    }
}

fn thrice(missed: &str) -> Value {
    json!({"recurrence": {"interval": "PT100S", "maxRuns": 3}, "missed": missed})
}

#[tokio::test]
async fn tick_of_a_job_that_runs_once() {
    disturb("tick-one-time", Tick { schedule: || json!({}), late: 0, runs: (1, 1) }).await;
}

#[tokio::test]
async fn tick_of_a_recurring_job() {
    disturb("tick-recurring", Tick { schedule: || thrice("run_once"), late: 0, runs: (1, 3) }).await;
}

#[tokio::test]
async fn tick_of_a_backfill() {
    disturb("tick-backfill", Tick { schedule: || thrice("backfill"), late: 0, runs: (3, 3) }).await;
}

#[tokio::test]
async fn tick_that_comes_too_late_for_some() {
    disturb("tick-missed", Tick { schedule: || thrice("run_once"), late: 1_800, runs: (1, 3) }).await;
}

#[tokio::test]
async fn tick_of_a_backfill_of_what_was_missed() {
    disturb("tick-missed-backfill", Tick { schedule: || thrice("backfill"), late: 1_800, runs: (3, 3) })
        .await;
}

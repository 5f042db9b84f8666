//! Ticks that come twice, overlap, or do not come: each occurrence starts once.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::id::JobId;
use domain::job::{Job, JobWebhook, Run, Status};
use domain::life;
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::time::Moment;
use serde_json::{Value, json};
use store::{Created, NewJob};

use crate::world::{Hands, World};

/// How much virtual time a step takes: occurrences come between ticks too.
const STEP: Duration = Duration::from_secs(20);
/// How many steps a schedule of these tests is given.
const STEPS: usize = 60;

impl World {
    /// A job with that schedule, which nobody has announced.
    pub(crate) async fn scheduled(&self, schedule: &Value) -> Job {
        let webhook = JobWebhook { url: "https://example.com/hook".to_owned(), secret: None };
        if self.bed.now().as_millis() / 60_000 % 2 == 0 {
            // In every second minute a tick looks at the shards that nothing is in, too.
            self.bed.advance(Duration::from_secs(60));
        }
        let schedule = Schedule::parse(schedule, "/schedule", self.bed.now()).unwrap();
        let draft = testkit::job(&self.bed, self.owner);
        let timetable = Some(life::scheduled(schedule, draft.version, self.bed.now()));
        let job = Job { webhook: Some(webhook), timetable, ..draft };
        let new = NewJob { job, payload: Payload::empty() };
        match self.store.create_job(new, None, self.bed.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    /// Every run of the job that is still in the table, the oldest first.
    pub(crate) async fn runs(&self, id: JobId) -> Vec<Run> {
        let (mut runs, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.earlier_runs(id, after, 100, Moment::from_millis(0)).await.unwrap();
            runs.extend(page.runs);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        runs.reverse();
        runs.extend(self.read(id).await.run);
        runs
    }

    /// Lets time pass with a tick every other minute, until the job has ended: what one does not reach is left
    /// to the next for longer than in life.
    async fn see_through(&self, id: JobId, case: &str) {
        for step in 0..STEPS {
            self.work_off().await;
            if self.read(id).await.status.is_end() && !self.is_busy() {
                return;
            }
            self.bed.advance(STEP);
            if step % 6 == 5 {
                self.tick().await;
            }
        }
        panic!("{case}: the job never ends: {:#?}", self.read(id).await);
    }

    fn is_busy(&self) -> bool {
        queue::topology::ALL.into_iter().any(|queue| self.depth(queue) != (0, 0, 0))
    }

    /// Each of these occurrences started one run, which completed at its first attempt, and no other did.
    async fn assert_each_once(&self, id: JobId, due: &[Moment], case: &str) {
        let mut started: BTreeMap<Option<Moment>, u32> = BTreeMap::new();
        for run in self.runs(id).await {
            assert_eq!((run.outcome, run.attempt), (Some(Status::Completed), 1), "{case}: {run:?}");
            assert!(run.started_at >= run.due_at.unwrap(), "{case}: early: {run:?}");
            *started.entry(run.due_at).or_default() += 1;
        }
        let wanted: BTreeMap<_, _> = due.iter().map(|due| (Some(*due), 1)).collect();
        assert_eq!(started, wanted, "{case}");
        assert_eq!(self.read(id).await.timetable.unwrap().fires as usize, due.len(), "{case}");
    }
}

async fn tick(hands: &Hands) {
    hands.scheduler.handle(Value::Null).await;
}

fn thrice(missed: &str) -> Value {
    json!({"recurrence": {"interval": "PT100S", "maxRuns": 3}, "missed": missed})
}

fn occurrences(job: &Job) -> Vec<Moment> {
    let first = job.timetable.as_ref().unwrap().next.unwrap();
    (0..3).map(|i| first.plus(Duration::from_secs(100 * i))).collect()
}

#[tokio::test]
async fn ticks_that_overlap_or_run_twice() {
    for (operation, nth) in [("Query", 0), ("Query", 1), ("SendMessageBatch", 0), ("UpdateItem", 0)] {
        let world = World::new().await;
        let job = world.scheduled(&thrice("run_once")).await;
        let (slow, gate) = world.held_up(operation, nth);
        let slow = tokio::spawn(async move { tick(&slow).await });
        gate.reached().await;
        world.tick().await;
        world.tick().await;
        gate.open();
        slow.await.unwrap();
        world.see_through(job.id, operation).await;
        world.assert_each_once(job.id, &occurrences(&job), operation).await;
    }
}

#[tokio::test]
async fn a_tick_that_is_held_up_until_its_occurrences_are_over() {
    let world = World::new().await;
    let job = world.scheduled(&thrice("run_once")).await;
    let (slow, gate) = world.held_up("SendMessageBatch", 0);
    let slow = tokio::spawn(async move { tick(&slow).await });
    gate.reached().await;
    world.see_through(job.id, "").await;
    gate.open();
    slow.await.unwrap();
    world.see_through(job.id, "").await;
    world.assert_each_once(job.id, &occurrences(&job), "").await;
}

#[tokio::test]
async fn an_edit_between_the_tick_and_the_occurrence() {
    let world = World::new().await;
    let job = world.scheduled(&thrice("run_once")).await;
    world.tick().await;
    let later = world.bed.now().plus(Duration::from_secs(400));
    let schedule = Schedule::parse(&json!({"startTime": later}), "/schedule", world.bed.now()).unwrap();
    let edited = life::reschedule(&job, Some(schedule), world.present());
    assert!(matches!(world.store.replace_job(&edited).await.unwrap(), store::Replaced::Written));
    world.see_through(job.id, "").await;
    world.assert_each_once(job.id, &[later], "").await;
}

//! What must hold of a job when nothing is left to do for it.

use std::collections::BTreeMap;

use domain::event::EventType;
use domain::id::{JobId, WebhookId};
use domain::job::{Job, Run, Status};
use domain::message::Deliver;

use crate::world::World;

impl World {
    /// The job has ended, nobody holds it, each attempt began once, and its webhook was asked for.
    pub(crate) async fn assert_ended(&self, id: JobId, case: &str) -> Job {
        let job = self.read(id).await;
        let run = job.run.as_ref().expect("a run");
        assert!(job.status.is_end(), "{case}: {job:#?}");
        assert_eq!((run.lease, run.not_before, run.outcome), (None, None, Some(job.status)), "{case}");
        assert!(run.completed_at.is_some(), "{case}");
        self.assert_told(&job, run, case);
        let earlier = self.store.earlier_runs(id, None, 100, self.bed.now()).await.unwrap();
        assert_each_began_once(&job, earlier.runs.len() + 1, case);
        // One id, one body: a receiver may drop a repeated id unread.
        let mut bodies: BTreeMap<_, &str> = BTreeMap::new();
        let asked = self.asked.borrow();
        for one in asked.iter() {
            let known = bodies.entry((one.webhook_id, one.cancel_id)).or_insert(&one.body);
            assert_eq!(*known, one.body, "{case}");
        }
        job
    }

    /// The webhook of that run's end was asked for, and would be delivered.
    pub(crate) fn assert_told(&self, job: &Job, run: &Run, case: &str) {
        let event = run.outcome.and_then(EventType::of).expect("an end");
        let ended = run.completed_at.expect("an end");
        let wanted = WebhookId::derive(run.id, event, ended, "job");
        let holds = |one: &&Deliver| {
            let shown = one.cancel_id.is_none() || one.cancel_id == job.cancel_id;
            one.webhook_id == wanted && (shown || job.run.as_ref().is_some_and(|last| last.id != run.id))
        };
        let asked = self.asked.borrow();
        assert!(asked.iter().any(|one| holds(&one)), "{case}: nobody was told: {asked:#?}");
    }

    /// The job completed, with that attempt.
    pub(crate) async fn assert_completed(&self, id: JobId, attempt: u32) -> Job {
        let job = self.assert_ended(id, "").await;
        assert_eq!((job.status, job.run.as_ref().unwrap().attempt), (Status::Completed, attempt));
        job
    }
}

/// The log counts each run's attempts from 1, with no number twice.
fn assert_each_began_once(job: &Job, runs: usize, case: &str) {
    let number = |text: &str| text.strip_prefix("attempt ")?.strip_suffix(" started")?.parse::<u32>().ok();
    let numbers: Vec<_> = job.log.entries().iter().filter_map(|entry| number(&entry.message)).collect();
    let first = numbers.iter().filter(|number| **number == 1).count();
    let in_turn = numbers.windows(2).all(|two| two[1] == 1 || two[1] == two[0] + 1);
    assert!(first <= runs && in_turn, "{case}: {numbers:?} in {runs} runs");
}

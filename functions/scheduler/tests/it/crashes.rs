//! A tick that dies, or is cut off, at any of its calls to AWS.

use std::time::Duration;

use domain::job::{Job, Priority, Status};
use domain::life::{self, Present, Trigger, Verdict};
use domain::message::JobMessage;
use scheduler::Scheduler;
use serde_json::Value;
use store::Shards;
use testkit::{Fault, When};

use crate::tower::{Tower, runs};

const FAULTS: [Fault; 6] = [
    Fault::DiesBefore,
    Fault::DiesAfter,
    Fault::Unreached,
    Fault::AnswerLost,
    Fault::Throttled,
    Fault::ServerError,
];
/// One call at a time: the calls of a tick are the same each time.
const ONE_BY_ONE: [(&str, &str); 2] = [("DUE_SHARDS", "4"), ("TICK_PARALLELISM", "1")];
/// Four queries, two batches, and an update for each of four jobs.
const CALLS: usize = 10;

#[tokio::test]
async fn wherever_a_tick_dies_every_occurrence_starts_once() {
    for fault in FAULTS {
        for nth in 0..CALLS {
            let case = format!("{fault:?} at call {nth}");
            let tower = tower().await;
            let jobs = due(&tower).await;
            let scheduler = tower.scheduler(&ONE_BY_ONE);
            tower.bed.faults.plan(When::Nth(nth), fault, None);
            survive(&tower, &scheduler).await;
            assert_eq!(tower.bed.faults.strikes(), 1, "{case}");
            tower.bed.faults.clear();
            // The worker gets what was sent, then the next tick comes, and the worker gets the rest.
            let mut started = work_off(&tower, &jobs, &case).await;
            tower.pass(60);
            let next = tower.tick().await;
            assert_eq!(next.trouble, None, "{case}");
            tower.pass(60);
            started += work_off(&tower, &jobs, &case).await;
            assert_eq!(started, jobs.len(), "{case}");
            // Nothing is left, not even at the time of the look back.
            tower.pass(240);
            assert_eq!(tower.tick().await.sent, 0, "{case}");
            assert_eq!(work_off(&tower, &jobs, &case).await, 0, "{case}");
        }
    }
}

#[tokio::test]
async fn a_tick_makes_so_many_calls() {
    let tower = tower().await;
    let jobs = due(&tower).await;
    tower.bed.faults.clear();
    assert_eq!(tower.scheduler(&ONE_BY_ONE).handle(Value::Null).await.sent, jobs.len());
    assert_eq!(tower.bed.faults.calls().len(), CALLS);
}

/// What died in the middle of two ticks, and what they did together, is made up for by the third.
#[tokio::test]
async fn a_tick_that_dies_while_another_is_on_costs_nothing() {
    for nth in (0..CALLS).step_by(2) {
        let case = format!("call {nth}");
        let tower = tower().await;
        let jobs = due(&tower).await;
        let (dying, other) = (tower.scheduler(&ONE_BY_ONE), tower.scheduler(&[]));
        tower.bed.faults.plan(When::Nth(nth), Fault::DiesAfter, None);
        futures::join!(survive(&tower, &dying), survive(&tower, &other));
        tower.bed.faults.clear();
        let mut started = work_off(&tower, &jobs, &case).await;
        tower.pass(60);
        assert_eq!(tower.tick().await.trouble, None, "{case}");
        tower.pass(60);
        started += work_off(&tower, &jobs, &case).await;
        assert_eq!(started, jobs.len(), "{case}");
    }
}

async fn tower() -> Tower {
    let mut tower = Tower::new().await;
    tower.store = tower.store.with_shards(Shards::new(4).unwrap());
    tower
}

/// Jobs of two priorities, late ones and early ones.
async fn due(tower: &Tower) -> Vec<Job> {
    let mut jobs = vec![tower.urgent_job(0, Priority::High).await, tower.urgent_job(5, Priority::Low).await];
    tower.pass(20);
    jobs.push(tower.urgent_job(0, Priority::High).await);
    jobs.push(tower.urgent_job(90, Priority::Low).await);
    jobs
}

/// A tick, unless its process dies.
async fn survive(tower: &Tower, scheduler: &Scheduler) {
    let death = async {
        while tower.bed.faults.strikes() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The call before the death takes effect, and one that only failed is lived through.
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        biased;
        _ = scheduler.handle(Value::Null) => {}
        () = death => {}
    }
}

/// Does with every message what a worker does, and answers how many runs that started. A run that is on ends
/// at once.
async fn work_off(tower: &Tower, jobs: &[Job], case: &str) -> usize {
    let mut started = 0;
    for message in tower.received().await {
        assert_eq!(runs(std::slice::from_ref(&message)).len(), 1);
        let JobMessage::Fire { job_id, run_id, schedule_rev, due_at, .. } = message.1 else { unreachable!() };
        assert!(jobs.iter().any(|job| job.id == job_id && job.priority == message.0), "{case}");
        let job = tower.store.job(job_id, tower.now()).await.unwrap().unwrap();
        let at = Present { now: tower.now(), keep: None };
        match life::accept(
            &job,
            run_id,
            Trigger::Fire { rev: schedule_rev, due_at },
            7,
            std::time::Duration::ZERO,
            at,
        ) {
            Verdict::Claim { next } => {
                let held = tower.replace(*next).await;
                let attempt = life::Attempt { run: run_id, number: 1 };
                let done = life::Ending::Done { result: None };
                let ended = tower.replace(life::finish(&held, attempt, &done, at).unwrap()).await;
                assert_eq!(ended.status, Status::Completed, "{case}");
                started += 1;
            }
            verdict => assert_eq!(verdict, Verdict::Settle, "{case}"),
        }
    }
    started
}

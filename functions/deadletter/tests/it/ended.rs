//! Runs that end here, and messages about nothing.

use std::time::Duration;

use domain::job::{Job, Status};
use domain::life::{self, Attempt, Ending};
use queue::topology::JOBS_HIGH;

use crate::morgue::{Morgue, message_of};

/// It has ended here, and its worker is asked to tell of it.
async fn is_dead_lettered(morgue: &Morgue, before: &Job, rescued: u32) {
    assert_eq!(morgue.step().await, (1, 0));
    let job = morgue.read(before).await;
    let (run, then) = (job.run.as_ref().unwrap(), before.run.as_ref().unwrap());
    assert_eq!((job.status, job.version), (Status::Failed, before.version + 1));
    assert_eq!((run.id, run.attempt, run.dead_lettered), (then.id, then.attempt, true));
    assert_eq!((run.completed_at, run.outcome, run.lease), (Some(morgue.now()), Some(Status::Failed), None));
    assert!(run.last_error.as_ref().unwrap().starts_with("dead-lettered: "));
    assert_eq!(job.log.entries().last().unwrap().message, "dead-lettered");
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&job, rescued + 1)]);
}

#[tokio::test]
async fn the_second_time_it_ends_though_attempts_are_left() {
    let morgue = Morgue::new().await;
    let queued = morgue.running().await;
    morgue.bury_run(&queued, 1).await;
    is_dead_lettered(&morgue, &queued, 1).await;
    let lapsed = morgue.held(1).await;
    morgue.pass(66);
    morgue.bury_run(&lapsed, 1).await;
    is_dead_lettered(&morgue, &lapsed, 1).await;
}

#[tokio::test]
async fn without_attempts_left_it_ends_at_once() {
    let morgue = Morgue::new().await;
    let job = morgue.held(2).await;
    morgue.pass(66);
    morgue.bury_run(&job, 0).await;
    is_dead_lettered(&morgue, &job, 0).await;
}

#[tokio::test]
async fn a_run_that_was_announced_and_never_written_ends_under_its_own_id() {
    let morgue = Morgue::new().await;
    let mut job = morgue.job().await;
    job.run = Some(domain::job::Run::new(morgue.run_id(), morgue.now()));
    morgue.bury_run(&job, 1).await;
    is_dead_lettered(&morgue, &job, 1).await;
}

#[tokio::test]
async fn a_run_that_has_ended_is_settled_by_a_worker() {
    let morgue = Morgue::new().await;
    let held = morgue.held(1).await;
    let attempt = Attempt { run: held.run.as_ref().unwrap().id, number: 1 };
    let done = Ending::Done { result: None };
    let ended = morgue.replace(life::finish(&held, attempt, &done, morgue.now()).unwrap()).await;
    for rescued in [0, 1, 7] {
        morgue.bury_run(&ended, rescued).await;
        assert_eq!(morgue.step().await, (1, 0));
        assert_eq!(morgue.read(&ended).await, ended);
        assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&ended, rescued + 1)]);
    }
    // And so is one that another run has taken the place of.
    morgue.store.archive_run(ended.id, ended.run.as_ref().unwrap(), None).await.unwrap();
    let rerun = morgue.replace(life::start(&ended, morgue.run_id(), morgue.now())).await;
    morgue.bury_run(&ended, 0).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert_eq!(morgue.read(&ended).await, rerun);
    let asked = &morgue.fresh(JOBS_HIGH).await[..];
    let wanted = message_of(&Job { version: rerun.version, ..ended }, 1);
    assert_eq!(asked, [wanted]);
}

#[tokio::test]
async fn what_is_about_nothing_is_dropped() {
    let morgue = Morgue::new().await;
    // No message at all.
    for text in ["{", r#"{"kind":"explode"}"#] {
        morgue.bury(text).await;
        assert_eq!(morgue.step().await, (1, 0));
    }
    // No job.
    let mut nobody = morgue.job().await;
    nobody.id = domain::id::JobId::fresh(morgue.now(), morgue.bed.ambient.entropy());
    nobody.run = Some(domain::job::Run::new(morgue.run_id(), morgue.now()));
    morgue.bury_run(&nobody, 0).await;
    // A deleted job.
    let deleted = morgue.held(2).await;
    morgue.replace(life::delete(&deleted, morgue.now(), Duration::from_secs(9_999))).await;
    morgue.bury_run(&deleted, 0).await;
    // A run that lost its race against another.
    let mut loser = morgue.running().await;
    let winner = morgue.read(&loser).await;
    loser.run = Some(domain::job::Run::new(morgue.run_id(), morgue.now()));
    morgue.bury_run(&loser, 0).await;
    morgue.pass(100);
    assert_eq!(morgue.step().await, (3, 0));
    assert_eq!(morgue.read(&winner).await, winner);
    assert!(morgue.is_idle());
}

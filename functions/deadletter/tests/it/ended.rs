//! Runs that end here, and messages about nothing.

use std::time::Duration;

use domain::job::{Job, Status};
use domain::life::{self, Attempt, Ending, Trigger};
use domain::message::JobMessage;
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
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(before, rescued.saturating_add(1))]);
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
async fn a_letter_may_have_been_rescued_as_often_as_can_be_counted() {
    let morgue = Morgue::new().await;
    let queued = morgue.running().await;
    morgue.bury_run(&queued, u32::MAX).await;
    is_dead_lettered(&morgue, &queued, u32::MAX).await;
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
    let ended = morgue.replace(life::finish(&held, attempt, &done, morgue.present()).unwrap()).await;
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
    assert_eq!(asked, [message_of(&ended, 1)], "the version is the old one");
}

#[tokio::test]
async fn a_run_that_it_ends_over_an_ended_one_leaves_that_one_aside() {
    let morgue = Morgue::new().await;
    let held = morgue.held(1).await;
    let first = held.run.clone().unwrap().id;
    let done = Ending::Done { result: None };
    let ended = life::finish(&held, Attempt { run: first, number: 1 }, &done, morgue.present()).unwrap();
    let ended = morgue.replace(ended).await;
    // The message of a rerun that was never written, and whose workers died before they could claim.
    let second = morgue.run_id();
    let announced = Job { run: Some(domain::job::Run::new(second, morgue.now())), ..ended.clone() };
    morgue.bury_run(&announced, 1).await;
    assert_eq!(morgue.step().await, (1, 0));
    let now = morgue.read(&ended).await;
    assert_eq!((now.status, now.run.map(|run| run.id)), (Status::Failed, Some(second)));
    assert_eq!(morgue.store.archived_run(ended.id, first).await.unwrap(), ended.run);
}

#[tokio::test]
async fn a_letter_about_an_earlier_run_does_not_start_the_job_again() {
    let morgue = Morgue::new().await;
    let held = morgue.held(1).await;
    let first = held.run.clone().unwrap();
    let done = Ending::Done { result: None };
    let end =
        |job: &Job, run| life::finish(job, Attempt { run, number: 1 }, &done, morgue.present()).unwrap();
    let ended = morgue.replace(end(&held, first.id)).await;
    morgue.store.archive_run(ended.id, ended.run.as_ref().unwrap(), None).await.unwrap();
    let again = morgue.run_id();
    let rerun = morgue.replace(life::claim(&ended, again, 1, morgue.now())).await;
    let ended_again = morgue.replace(end(&rerun, again)).await;
    morgue.bury_run(&ended, 0).await;
    assert_eq!(morgue.step().await, (1, 0));
    let [JobMessage::Run { run_id, version, .. }] = morgue.fresh(JOBS_HIGH).await[..] else {
        panic!("one message")
    };
    assert_eq!(run_id, first.id);
    let verdict =
        life::accept(&ended_again, run_id, Trigger::Run { version }, 1, Duration::ZERO, morgue.present());
    assert_eq!(verdict, life::Verdict::Stale, "a worker settles it, and claims nothing");
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

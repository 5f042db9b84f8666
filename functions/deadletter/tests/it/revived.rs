//! Runs that can still go on.

use std::time::Duration;

use domain::life::{self, Attempt, Ending};
use domain::message::JobMessage;
use queue::topology::{JOBS_HIGH, JOBS_LOW};

use crate::morgue::{Morgue, message_of};

#[tokio::test]
async fn while_somebody_works_on_it_it_is_looked_at_again_when_the_lease_has_lapsed() {
    let morgue = Morgue::new().await;
    let job = morgue.held(2).await;
    morgue.bury_run(&job, 0).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert_eq!(morgue.read(&job).await, job);
    assert_eq!(morgue.depth(JOBS_HIGH), (0, 0, 1));
    morgue.pass(65);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, []);
    morgue.pass(1);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&job, 1)]);
}

#[tokio::test]
async fn while_attempts_are_left_it_goes_on_once_more() {
    let morgue = Morgue::new().await;
    let lapsed = morgue.held(1).await;
    morgue.pass(66);
    let queued = morgue.running().await;
    let mut before = morgue.job().await;
    before.run = Some(domain::job::Run::new(morgue.run_id(), morgue.now()));
    for job in [lapsed, queued, before] {
        morgue.bury_run(&job, 0).await;
        assert_eq!(morgue.step().await, (1, 0));
        assert_eq!(morgue.read(&job).await.version, job.version);
        assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&job, 1)]);
    }
}

#[tokio::test]
async fn an_attempt_that_waits_for_its_time_keeps_it() {
    let morgue = Morgue::new().await;
    let held = morgue.held(1).await;
    let attempt = Attempt { run: held.run.as_ref().unwrap().id, number: 1 };
    let failed = Ending::Failed { error: "no".to_owned(), delay: Duration::from_secs(30) };
    let waiting = morgue.replace(life::finish(&held, attempt, &failed, morgue.present()).unwrap()).await;
    morgue.bury_run(&waiting, 0).await;
    assert_eq!(morgue.step().await, (1, 0));
    morgue.pass(29);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, []);
    morgue.pass(1);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&waiting, 1)]);
}

#[tokio::test]
async fn a_purge_goes_on_while_there_is_anything_to_purge() {
    let morgue = Morgue::new().await;
    let job = morgue.job().await;
    let purge = JobMessage::Purge { job_id: job.id };
    let text = serde_json::to_string(&purge).unwrap();
    morgue.replace(life::delete(&job, morgue.now(), Duration::from_secs(500))).await;
    morgue.bury(&text).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert_eq!(morgue.fresh(JOBS_LOW).await, [purge]);
    let sqs = morgue.bed.sound_clients().sqs();
    sqs.purge_queue().queue_url(morgue.bed.queue(JOBS_LOW.name)).send().await.unwrap();
    morgue.pass(500);
    morgue.bury(&text).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert!(morgue.is_idle());
}

/// Whatever a message says of how often it came back: it is dealt with, and the next says no less.
#[tokio::test]
async fn a_count_that_can_grow_no_more_stays_where_it_is() {
    let morgue = Morgue::new().await;
    let job = morgue.held(2).await;
    morgue.bury_run(&job, u32::MAX).await;
    assert_eq!(morgue.step().await, (1, 0));
    morgue.pass(66);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&job, u32::MAX)]);
}

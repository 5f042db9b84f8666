//! Dead letters about occurrences of a schedule, and about what is no run.

use domain::id::{RunId, UserId};
use domain::job::{Job, Status};
use domain::life;
use domain::message::JobMessage;
use domain::schedule::Schedule;
use queue::topology::{JOBS_HIGH, JOBS_LOW};
use serde_json::json;

use crate::morgue::Morgue;

/// A job that is due every hour, and its occurrence an hour from now.
async fn hourly(morgue: &Morgue) -> (Job, JobMessage) {
    let job = morgue.job().await;
    let schedule = json!({"recurrence": {"interval": "hourly"}});
    let schedule = Schedule::parse(&schedule, "/schedule", morgue.now()).unwrap();
    let job = morgue.replace(life::reschedule(&job, Some(schedule), morgue.present())).await;
    let table = job.timetable.as_ref().unwrap();
    let message = JobMessage::fire(job.id, table.rev, table.next.unwrap());
    (job, message)
}

fn rescued(message: &JobMessage, times: u32) -> JobMessage {
    let mut again = message.clone();
    let JobMessage::Fire { rescued, .. } = &mut again else { panic!("{message:?}") };
    *rescued = times;
    again
}

async fn bury(morgue: &Morgue, message: &JobMessage) {
    morgue.bury(&serde_json::to_string(message).unwrap()).await;
    assert_eq!(morgue.step().await, (1, 0));
}

#[tokio::test]
async fn an_occurrence_gets_another_chance_and_then_ends_as_dead_lettered() {
    let morgue = Morgue::new().await;
    let (job, message) = hourly(&morgue).await;
    morgue.pass(3_700);
    bury(&morgue, &message).await;
    assert_eq!(morgue.read(&job).await, job);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [rescued(&message, 1)]);
    bury(&morgue, &rescued(&message, 1)).await;
    let ended = morgue.read(&job).await;
    let run = ended.run.as_ref().unwrap();
    assert_eq!((ended.status, run.outcome), (Status::Pending, Some(Status::Failed)));
    assert!(run.dead_lettered && run.id == RunId::of_occurrence(job.id, run.due_at.unwrap()));
    assert!(ended.timetable.unwrap().next > job.timetable.unwrap().next, "the schedule goes on");
    // The worker is asked to send what the run owes.
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [rescued(&message, 2)]);
}

#[tokio::test]
async fn an_occurrence_that_is_not_due_yet_waits() {
    let morgue = Morgue::new().await;
    let (_, message) = hourly(&morgue).await;
    morgue.pass(3_500);
    bury(&morgue, &message).await;
    assert_eq!(morgue.depth(JOBS_HIGH), (0, 0, 1));
    morgue.pass(100);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [rescued(&message, 1)]);
}

#[tokio::test]
async fn an_occurrence_of_an_earlier_schedule_is_dropped() {
    let morgue = Morgue::new().await;
    let (job, message) = hourly(&morgue).await;
    let paused = morgue.replace(life::pause(&job, morgue.now()).unwrap().unwrap()).await;
    morgue.pass(3_700);
    bury(&morgue, &message).await;
    assert!(morgue.is_idle());
    assert_eq!(morgue.read(&job).await, paused);
}

#[tokio::test]
async fn the_run_that_a_dead_letter_ends_over_is_put_aside() {
    let morgue = Morgue::new().await;
    let (job, message) = hourly(&morgue).await;
    let started = morgue.replace(life::start(&job, morgue.run_id(), morgue.now())).await;
    let first = started.run.as_ref().unwrap().id;
    let held = morgue.replace(life::claim(&started, first, 1, morgue.now())).await;
    let done = life::Ending::Done { result: None };
    let attempt = life::Attempt { run: first, number: 1 };
    let ended = morgue.replace(life::finish(&held, attempt, &done, morgue.present()).unwrap()).await;
    morgue.pass(3_700);
    bury(&morgue, &rescued(&message, 1)).await;
    assert!(morgue.read(&job).await.run.unwrap().dead_lettered);
    assert_eq!(morgue.store.archived_run(job.id, first).await.unwrap(), ended.run);
}

#[tokio::test]
async fn the_removal_of_an_account_goes_on() {
    let morgue = Morgue::new().await;
    let user_id = UserId::fresh(morgue.now(), morgue.bed.ambient.entropy());
    let purge = JobMessage::PurgeUser { user_id, round: 1 };
    bury(&morgue, &purge).await;
    assert_eq!(morgue.fresh(JOBS_LOW).await, [purge]);
}

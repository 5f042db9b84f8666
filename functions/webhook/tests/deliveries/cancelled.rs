//! Cancellations, which announce themselves before they are written, and jobs that are gone.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::id::{CancelId, RunId};
use domain::job::{Job, Status};
use domain::life::{self, Present};
use domain::message::{Deliver, Target};
use domain::schedule::Schedule;
use tokio::sync::Barrier;

use crate::house::House;
use crate::sink::answer;

/// A job that runs, the same job cancelled (not written yet), and the message that its cancellation owes.
async fn cancelling(house: &House) -> (Job, Job, Deliver) {
    let (job, _) = house.owing(Target::Job).await;
    let (now, entropy) = (house.now(), house.ambient.entropy());
    let running = life::start(&job, RunId::fresh(now, entropy), now);
    house.store.replace_job(&running).await.unwrap();
    let cancel = CancelId::fresh(now, entropy);
    let cancelled =
        life::cancel(&running, cancel, RunId::fresh(now, entropy), Present { now, keep: None }).unwrap();
    let message = house.message(&cancelled, Target::Job);
    assert_eq!(message.cancel_id, Some(cancel));
    (running, cancelled, message)
}

fn present(house: &House) -> Present {
    Present { now: house.now(), keep: None }
}

#[tokio::test]
async fn a_cancellation_is_told_also_when_the_job_gets_another_schedule_before() {
    let house = House::build().await;
    let (_, cancelled, message) = cancelling(&house).await;
    house.store.replace_job(&cancelled).await.unwrap();
    let schedule = serde_json::json!({"recurrence": {"interval": "hourly"}});
    let schedule = Schedule::parse(&schedule, "/schedule", house.now()).unwrap();
    let waiting = life::reschedule(&cancelled, Some(schedule), present(&house));
    assert_eq!(waiting.status, Status::Pending);
    house.store.replace_job(&waiting).await.unwrap();
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.sink.arrivals(), 1);
}

#[tokio::test]
async fn a_cancellation_is_told_once_the_job_shows_it() {
    let house = House::build().await;
    let (_, cancelled, message) = cancelling(&house).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
    house.store.replace_job(&cancelled).await.unwrap();
    house.pass_seconds(2);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_cancellation_that_never_took_effect_is_not_told() {
    let house = House::build().await;
    let (_, _, message) = cancelling(&house).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.pass_seconds(2);
    assert_eq!(house.step().await, (0, 1));
    house.pass_seconds(9);
    assert_eq!(house.step().await, (0, 0));
    house.pass_seconds(1);
    assert_eq!(house.step().await, (0, 1));
    house.pass_seconds(60);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
    assert!(house.is_idle());
}

#[tokio::test]
async fn a_cancellation_is_told_although_the_job_runs_again() {
    let house = House::build().await;
    let (_, cancelled, message) = cancelling(&house).await;
    house.store.replace_job(&cancelled).await.unwrap();
    house.store.archive_run(cancelled.id, cancelled.run.as_ref().unwrap(), None).await.unwrap();
    let again = RunId::fresh(house.now(), house.ambient.entropy());
    house.store.replace_job(&life::start(&cancelled, again, house.now())).await.unwrap();
    house.sink.will([answer(500)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.attempt_count, 2);
}

#[tokio::test]
async fn a_cancellation_that_was_told_once_is_told_again_whatever_became_of_the_job() {
    let house = House::build().await;
    let (_, cancelled, message) = cancelling(&house).await;
    house.store.replace_job(&cancelled).await.unwrap();
    house.sink.will([answer(500)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    // The run that was put aside has expired.
    let again = RunId::fresh(house.now(), house.ambient.entropy());
    house.store.replace_job(&life::start(&cancelled, again, house.now())).await.unwrap();
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn an_end_that_another_cancellation_caused_is_not_told_twice() {
    let house = House::build().await;
    let (running, _, loser) = cancelling(&house).await;
    house.pass_seconds(1);
    let cancel = CancelId::fresh(house.now(), house.ambient.entropy());
    let winner = life::cancel(&running, cancel, running.run.as_ref().unwrap().id, present(&house)).unwrap();
    assert_eq!(winner.status, Status::Cancelled);
    house.store.replace_job(&winner).await.unwrap();
    house.store.archive_run(winner.id, winner.run.as_ref().unwrap(), None).await.unwrap();
    house.send(&loser).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.sink.arrivals(), 0);
}

#[tokio::test]
async fn nothing_is_told_of_a_deleted_job() {
    let house = House::build().await;
    let (job, message) = house.owing(Target::Job).await;
    house.store.replace_job(&life::delete(&job, house.now(), Duration::from_secs(3_600))).await.unwrap();
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
}

#[tokio::test]
async fn an_attempt_leaves_nothing_behind_if_its_job_is_purged_under_it() {
    let house = House::build().await;
    let (job, message) = house.owing(Target::Job).await;
    let barrier = Arc::new(Barrier::new(2));
    house.sink.will([answer(500), answer(500).meeting(&barrier)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.pass_step(&message).await;
    let purge = async {
        while house.sink.arrivals() < 2 {
            tokio::task::yield_now().await;
        }
        let gone = life::delete(&job, house.now(), Duration::from_secs(3_600));
        house.store.replace_job(&gone).await.unwrap();
        house.store.purge_job(job.id, 1_000).await.unwrap();
        barrier.wait().await;
    };
    let (handled, ()) = tokio::join!(house.step(), purge);
    assert_eq!((handled, house.found(&message).await), ((1, 0), None));
    assert!(house.is_idle());
}

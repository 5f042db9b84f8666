//! What is measured of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::job::{Job, Priority, Status};
use domain::life;
use domain::message::JobMessage;
use domain::schedule::Schedule;
use serde_json::json;
use testkit::Recorded;

use crate::shop::{Shop, run};

fn measured(of: &[(&str, &[u64])]) -> BTreeMap<String, Vec<u64>> {
    of.iter().map(|(name, values)| (format!("{name} low"), values.to_vec())).collect()
}

#[tokio::test]
async fn a_run_waits_begins_and_completes() {
    let shop = Shop::new().await;
    let recorded = Recorded::start();
    let job = shop.start(shop.draft(), json!({"failTimes": 1})).await;
    shop.pass(2);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(recorded.take(), measured(&[("JobsStarted", &[1]), ("QueueLatency", &[2_000])]));
    // A second attempt is no second start, and its wait is not the queue's.
    shop.pass(3);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(run(&shop.read(&job).await).attempt, 2);
    assert_eq!(recorded.take(), measured(&[("JobsCompleted", &[1]), ("RunDuration", &[5_000])]));
    // A message that comes twice finds nothing to do.
    shop.send(&job, run(&job).id, Duration::ZERO).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(recorded.take(), BTreeMap::new());
}

#[tokio::test]
async fn a_run_fails() {
    let shop = Shop::new().await;
    let recorded = Recorded::start();
    let draft = Job { max_retries: 0, ..shop.draft() };
    let job = shop.start(draft, json!({"fail": true})).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await.status, Status::Failed);
    let wanted: &[(&str, &[u64])] =
        &[("JobsStarted", &[1]), ("QueueLatency", &[0]), ("JobsFailed", &[1]), ("RunDuration", &[0])];
    assert_eq!(recorded.take(), measured(wanted));
}

#[tokio::test]
async fn a_worker_that_is_lost_for_good_fails_its_run() {
    let shop = Shop::new().await;
    let draft = Job { max_retries: 0, ..shop.draft() };
    let job = shop.start(draft, json!({})).await;
    shop.replace(&life::claim(&job, run(&job).id, 7, shop.now())).await;
    let recorded = Recorded::start();
    shop.pass(66);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(recorded.take(), measured(&[("JobsFailed", &[1]), ("RunDuration", &[66_000])]));
}

#[tokio::test]
async fn what_a_task_is_to_wait_in_the_queue_is_no_latency() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "3000")]).await;
    let recorded = Recorded::start();
    shop.start(shop.draft(), json!({})).await;
    shop.pass(4);
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(recorded.take()["QueueLatency low"], [1_000]);
}

#[tokio::test]
async fn an_occurrence_waits_from_its_time_on_unless_it_was_missed() {
    let shop = Shop::new().await;
    let recorded = Recorded::start();
    for (late, latency) in [(0, 0), (7, 7_000), (3_600, 0)] {
        let start = json!({"startTime": shop.now().plus(Duration::from_secs(60))});
        let schedule = Schedule::parse(&start, "/schedule", shop.now()).unwrap();
        let draft = shop.draft();
        let timetable = Some(life::scheduled(schedule, draft.version, shop.now()));
        let job = shop.write(Job { timetable, ..draft }, json!({})).await;
        let table = job.timetable.as_ref().unwrap();
        let message = JobMessage::fire(job.id, table.rev, table.next.unwrap());
        shop.pass(60 + late);
        shop.queues.send(Priority::Low, job.user_id, &message, Duration::ZERO).await.unwrap();
        assert_eq!(shop.step().await, (1, 0));
        assert_eq!(shop.read(&job).await.status, Status::Completed);
        assert_eq!(recorded.take()["QueueLatency low"], [latency], "{late}");
    }
}

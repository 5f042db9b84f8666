//! Removing what hangs on a job.

use domain::job::{Job, Run};
use store::{DeliveryFilter, StoreError};
use testkit::{Fault, When};

use crate::deliveries::delivery;
use crate::desk::{Desk, payload};

/// How many of its runs and deliveries are left.
async fn left(desk: &Desk, job: &Job) -> usize {
    let runs = desk.sound.earlier_runs(job.id, None, 50, desk.now()).await.unwrap();
    let deliveries = desk.sound.job_deliveries(job.id, None, 50, desk.now()).await.unwrap();
    runs.runs.len() + deliveries.deliveries.len()
}

#[tokio::test]
async fn everything_goes_but_the_record_itself() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(4_000)).await;
    let other = desk.write_with(desk.draft(), payload(4_000)).await;
    // More than one batch of 25.
    for _ in 0..20 {
        let run = Run::new(desk.run_id(), desk.now());
        desk.sound.archive_run(job.id, &run, None).await.unwrap();
        desk.sound.replace_delivery(&delivery(&desk, &job, run.id), None).await.unwrap();
    }
    // A purge that was cut short goes on where it was.
    desk.bed.faults.plan(When::Nth(1), Fault::Unreached, Some("BatchWriteItem"));
    assert!(matches!(desk.blunt.purge_job(job.id, 1_000).await, Err(StoreError::Busy(_))));
    assert_ne!(left(&desk, &job).await, 0);
    desk.bed.faults.clear();
    desk.blunt.purge_job(job.id, 1_000).await.unwrap();
    desk.blunt.purge_job(job.id, 1_000).await.unwrap();
    let left = desk.sound.job_and_all(job.id, desk.now()).await.unwrap().unwrap();
    assert_eq!((left.job, left.payload.as_str()), (job.clone(), "{}"));
    assert_eq!(self::left(&desk, &job).await, 0);
    let rows = desk
        .sound
        .user_deliveries(desk.owner, &DeliveryFilter::default(), None, 50, desk.now())
        .await
        .unwrap();
    assert!(rows.deliveries.is_empty());
    assert_eq!(desk.sound.payload(&other).await.unwrap(), payload(4_000));
    desk.sound.purge_job(desk.draft().id, 1_000).await.unwrap();
}

#[tokio::test]
async fn a_job_with_much_behind_it_goes_in_several_rounds() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(4_000)).await;
    for _ in 0..30 {
        desk.sound.archive_run(job.id, &Run::new(desk.run_id(), desk.now()), None).await.unwrap();
    }
    // Thirty runs and the payload.
    for (done, runs_left) in [(false, 19), (false, 7), (true, 0)] {
        assert_eq!(desk.sound.purge_job(job.id, 12).await.unwrap(), done);
        assert_eq!(left(&desk, &job).await, runs_left);
    }
    assert!(desk.sound.purge_job(job.id, 12).await.unwrap());
}

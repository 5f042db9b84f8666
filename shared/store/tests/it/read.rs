//! Reading jobs, alone and with what hangs on them.

use std::time::Duration;

use domain::id::JobId;
use domain::job::{Run, Status};
use domain::life;
use store::Replaced;

use crate::deliveries::delivery;
use crate::desk::{Desk, payload};

#[tokio::test]
async fn a_job_comes_with_its_payload_and_deliveries_the_newest_first() {
    let desk = Desk::new().await;
    let large = payload(3_000);
    let job = desk.write_with(desk.draft(), large.clone()).await;
    let mut runs = Vec::new();
    for _ in 0..3 {
        desk.pass(1);
        let mut run = Run::new(desk.run_id(), desk.now());
        run.outcome = Some(Status::Failed);
        desk.sound.archive_run(job.id, &run, None).await.unwrap();
        // Once more is the same as once.
        desk.sound.archive_run(job.id, &run, None).await.unwrap();
        assert_eq!(desk.sound.archived_run(job.id, run.id).await.unwrap().as_ref(), Some(&run));
        runs.push(run);
    }
    let deliveries: Vec<_> = runs.iter().map(|run| delivery(&desk, &job, run.id)).collect();
    for delivery in deliveries.iter().rev() {
        assert!(desk.sound.replace_delivery(delivery, None).await.unwrap());
    }
    let all = desk.sound.job_and_all(job.id, desk.now()).await.unwrap().unwrap();
    let newest_first: Vec<_> = deliveries.into_iter().rev().collect();
    assert_eq!((all.job, all.payload, all.deliveries), (job.clone(), large, newest_first));
    let earlier = desk.sound.earlier_runs(job.id, None, 9, desk.now()).await.unwrap();
    runs.reverse();
    assert_eq!((earlier.runs, earlier.next), (runs, None));
    assert_eq!(desk.sound.archived_run(job.id, desk.run_id()).await.unwrap(), None);
}

#[tokio::test]
async fn a_deleted_job_is_seen_by_none_but_those_who_ask_for_its_mark() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let keep = Duration::from_secs(60);
    let mark = life::delete(&job, desk.now(), keep);
    assert!(matches!(desk.sound.replace_job(&mark).await.unwrap(), Replaced::Written));
    assert_eq!(desk.sound.job(job.id, desk.now()).await.unwrap(), None);
    assert!(desk.sound.job_and_all(job.id, desk.now()).await.unwrap().is_none());
    assert!(desk.sound.jobs(&[job.id], desk.now()).await.unwrap().is_empty());
    let list = desk.sound.list_jobs(desk.owner, &Default::default(), None, 0, 10, desk.now()).await;
    assert!(list.unwrap().jobs.is_empty());
    assert_eq!(desk.sound.job_even_deleted(job.id, desk.now()).await.unwrap(), Some(mark));
    // When the mark has expired it counts as gone, whether the table has swept it or not.
    desk.pass(60);
    assert_eq!(desk.sound.job_even_deleted(job.id, desk.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_hundred_jobs_at_once_without_those_that_are_not_there() {
    let desk = Desk::new().await;
    let mut wanted = Vec::new();
    for n in 0..100 {
        let job = if n % 4 == 0 { desk.draft() } else { desk.job().await };
        wanted.push(job.id);
    }
    let mut found: Vec<JobId> =
        desk.sound.jobs(&wanted, desk.now()).await.unwrap().iter().map(|job| job.id).collect();
    found.sort();
    let mut there: Vec<_> =
        wanted.iter().enumerate().filter(|(n, _)| n % 4 != 0).map(|(_, id)| *id).collect();
    there.sort();
    assert_eq!(found, there);
    assert!(desk.sound.jobs(&[], desk.now()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_without_a_payload_item_has_an_empty_one() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(2_000)).await;
    desk.sound.purge_job(job.id, 1_000).await.unwrap();
    assert_eq!(desk.sound.payload(&job).await.unwrap().as_str(), "{}");
    assert_eq!(desk.sound.job_and_all(job.id, desk.now()).await.unwrap().unwrap().payload.as_str(), "{}");
}

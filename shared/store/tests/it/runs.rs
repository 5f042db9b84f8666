//! A job's earlier runs, page by page.

use std::time::Duration;

use domain::job::{Run, Status};
use testkit::{Fault, When};

use crate::desk::Desk;

#[tokio::test]
async fn pages_show_each_run_once_the_newest_first() {
    let desk = Desk::new().await;
    let (job, other) = (desk.job().await, desk.job().await);
    assert!(desk.sound.earlier_runs(job.id, None, 9, desk.now()).await.unwrap().runs.is_empty());
    let mut written = Vec::new();
    for _ in 0..7 {
        desk.pass(1);
        let run = Run { outcome: Some(Status::Completed), ..Run::new(desk.run_id(), desk.now()) };
        desk.sound.archive_run(job.id, &run, None).await.unwrap();
        written.insert(0, run);
    }
    desk.sound.archive_run(other.id, &written[0], None).await.unwrap();
    for limit in [1, 3, 7, 8] {
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..=7 {
            let page = desk.sound.earlier_runs(job.id, after, limit, desk.now()).await.unwrap();
            assert!(page.runs.len() <= limit);
            found.extend(page.runs);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, written, "{limit}");
    }
}

#[tokio::test]
async fn an_expired_run_is_not_shown_though_the_table_still_has_it() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let mut written = Vec::new();
    for n in 1..=3 {
        desk.pass(1);
        let run = Run::new(desk.run_id(), desk.now());
        let expires = desk.now().plus(Duration::from_secs(n * 100));
        desk.sound.archive_run(job.id, &run, Some(expires)).await.unwrap();
        written.insert(0, run);
    }
    desk.pass(101);
    let shown = desk.sound.earlier_runs(job.id, None, 9, desk.now()).await.unwrap();
    assert_eq!(shown.runs, written[..2]);
    let last = written[2].id;
    assert!(desk.sound.archived_run(job.id, last).await.unwrap().is_some(), "TTL lags");
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1);
    assert_eq!(desk.sound.archived_run(job.id, last).await.unwrap(), None);
}

#[tokio::test]
async fn a_table_out_of_reach_is_told_of() {
    let desk = Desk::new().await;
    desk.bed.faults.plan(When::Always, Fault::Unreached, Some("Query"));
    let told = desk.blunt.earlier_runs(desk.draft().id, None, 5, desk.now()).await;
    assert!(matches!(told, Err(store::StoreError::Busy(_))));
}

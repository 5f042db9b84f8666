//! Which jobs a list shows, and in which order.

use domain::filter::{JobFilter, Order};
use domain::id::JobId;
use domain::job::{Job, PayloadPlace, Priority, Status};
use domain::life::touched;
use domain::payload::Payload;
use store::{Replaced, Total};

use crate::desk::Desk;

async fn ids(desk: &Desk, filter: &JobFilter) -> Vec<JobId> {
    let page = desk.sound.list_jobs(desk.owner, filter, None, 0, 1_000, desk.now()).await.unwrap();
    assert_eq!(page.next, None);
    page.jobs.into_iter().map(|job| job.id).collect()
}

#[tokio::test]
async fn each_cell_shows_its_own() {
    let desk = Desk::new().await;
    let mut written = Vec::new();
    for status in Status::ALL {
        for priority in Priority::ALL {
            desk.pass(1);
            written.push(desk.write(desk.draft_in(status, priority)).await);
        }
    }
    let stranger = testkit::job(&desk.bed, testkit::user(&desk.bed, "stranger").user.id);
    desk.write(stranger).await;
    for job in &written {
        let filter =
            JobFilter { statuses: vec![job.status], priorities: vec![job.priority], ..JobFilter::default() };
        assert_eq!(ids(&desk, &filter).await, [job.id], "{} {}", job.status, job.priority);
    }
    let newest = |wanted: &dyn Fn(&Job) -> bool| -> Vec<_> {
        written.iter().rev().filter(|job| wanted(job)).map(|job| job.id).collect()
    };
    assert_eq!(ids(&desk, &JobFilter::default()).await, newest(&|_| true));
    let filter = JobFilter { statuses: vec![Status::Failed, Status::Pending], ..JobFilter::default() };
    assert_eq!(
        ids(&desk, &filter).await,
        newest(&|job| matches!(job.status, Status::Failed | Status::Pending))
    );
    let filter = JobFilter { priorities: vec![Priority::Medium], ..JobFilter::default() };
    assert_eq!(ids(&desk, &filter).await, newest(&|job| job.priority == Priority::Medium));
}

#[tokio::test]
async fn a_row_tells_the_summary() {
    let desk = Desk::new().await;
    let mut draft = desk.draft_in(Status::Failed, Priority::High);
    let run = draft.run.as_mut().unwrap();
    (run.attempt, run.last_error, run.completed_at) = (3, Some("why".to_owned()), Some(desk.now()));
    let job = desk.write_with(draft, Payload::stored("{\"a\":1}".to_owned()).unwrap()).await;
    let page =
        desk.sound.list_jobs(desk.owner, &JobFilter::default(), None, 0, 10, desk.now()).await.unwrap();
    let row = &page.jobs[0];
    let (seen, run) = (row.run.as_ref().unwrap(), job.run.as_ref().unwrap());
    assert_eq!((seen.id, seen.attempt, &seen.last_error), (run.id, 3, &run.last_error));
    assert_eq!((seen.started_at, seen.completed_at), (run.started_at, run.completed_at));
    assert_eq!((row.version, row.task_name.as_str(), row.status), (1, "report", Status::Failed));
    assert_eq!(row.payload, PayloadPlace::Apart { head: "{\"a\":1}".to_owned() });
}

#[tokio::test]
async fn a_job_that_changes_its_cell_leaves_the_one_before() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let mut next = touched(&job, desk.now());
    next.priority = Priority::High;
    assert!(matches!(desk.sound.replace_job(&next).await.unwrap(), Replaced::Written));
    let of = |priority| JobFilter { priorities: vec![priority], ..JobFilter::default() };
    assert!(ids(&desk, &of(Priority::Low)).await.is_empty());
    assert_eq!(ids(&desk, &of(Priority::High)).await, [job.id]);
}

/// 300 jobs over all cells, one a second: the oldest first.
pub(crate) async fn three_hundred(desk: &Desk) -> Vec<JobId> {
    let mut written = Vec::new();
    for n in 0..300_usize {
        desk.pass(1);
        // Uneven: some cells get many, some few.
        let (status, priority) = (Status::ALL[(n * n / 7) % 5], Priority::ALL[(n / 11) % 3]);
        written.push(desk.write(desk.draft_in(status, priority)).await.id);
    }
    written
}

#[tokio::test]
async fn cells_are_merged_by_age() {
    let desk = Desk::new().await;
    let oldest = three_hundred(&desk).await;
    let filter = JobFilter { order: Order::OldestFirst, ..JobFilter::default() };
    assert_eq!(ids(&desk, &filter).await, oldest);
    let newest: Vec<_> = oldest.into_iter().rev().collect();
    assert_eq!(ids(&desk, &JobFilter::default()).await, newest);
}

#[tokio::test]
async fn a_count_is_exact_up_to_its_bound() {
    let desk = Desk::new().await;
    for n in 0..30 {
        let status = Status::ALL[n % 5];
        let mut job = desk.draft_in(status, Priority::ALL[n % 3]);
        job.task_type = if n % 10 == 0 { "http" } else { "simulate" }.to_owned();
        desk.write(job).await;
    }
    let all = JobFilter::default();
    let count =
        async |filter: &JobFilter, bound| desk.sound.count_jobs(desk.owner, filter, bound).await.unwrap();
    assert_eq!(count(&all, 1_000).await, Total { count: 30, exact: true });
    assert_eq!(count(&all, 30).await, Total { count: 30, exact: true });
    assert_eq!(count(&all, 29).await, Total { count: 29, exact: false });
    assert_eq!(count(&all, 1).await, Total { count: 1, exact: false });
    let failed = JobFilter { statuses: vec![Status::Failed], ..JobFilter::default() };
    assert_eq!(count(&failed, 100).await, Total { count: 6, exact: true });
    let http = JobFilter { task_type: Some("http".to_owned()), ..JobFilter::default() };
    assert_eq!(count(&http, 100).await, Total { count: 3, exact: true });
    let none = JobFilter { search: Some("nothing".to_owned()), ..JobFilter::default() };
    assert_eq!(count(&none, 100).await, Total { count: 0, exact: true });
    // It did not look at all of a cell: there may be more, and it says so.
    let cell = JobFilter { statuses: vec![Status::Pending], task_type: Some("http".to_owned()), ..all };
    assert!(!count(&cell, 1).await.exact);
}

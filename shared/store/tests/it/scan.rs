//! The jobs of all users.

use std::collections::BTreeSet;

use domain::filter::JobFilter;
use domain::id::{JobId, UserId};
use domain::job::{Job, Priority, Status};
use store::StoreError;
use testkit::{Fault, When};

use crate::deliveries::delivery;
use crate::desk::Desk;

/// Every job that a walk shows, and in how many pages.
async fn walk(desk: &Desk, filter: &JobFilter, limit: usize) -> (Vec<JobId>, usize) {
    let (mut found, mut place) = (Vec::new(), None);
    for pages in 1..200 {
        let page = desk.patient.all_jobs(filter, place, limit, desk.now()).await.unwrap();
        assert!(page.jobs.len() <= limit);
        found.extend(page.jobs.into_iter().map(|job| job.id));
        place = page.next;
        if place.is_none() {
            return (found, pages);
        }
    }
    panic!("the walk does not end");
}

/// Jobs of three users in all cells, between rows of other kinds.
async fn fill(desk: &Desk, count: usize) -> Vec<Job> {
    let owners: Vec<_> = (0..3).map(|_| UserId::fresh(desk.now(), desk.bed.ambient.entropy())).collect();
    let mut written = Vec::new();
    for n in 0..count {
        let draft = desk.draft_in(Status::ALL[n % 5], Priority::ALL[n % 3]);
        let task_type = if n % 4 == 0 { "http" } else { "simulate" };
        let draft = Job { user_id: owners[n % 3], task_type: task_type.to_owned(), ..draft };
        let job = desk.write(draft).await;
        let noise = delivery(desk, &job, desk.run_id());
        desk.sound.replace_delivery(&noise, None).await.unwrap();
        written.push(job);
    }
    written
}

#[tokio::test]
async fn a_walk_shows_each_job_once_and_nothing_else() {
    let desk = Desk::new().await;
    let persona = testkit::user(&desk.bed, "ann");
    desk.sound.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    let written = fill(&desk, 150).await;
    for limit in [1, 7, 100] {
        let (found, _) = walk(&desk, &JobFilter::default(), limit).await;
        assert_eq!(found.len(), 150, "{limit}");
        let all: BTreeSet<_> = written.iter().map(|job| job.id).collect();
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), all, "{limit}");
    }
    for (filter, wanted) in [
        (
            JobFilter { statuses: vec![Status::Failed, Status::Running], ..JobFilter::default() },
            (|job: &Job| matches!(job.status, Status::Failed | Status::Running)) as fn(&Job) -> bool,
        ),
        (JobFilter { priorities: vec![Priority::High], ..JobFilter::default() }, |job| {
            job.priority == Priority::High
        }),
        (
            JobFilter {
                statuses: vec![Status::Pending],
                task_type: Some("http".to_owned()),
                ..JobFilter::default()
            },
            |job| job.status == Status::Pending && job.task_type == "http",
        ),
        (JobFilter { search: Some("NoSuchText".to_owned()), ..JobFilter::default() }, |_| false),
    ] {
        let wanted: BTreeSet<_> = written.iter().filter(|job| wanted(job)).map(|job| job.id).collect();
        let (found, _) = walk(&desk, &filter, 10).await;
        assert_eq!((found.len(), found.into_iter().collect()), (wanted.len(), wanted), "{filter:?}");
    }
}

#[tokio::test]
async fn one_request_looks_at_so_many_rows_and_no_more() {
    let desk = Desk::new().await;
    for n in 0..2_100 {
        desk.write(Job { task_name: format!("job {n}"), ..desk.draft() }).await;
    }
    let filter = JobFilter { search: Some("no such text".to_owned()), ..JobFilter::default() };
    let (found, pages) = walk(&desk, &filter, 20).await;
    assert_eq!((found.len(), pages), (0, 2));
    let scans = desk.bed.faults.calls().iter().filter(|call| call.operation.ends_with("Scan")).count();
    assert!(scans <= 22, "{scans}");
}

#[tokio::test]
async fn what_is_deleted_or_expired_is_not_shown() {
    let desk = Desk::new().await;
    let jobs = fill(&desk, 3).await;
    let gone = domain::life::delete(&jobs[0], desk.now(), std::time::Duration::from_secs(60));
    desk.sound.replace_job(&gone).await.unwrap();
    let over = Job { expires_at: Some(desk.now()), ..domain::life::touched(&jobs[1], desk.now()) };
    desk.sound.replace_job(&over).await.unwrap();
    assert_eq!(walk(&desk, &JobFilter::default(), 10).await.0, [jobs[2].id]);
}

#[tokio::test]
async fn a_table_out_of_reach_is_told_of() {
    let desk = Desk::new().await;
    desk.bed.faults.plan(When::Always, Fault::Throttled, Some("Scan"));
    let told = desk.blunt.all_jobs(&JobFilter::default(), None, 5, desk.now()).await;
    assert!(matches!(told, Err(StoreError::Busy(_))));
}

//! Page after page: nothing twice, nothing left out.

use std::collections::BTreeSet;

use domain::filter::{JobFilter, Order};
use domain::id::JobId;
use domain::job::{Job, Priority, Status};
use domain::life::touched;
use domain::payload::Payload;
use store::{NewJob, Replaced};

use crate::desk::Desk;
use crate::lists::three_hundred;

/// All pages by `next`, at most so many; and how many rows the largest had.
async fn walk(desk: &Desk, filter: &JobFilter, limit: usize, most: usize) -> (Vec<JobId>, usize) {
    let (mut all, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = desk.sound.list_jobs(desk.owner, filter, after, 0, limit, desk.now()).await.unwrap();
        assert!(page.jobs.len() <= limit);
        all.extend(page.jobs.iter().map(|job| job.id));
        pages += 1;
        assert!(pages <= most, "the pages do not end");
        match page.next {
            None => return (all, pages),
            next => after = next,
        }
    }
}

#[tokio::test]
async fn pages_of_any_size_show_each_job_once() {
    let desk = Desk::new().await;
    let oldest = three_hundred(&desk).await;
    let newest: Vec<_> = oldest.iter().rev().copied().collect();
    for limit in [7, 100] {
        let pages = 300_usize.div_ceil(limit);
        assert_eq!(walk(&desk, &JobFilter::default(), limit, pages).await, (newest.clone(), pages));
        let filter = JobFilter { order: Order::OldestFirst, ..JobFilter::default() };
        assert_eq!(walk(&desk, &filter, limit, pages).await, (oldest.clone(), pages));
    }
    // A filter with exactly a page's worth ends with that page.
    let filter = JobFilter { statuses: vec![Status::Completed], ..JobFilter::default() };
    let (completed, _) = walk(&desk, &filter, 1_000, 1).await;
    assert!(completed.len() > 20);
    assert_eq!(walk(&desk, &filter, 1, completed.len()).await, (completed.clone(), completed.len()));
    assert_eq!(walk(&desk, &filter, completed.len(), 1).await, (completed, 1));
}

#[tokio::test]
async fn an_offset_is_a_place_in_the_same_list() {
    let desk = Desk::new().await;
    let mut newest = three_hundred(&desk).await;
    newest.reverse();
    for (skip, limit) in [(0, 20), (1, 1), (137, 20), (290, 20), (299, 5), (300, 5), (1_000, 5)] {
        let filter = JobFilter::default();
        let page = desk.sound.list_jobs(desk.owner, &filter, None, skip, limit, desk.now()).await.unwrap();
        let wanted: Vec<_> = newest.iter().skip(skip).take(limit).copied().collect();
        assert_eq!(page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), wanted);
        assert_eq!(page.next, wanted.last().copied().filter(|_| skip + limit < 300));
    }
}

#[tokio::test]
async fn what_stood_from_the_beginning_is_shown_once_though_others_write() {
    let desk = Desk::new().await;
    let stood: BTreeSet<_> = three_hundred(&desk).await.into_iter().collect();
    for order in [Order::NewestFirst, Order::OldestFirst] {
        let filter = JobFilter { order, ..JobFilter::default() };
        let (mut seen, mut after, mut n) = (Vec::new(), None, 0_usize);
        loop {
            let page = desk.sound.list_jobs(desk.owner, &filter, after, 0, 20, desk.now()).await.unwrap();
            seen.extend(page.jobs.iter().map(|job| job.id));
            // A new job, and one shown and one not yet shown change their cells.
            desk.pass(1);
            desk.write(desk.draft_in(Status::ALL[n % 5], Priority::ALL[n % 3])).await;
            let hidden = stood.iter().find(|id| !seen.contains(id)).copied();
            for id in [seen.first().copied(), hidden].into_iter().flatten() {
                shift(&desk, id, n).await;
            }
            n += 1;
            assert!(n < 100, "the pages do not end");
            match page.next {
                None => break,
                next => after = next,
            }
        }
        let shown: BTreeSet<_> = seen.iter().copied().collect();
        assert_eq!(shown.len(), seen.len(), "{order:?}: a job was shown twice");
        assert!(shown.is_superset(&stood), "{order:?}: a job was left out");
    }
}

async fn shift(desk: &Desk, id: JobId, n: usize) {
    let job = desk.sound.job(id, desk.now()).await.unwrap().unwrap();
    let mut next = touched(&job, desk.now());
    next.priority = Priority::ALL[(n + 1) % 3];
    assert!(matches!(desk.sound.replace_job(&next).await.unwrap(), Replaced::Written));
}

/// 2,600 jobs, of which every `nth` matches; answers those, the newest first.
async fn haystack(desk: &Desk, nth: usize) -> Vec<JobId> {
    let mut needles = Vec::new();
    for n in 0..2_600_usize {
        desk.bed.advance(std::time::Duration::from_millis(10));
        let mut job = desk.draft_in(Status::Pending, Priority::ALL[n % 2]);
        let hit = n % nth == 0;
        if hit {
            (job.task_name, job.task_type) = ("Needle Point".to_owned(), "http".to_owned());
            needles.push(job.id);
        }
        let new = NewJob { job, payload: Payload::empty() };
        desk.sound.create_job(new, None, desk.now()).await.unwrap();
    }
    needles.reverse();
    needles
}

#[tokio::test]
async fn a_search_reads_so_much_a_request_and_goes_on_to_the_end() {
    let desk = Desk::new().await;
    let needles = haystack(&desk, 651).await;
    assert_eq!(needles.len(), 4);
    let searches = [
        JobFilter { search: Some("needle p".to_owned()), ..JobFilter::default() },
        JobFilter { task_type: Some("http".to_owned()), ..JobFilter::default() },
        JobFilter {
            search: Some("NEEDLE".to_owned()),
            task_type: Some("http".to_owned()),
            statuses: vec![Status::Pending],
            priorities: vec![Priority::High, Priority::Medium, Priority::Low],
            ..JobFilter::default()
        },
    ];
    for filter in searches {
        for limit in [3, 100] {
            let (found, pages) = walk(&desk, &filter, limit, 10).await;
            assert_eq!(found, needles, "{filter:?} {limit}");
            assert!(pages > 1 || filter.statuses.len() == 1, "{filter:?} was not bounded");
        }
        let oldest = JobFilter { order: Order::OldestFirst, ..filter };
        let (mut found, _) = walk(&desk, &oldest, 100, 10).await;
        found.reverse();
        assert_eq!(found, needles);
    }
    let none = JobFilter { search: Some("haystack".to_owned()), ..JobFilter::default() };
    let (found, pages) = walk(&desk, &none, 20, 10).await;
    assert!(found.is_empty() && pages > 1);

    let reads = |filter: JobFilter| {
        let desk = &desk;
        async move {
            desk.bed.faults.clear();
            desk.patient.list_jobs(desk.owner, &filter, None, 0, 20, desk.now()).await.unwrap();
            desk.bed.faults.calls().len()
        }
    };
    // One request of ours is bounded in calls too: 15 cells, chunks that double.
    assert!(reads(none).await <= 15 * 10);
    assert!(reads(JobFilter::default()).await <= 15 * 4);
}

#[tokio::test]
async fn the_search_sees_the_name_and_the_beginning_of_the_payload() {
    let desk = Desk::new().await;
    let text = format!("{{\"city\":\"Zürich\",\"rest\":\"{}\",\"late\":\"unseen\"}}", "x".repeat(600));
    let job: Job = desk.write_with(desk.draft(), Payload::stored(text).unwrap()).await;
    for (search, hit) in [("zÜrich", true), ("REPORT", true), ("unseen", false), ("report\n", true)] {
        let filter = JobFilter { search: Some(search.to_owned()), ..JobFilter::default() };
        let (found, _) = walk(&desk, &filter, 10, 1).await;
        assert_eq!(found == [job.id], hit, "{search}");
    }
}

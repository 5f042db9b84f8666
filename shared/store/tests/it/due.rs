//! What falls due: which jobs stand in the index, and where.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::id::CancelId;
use domain::job::{Job, Priority, Status};
use domain::life::{self, Present};
use domain::schedule::Schedule;
use domain::time::Moment;
use serde_json::{Value, json};
use store::{DuePage, DueRow, Replaced, Shards, Store};
use testkit::{Fault, When};

use crate::desk::Desk;

/// A job that waits for this schedule, not yet written.
pub(crate) fn waiting(desk: &Desk, schedule: &Value) -> Job {
    let schedule = Schedule::parse(schedule, "/schedule", desk.now()).unwrap();
    Job { timetable: Some(life::scheduled(schedule, 1, desk.now())), ..desk.draft() }
}

/// A schedule with one occurrence, so many seconds from now.
pub(crate) fn once(desk: &Desk, seconds: u64) -> Value {
    json!({"type": "one-time", "startTime": later(desk, seconds).to_string()})
}

fn later(desk: &Desk, seconds: u64) -> Moment {
    desk.now().plus(Duration::from_secs(seconds))
}

/// The row that a job has.
pub(crate) fn row_of(job: &Job) -> DueRow {
    let table = job.timetable.as_ref().unwrap();
    let due_at = table.due().unwrap();
    DueRow {
        job: job.id,
        owner: job.user_id,
        priority: job.priority,
        rev: table.rev,
        due_at,
        check_at: due_at,
    }
}

/// All rows of a shard.
async fn read_shard(store: &Store, shard: u8, until: Moment) -> (Vec<DueRow>, usize) {
    let (mut rows, mut pages, mut cursor) = (Vec::new(), 0, None);
    loop {
        let DuePage { rows: some, next } = store.due_page(shard, until, cursor).await.unwrap();
        rows.extend(some);
        pages += 1;
        match next {
            Some(next) => cursor = Some(next),
            None => return (rows, pages),
        }
    }
}

/// All rows of all shards that there can be.
async fn rows(desk: &Desk, seconds: u64) -> Vec<DueRow> {
    let mut all = Vec::new();
    for shard in Shards::MOST.numbers() {
        all.extend(read_shard(&desk.sound, shard, later(desk, seconds)).await.0);
    }
    all
}

async fn replace(desk: &Desk, next: Job) -> Job {
    assert!(matches!(desk.sound.replace_job(&next).await.unwrap(), Replaced::Written));
    next
}

#[tokio::test]
async fn a_job_stands_there_while_it_waits_for_an_occurrence() {
    let desk = Desk::new().await;
    let at = |desk: &Desk| Present { now: desk.now(), keep: None };
    desk.job().await;
    let hourly = json!({"type": "recurring", "recurrence": {"interval": "hourly"}});
    let job = desk.write(Job { priority: Priority::High, ..waiting(&desk, &hourly) }).await;
    assert_eq!(rows(&desk, 3_600).await, [row_of(&job)]);
    assert_eq!(row_of(&job).due_at, later(&desk, 3_600));
    assert_eq!(rows(&desk, 3_599).await, []);

    let run = desk.run_id();
    let running = replace(&desk, life::start(&job, run, desk.now())).await;
    assert_eq!(rows(&desk, 3_600).await, [row_of(&job)]);
    let paused = replace(&desk, life::pause(&running, desk.now()).unwrap().unwrap()).await;
    assert_eq!(rows(&desk, 4_000).await, []);
    let resumed = replace(&desk, life::resume(&paused, at(&desk)).unwrap().unwrap()).await;
    assert_eq!(rows(&desk, 4_000).await, [row_of(&resumed)]);
    assert_eq!(row_of(&resumed).rev, resumed.version);

    let cancel = CancelId::fresh(desk.now(), desk.bed.ambient.entropy());
    let ended =
        Job { status: Status::Cancelled, cancel_id: Some(cancel), ..life::touched(&resumed, desk.now()) };
    let ended = replace(&desk, ended).await;
    assert!(ended.timetable.as_ref().unwrap().due().is_some());
    assert_eq!(rows(&desk, 4_000).await, []);
    let schedule = Schedule::parse(&hourly, "/schedule", desk.now()).unwrap();
    let again = replace(
        &desk,
        life::reschedule(&ended, Some(schedule), life::Present { now: desk.now(), keep: None }),
    )
    .await;
    assert_eq!(rows(&desk, 4_000).await, [row_of(&again)]);
    replace(&desk, life::delete(&again, desk.now(), Duration::from_secs(60))).await;
    assert_eq!(rows(&desk, 4_000).await, []);
}

#[tokio::test]
async fn jobs_are_spread_and_found_under_any_setting() {
    let desk = Desk::new().await;
    let mut wanted = Vec::new();
    for count in [1, 16, 64] {
        let store = desk.bed.store().with_shards(Shards::new(count).unwrap());
        for n in 0..30 {
            let job = waiting(&desk, &once(&desk, 10 + n));
            wanted.push(row_of(&job));
            let new = store::NewJob { job, payload: domain::payload::Payload::empty() };
            store.create_job(new, None, desk.now()).await.unwrap();
        }
        let mut shards_used = 0;
        let mut found = Vec::new();
        for shard in Shards::MOST.numbers() {
            let (rows, _) = read_shard(&store, shard, later(&desk, 60)).await;
            assert!(rows.is_sorted_by_key(|row| row.check_at));
            shards_used += usize::from(!rows.is_empty());
            found.extend(rows);
        }
        found.sort_by_key(|row| row.job);
        wanted.sort_by_key(|row| row.job);
        assert_eq!(found, wanted);
        assert!(shards_used > usize::from(count) / 3, "{shards_used} of {count}");
    }
}

#[tokio::test]
async fn a_shard_is_read_in_pages_while_its_rows_are_moved() {
    let desk = Desk::new().await;
    let one = desk.bed.store().with_shards(Shards::new(1).unwrap());
    for n in 0..1_005 {
        let job = waiting(&desk, &once(&desk, n / 10));
        let new = store::NewJob { job, payload: domain::payload::Payload::empty() };
        one.create_job(new, None, desk.now()).await.unwrap();
    }
    let first = one.due_page(0, later(&desk, 100), None).await.unwrap();
    assert_eq!(first.rows.len(), 1_000);
    // The row that the next page begins after is not there any more.
    for row in &first.rows[900..] {
        assert!(one.check_back(row, desk.now()).await.unwrap());
    }
    let second = one.due_page(0, later(&desk, 100), first.next).await.unwrap();
    assert_eq!((second.rows.len(), second.next.is_none()), (5, true));
    assert!(second.rows[0].check_at >= first.rows[999].check_at);
    let (all, pages) = read_shard(&one, 0, later(&desk, 300)).await;
    assert_eq!((all.len(), pages), (1_005, 2));
}

#[tokio::test]
async fn a_row_is_moved_behind_its_occurrence_and_never_before_the_present() {
    let desk = Desk::new().await;
    let job = desk.write(waiting(&desk, &once(&desk, 100))).await;
    assert!(desk.sound.check_back(&row_of(&job), desk.now()).await.unwrap());
    assert_eq!(rows(&desk, 219).await, []);
    let moved = DueRow { check_at: later(&desk, 220), ..row_of(&job) };
    assert_eq!(rows(&desk, 220).await.as_slice(), std::slice::from_ref(&moved));
    assert_eq!(desk.sound.job(job.id, desk.now()).await.unwrap(), Some(job.clone()));
    desk.pass(250);
    assert!(desk.sound.check_back(&moved, desk.now()).await.unwrap());
    assert_eq!(rows(&desk, 119).await, []);
    assert_eq!(rows(&desk, 120).await, [DueRow { check_at: later(&desk, 120), ..row_of(&job) }]);
    // Any write puts it back.
    replace(&desk, life::touched(&job, desk.now())).await;
    assert_eq!(rows(&desk, 0).await, [row_of(&job)]);
}

#[tokio::test]
async fn a_row_that_is_not_as_it_was_read_stays() {
    let desk = Desk::new().await;
    let job = desk.write(waiting(&desk, &once(&desk, 100))).await;
    let row = row_of(&job);
    assert!(desk.sound.check_back(&row, desk.now()).await.unwrap());
    assert!(!desk.sound.check_back(&row, desk.now()).await.unwrap());
    let other = Schedule::parse(&once(&desk, 150), "/schedule", desk.now()).unwrap();
    let job =
        replace(&desk, life::reschedule(&job, Some(other), life::Present { now: desk.now(), keep: None }))
            .await;
    assert!(!desk.sound.check_back(&row, desk.now()).await.unwrap());
    // The occurrence is the same, the schedule is not, and the other way round.
    for stale in [
        DueRow { rev: 1, ..row_of(&job) },
        DueRow { due_at: later(&desk, 100), check_at: later(&desk, 150), ..row_of(&job) },
    ] {
        assert!(!desk.sound.check_back(&stale, desk.now()).await.unwrap());
    }
    assert_eq!(rows(&desk, 300).await, [row_of(&job)]);
    replace(&desk, life::delete(&job, desk.now(), Duration::from_secs(60))).await;
    assert!(!desk.sound.check_back(&row_of(&job), desk.now()).await.unwrap());
    let gone = Job { id: desk.draft().id, ..job };
    assert!(!desk.sound.check_back(&row_of(&gone), desk.now()).await.unwrap());
    assert_eq!(desk.sound.job_even_deleted(gone.id, desk.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_answer_is_a_lost_race_to_the_tick_and_none_to_the_writer() {
    let desk = Desk::new().await;
    let job = desk.write(waiting(&desk, &once(&desk, 100))).await;
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("UpdateItem"));
    assert!(!desk.patient.check_back(&row_of(&job), desk.now()).await.unwrap());
    assert_eq!(rows(&desk, 300).await[0].check_at, later(&desk, 220));
    // A tick moves the row between a write and its second try.
    let next = life::touched(&job, desk.now());
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert!(desk.blunt.replace_job(&next).await.is_err());
    assert!(desk.sound.check_back(&row_of(&next), desk.now()).await.unwrap());
    assert!(matches!(desk.sound.replace_job(&next).await.unwrap(), Replaced::Written));
    let other = Job { task_name: "another".to_owned(), ..next };
    assert!(matches!(desk.sound.replace_job(&other).await.unwrap(), Replaced::Lost(Some(_))));
}

#[tokio::test]
async fn a_row_that_cannot_be_read_hides_no_other() {
    let desk = Desk::new().await;
    let one = desk.bed.store().with_shards(Shards::new(1).unwrap());
    let job = waiting(&desk, &once(&desk, 5));
    let new = store::NewJob { job: job.clone(), payload: domain::payload::Payload::empty() };
    one.create_job(new, None, desk.now()).await.unwrap();
    let dynamodb = desk.bed.sound_clients().dynamodb();
    for (pk, place) in [("one", "000000000000001#one"), ("two", "nowhere")] {
        let put = dynamodb.put_item().table_name(testkit::TABLE);
        let put = [("pk", pk), ("sk", "JOB"), ("duePk", "DUE#0"), ("dueSk", place)]
            .into_iter()
            .fold(put, |put, (name, value)| put.item(name, AttributeValue::S(value.to_owned())));
        put.send().await.unwrap();
    }
    assert_eq!(read_shard(&one, 0, later(&desk, 5)).await, (vec![row_of(&job)], 1));
}

//! A job that expires, and the payload beside it: neither outlasts the other by much.

use std::time::Duration;

use domain::job::{Job, PayloadPlace, Status};
use domain::life::{self, Attempt, Ending, Present, touched};
use domain::payload::Payload;
use store::Replaced;
use testkit::{Fault, When};

use crate::desk::{Desk, payload};

const DAY: u64 = 86_400;

fn present(desk: &Desk) -> Present {
    Present { now: desk.now(), keep: Some(Duration::from_secs(90 * DAY)) }
}

/// A job with a payload beside it, claimed, and the record of its end.
async fn about_to_end(desk: &Desk) -> (Job, Job) {
    let job = desk.write_with(desk.draft(), payload(5_000)).await;
    assert!(matches!(job.payload, PayloadPlace::Apart { .. }));
    let run = desk.run_id();
    let held = life::claim(&job, run, 1, desk.now());
    write(desk, &held).await;
    let ending = Ending::Done { result: None };
    let ended = life::finish(&held, Attempt { run, number: 1 }, &ending, present(desk)).unwrap();
    (held, ended)
}

async fn write(desk: &Desk, job: &Job) {
    assert!(matches!(desk.sound.replace_job(job).await.unwrap(), Replaced::Written));
}

async fn is_kept(desk: &Desk, job: &Job) -> bool {
    desk.sound.payload(job).await.unwrap() != Payload::empty()
}

#[tokio::test]
async fn both_go_a_day_apart_at_most_and_the_job_first() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    write(&desk, &ended).await;
    desk.pass(90 * DAY - 1);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 0);
    assert!(desk.sound.job(ended.id, desk.now()).await.unwrap().is_some());
    desk.pass(1);
    assert!(desk.sound.job(ended.id, desk.now()).await.unwrap().is_none());
    assert!(desk.sound.job_and_all(ended.id, desk.now()).await.unwrap().is_none());
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1);
    assert!(is_kept(&desk, &ended).await);
    desk.pass(DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1);
    assert!(!is_kept(&desk, &ended).await);
}

#[tokio::test]
async fn a_lost_race_leaves_the_payload_as_the_winner_wants_it() {
    let desk = Desk::new().await;
    let (held, ended) = about_to_end(&desk).await;
    write(&desk, &touched(&held, desk.now())).await;
    let told = desk.sound.replace_job(&ended).await.unwrap();
    assert!(matches!(told, Replaced::Lost(Some(current)) if current.status == Status::Running));
    desk.pass(200 * DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 0, "nothing was marked");
}

#[tokio::test]
async fn an_end_that_is_cut_short_marks_both_or_neither() {
    for fault in [Fault::Unreached, Fault::AnswerLost] {
        let desk = Desk::new().await;
        let (_, ended) = about_to_end(&desk).await;
        desk.bed.faults.plan(When::Nth(0), fault, Some("TransactWriteItems"));
        assert!(desk.blunt.replace_job(&ended).await.is_err());
        desk.bed.faults.clear();
        let stands = desk.sound.job(ended.id, desk.now()).await.unwrap().unwrap().status.is_end();
        assert_eq!(stands, fault == Fault::AnswerLost);
        // Asked again, it finds its own record or writes it.
        assert!(matches!(desk.blunt.replace_job(&ended).await.unwrap(), Replaced::Written));
        desk.pass(91 * DAY);
        assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 2, "{fault:?}");
    }
}

#[tokio::test]
async fn what_stands_in_the_way_for_a_moment_is_waited_out() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    desk.bed.faults.plan(
        When::Nth(0),
        Fault::Refused("TransactionCanceledException"),
        Some("TransactWriteItems"),
    );
    assert!(matches!(desk.blunt.replace_job(&ended).await.unwrap(), Replaced::Written));
    let (_, ended) = about_to_end(&desk).await;
    desk.bed.faults.plan(
        When::Always,
        Fault::Refused("TransactionCanceledException"),
        Some("TransactWriteItems"),
    );
    assert!(matches!(desk.blunt.replace_job(&ended).await, Err(store::StoreError::Busy(_))));
}

#[tokio::test]
async fn a_job_whose_payload_is_gone_ends_all_the_same() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    desk.sound.purge_job(ended.id, 1_000).await.unwrap();
    write(&desk, &ended).await;
    let again = life::start(&ended, desk.run_id(), desk.now());
    assert!(matches!(desk.sound.revive_job(&again).await.unwrap(), Replaced::Written));
    assert!(!is_kept(&desk, &ended).await, "no half of a payload was written");
}

#[tokio::test]
async fn a_job_that_starts_again_keeps_its_payload() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    write(&desk, &ended).await;
    desk.pass(89 * DAY);
    let again = life::start(&ended, desk.run_id(), desk.now());
    assert!(matches!(desk.sound.revive_job(&again).await.unwrap(), Replaced::Written));
    desk.pass(90 * DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 0, "it runs");
    let cancel = domain::id::CancelId::fresh(desk.now(), desk.bed.ambient.entropy());
    let over = life::cancel(&again, cancel, desk.run_id(), present(&desk)).unwrap();
    write(&desk, &over).await;
    desk.pass(90 * DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1, "the job");
    assert!(is_kept(&desk, &over).await);
    desk.pass(DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 1, "its payload");
}

#[tokio::test]
async fn whoever_loses_the_race_to_start_it_again_leaves_the_payload_to_expire() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    write(&desk, &ended).await;
    let late = life::start(&ended, desk.run_id(), desk.now());
    write(&desk, &touched(&ended, desk.now())).await;
    assert!(matches!(desk.sound.revive_job(&late).await.unwrap(), Replaced::Lost(Some(_))));
    desk.pass(91 * DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 2);
}

#[tokio::test]
async fn a_payload_that_is_written_anew_expires_with_its_job_or_stays_with_it() {
    let desk = Desk::new().await;
    let (_, ended) = about_to_end(&desk).await;
    write(&desk, &ended).await;
    let edited = touched(&ended, desk.now());
    let told = desk.sound.replace_job_and_payload(edited.clone(), payload(6_000)).await.unwrap();
    assert!(matches!(told, Replaced::Written));
    let waits = Job { status: Status::Pending, expires_at: None, ..touched(&edited, desk.now()) };
    let other = desk.write_with(desk.draft(), payload(5_000)).await;
    let expires = Some(desk.now().plus(Duration::from_secs(DAY)));
    let other = Job { expires_at: expires, ..touched(&other, desk.now()) };
    desk.sound.replace_job_and_payload(other.clone(), payload(5_500)).await.unwrap();
    desk.sound.replace_job_and_payload(waits.clone(), payload(6_000)).await.unwrap();
    desk.pass(300 * DAY);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 2, "the other job and its payload");
    assert!(is_kept(&desk, &waits).await && !is_kept(&desk, &other).await);
}

#[tokio::test]
async fn the_mark_of_a_deleted_job_leaves_the_payload_to_the_purge() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(5_000)).await;
    desk.bed.faults.clear();
    let mark = life::delete(&job, desk.now(), Duration::from_secs(DAY));
    desk.patient.replace_job(&mark).await.unwrap();
    let made: Vec<_> = desk.bed.faults.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(made, ["DynamoDB_20120810.PutItem"]);
}

//! Writing a job over the version before it.

use domain::job::{Job, PayloadPlace, Priority};
use domain::life::{self, touched};
use domain::payload::Payload;
use serde_json::json;
use store::{Replaced, StoreError};
use testkit::{Fault, When};

use crate::desk::{Desk, payload};

/// The record that the loser of a race is shown.
fn current(replaced: Replaced) -> Option<Job> {
    match replaced {
        Replaced::Lost(current) => current.map(|job| *job),
        Replaced::Written => panic!("it was written"),
    }
}

fn is_written(replaced: Replaced) -> bool {
    matches!(replaced, Replaced::Written)
}

#[tokio::test]
async fn the_loser_of_a_race_is_shown_the_winners_record() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let mut winner = touched(&job, desk.now());
    winner.priority = Priority::High;
    let loser = life::start(&job, desk.run_id(), desk.now());
    assert!(is_written(desk.sound.replace_job(&winner).await.unwrap()));
    assert_eq!(current(desk.sound.replace_job(&loser).await.unwrap()), Some(winner.clone()));
    assert_eq!(desk.sound.job(job.id, desk.now()).await.unwrap(), Some(winner));
}

#[tokio::test]
async fn what_is_not_there_is_not_written() {
    let desk = Desk::new().await;
    let next = touched(&desk.draft(), desk.now());
    assert_eq!(current(desk.sound.replace_job(&next).await.unwrap()), None);
    assert_eq!(desk.sound.job(next.id, desk.now()).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_answer_counts_as_written_whatever_the_numbers_look_like() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let result = json!({
        "one": 1.0, "tiny": 1e-7, "large": 12_345_678_901_234_567_890_u64, "negative": -0.5, "zero": 0,
        "nothing": null, "empty": "", "list": [1.50, [], {}], "yes": true,
    });
    let mut next = life::start(&job, desk.run_id(), desk.now());
    next.run.as_mut().unwrap().result = Some(result);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert!(is_written(desk.patient.replace_job(&next).await.unwrap()));
    assert_eq!(desk.bed.faults.strikes(), 1);
    let kept = desk.sound.job(job.id, desk.now()).await.unwrap().unwrap();
    assert_eq!(kept.run.unwrap().result.unwrap()["list"], json!([1.5, [], {}]));
}

#[tokio::test]
async fn an_unheard_answer_is_busy_and_asking_again_tells() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let next = life::start(&job, desk.run_id(), desk.now());
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert!(matches!(desk.blunt.replace_job(&next).await, Err(StoreError::Busy(_))));
    assert!(is_written(desk.blunt.replace_job(&next).await.unwrap()));
}

#[tokio::test]
async fn a_lost_answer_after_which_another_wrote_is_a_lost_race() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let ours = life::start(&job, desk.run_id(), desk.now());
    let theirs = touched(&ours, desk.now());
    assert!(is_written(desk.sound.replace_job(&ours).await.unwrap()));
    assert!(is_written(desk.sound.replace_job(&theirs).await.unwrap()));
    assert_eq!(current(desk.sound.replace_job(&ours).await.unwrap()), Some(theirs));
}

/// From which place to which, and what it is then.
fn moves() -> [(Payload, Payload); 4] {
    let (small, large) = (payload(50), payload(5_000));
    let other = payload(7_000);
    [(small.clone(), payload(60)), (small.clone(), large.clone()), (large.clone(), other), (large, small)]
}

#[tokio::test]
async fn a_payload_moves_with_the_record_though_an_answer_is_lost() {
    let desk = Desk::new().await;
    for (from, to) in moves() {
        for fault in [None, Some(Fault::AnswerLost), Some(Fault::Unreached)] {
            let job = desk.write_with(desk.draft(), from.clone()).await;
            match fault {
                Some(fault) => desk.bed.faults.plan(When::Nth(0), fault, None),
                None => desk.bed.faults.clear(),
            }
            let next = touched(&job, desk.now());
            let told = desk.patient.replace_job_and_payload(next, to.clone()).await.unwrap();
            let case = (from.as_str().len(), to.as_str().len(), fault);
            assert!(is_written(told), "{case:?}");
            desk.bed.faults.clear();
            let all = desk.patient.job_and_all(job.id, desk.now()).await.unwrap().unwrap();
            assert_eq!((&all.payload, all.job.version), (&to, 2), "{case:?}");
            // What moved into the record is gone beside it.
            let apart = matches!(all.job.payload, PayloadPlace::Apart { .. });
            assert_eq!(apart, to.as_str().len() > 1_000, "{case:?}");
            let beside = Job { payload: PayloadPlace::Apart { head: String::new() }, ..all.job.clone() };
            let left = desk.sound.payload(&beside).await.unwrap();
            assert_eq!(left, if apart { to.clone() } else { Payload::empty() }, "{case:?}");
        }
    }
}

#[tokio::test]
async fn a_payload_does_not_move_without_the_record() {
    let desk = Desk::new().await;
    for (from, to) in moves() {
        let job = desk.write_with(desk.draft(), from.clone()).await;
        let winner = touched(&job, desk.now());
        assert!(is_written(desk.sound.replace_job(&winner).await.unwrap()));
        let next = touched(&job, desk.now());
        let shown = desk.sound.replace_job_and_payload(next, to).await.unwrap();
        assert_eq!(current(shown), Some(winner.clone()));
        assert_eq!(desk.sound.payload(&winner).await.unwrap(), from);
    }
}

#[tokio::test]
async fn a_transaction_nobody_confirmed_is_found_to_be_our_own() {
    let desk = Desk::new().await;
    let (from, to) = (payload(50), payload(5_000));
    let job = desk.write_with(desk.draft(), from).await;
    let next = touched(&job, desk.now());
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    let told = desk.blunt.replace_job_and_payload(next.clone(), to.clone()).await;
    assert!(matches!(told, Err(StoreError::Busy(_))));
    // A new request with a token of its own: its condition fails against what it wrote itself.
    assert!(is_written(desk.blunt.replace_job_and_payload(next, to).await.unwrap()));
}

#[tokio::test]
async fn of_many_writers_at_once_one_writes() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let nexts: Vec<_> = (0..8).map(|_| life::start(&job, desk.run_id(), desk.now())).collect();
    let all = futures::future::join_all(nexts.iter().map(|next| desk.sound.replace_job(next))).await;
    let written = all.into_iter().filter(|told| matches!(told, Ok(Replaced::Written))).count();
    assert_eq!(written, 1);
}

/// What the row of the only job shows of what changes with every write.
async fn shown(desk: &Desk) -> serde_json::Value {
    let mut rows = desk.bed.rows(Some("list")).await;
    assert_eq!(rows.len(), 1);
    rows.remove(0)["shown"].take()
}

#[tokio::test]
async fn a_claim_leaves_the_row_of_the_list_as_it_is_and_the_next_write_does_not() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let started = life::start(&job, desk.run_id(), desk.now());
    assert!(is_written(desk.sound.replace_seen(&job, &started, None).await.unwrap()));
    let before = shown(&desk).await;
    assert_eq!(before, json!({"v": 2, "n": 0, "t": desk.now().as_millis()}));
    let run = started.run.as_ref().unwrap().id;
    desk.pass(3);
    let claimed = life::claim(&started, run, 7, desk.now());
    assert!(is_written(desk.patient.replace_seen(&started, &claimed, None).await.unwrap()));
    assert_eq!(
        desk.sound.job(job.id, desk.now()).await.unwrap().as_ref(),
        Some(&claimed),
        "the record tells"
    );
    assert_eq!(shown(&desk).await, before);
    // Once more, after its answer was lost: it is known again.
    assert!(is_written(desk.sound.replace_seen(&started, &claimed, None).await.unwrap()));
    // A worker that takes over does not know what the row shows, and neither does who edits.
    desk.pass(90);
    let taken = life::claim(&claimed, run, 8, desk.now());
    assert!(is_written(desk.sound.replace_seen(&claimed, &taken, None).await.unwrap()));
    assert_eq!(shown(&desk).await, json!({"v": 4, "n": 2, "t": desk.now().as_millis()}));
    let filter = domain::filter::JobFilter::default();
    let page = desk.sound.list_jobs(desk.owner, &filter, None, 0, 1, desk.now()).await.unwrap();
    assert_eq!((page.jobs[0].version, page.jobs[0].run.as_ref().unwrap().attempt), (4, 2));
}

//! Creating a job, once.

use domain::job::{Job, PayloadPlace};
use domain::payload::{MAX_BYTES, Payload};
use futures::future::join_all;
use store::{Claimed, Created, IdempotencyKey, NewJob, StoreError};
use testkit::{Fault, When};

use crate::desk::{Desk, made, payload};

const DAY: u64 = 24 * 3_600;

fn new(job: &Job) -> NewJob {
    NewJob { job: job.clone(), payload: Payload::empty() }
}

#[tokio::test]
async fn a_small_payload_stands_in_the_record() {
    let desk = Desk::new().await;
    let (draft, small) = (desk.draft(), payload(100));
    desk.bed.faults.clear();
    let created = desk.patient.create_job(NewJob { job: draft, payload: small.clone() }, None, desk.now());
    let job = made(created.await.unwrap());
    assert_eq!(job.payload, PayloadPlace::Here(small.clone()));
    assert_eq!(desk.bed.faults.calls().len(), 1);
    assert_eq!(desk.sound.job(job.id, desk.now()).await.unwrap().as_ref(), Some(&job));
    assert_eq!(desk.sound.payload(&job).await.unwrap(), small);
}

#[tokio::test]
async fn a_larger_payload_stands_beside_it_and_its_beginning_is_kept_for_the_search() {
    let desk = Desk::new().await;
    for bytes in [1_024, 20_000, MAX_BYTES] {
        let large = payload(bytes);
        let job = desk.write_with(desk.draft(), large.clone()).await;
        let PayloadPlace::Apart { head } = &job.payload else { panic!("{bytes} bytes stand in the record") };
        assert_eq!(head.as_str(), &large.as_str()[..512]);
        assert_eq!(desk.sound.job(job.id, desk.now()).await.unwrap().as_ref(), Some(&job));
        assert_eq!(desk.sound.payload(&job).await.unwrap(), large);
        let all = desk.sound.job_and_all(job.id, desk.now()).await.unwrap().unwrap();
        assert_eq!((all.job, all.payload), (job, large));
    }
}

#[tokio::test]
async fn a_key_creates_one_job() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "k", request_hash: "h" };
    let (one, two) = (desk.draft(), desk.draft());
    assert_eq!(desk.sound.claimed(desk.owner, "k", desk.now()).await.unwrap(), None);
    made(desk.sound.create_job(new(&one), Some(key), desk.now()).await.unwrap());
    let again = desk.sound.create_job(new(&two), Some(key), desk.now()).await.unwrap();
    assert!(matches!(again, Created::KeyTaken));
    let claimed = desk.sound.claimed(desk.owner, "k", desk.now()).await.unwrap();
    assert_eq!(claimed, Some(Claimed { job_id: one.id, request_hash: "h".to_owned() }));
    assert_eq!(desk.sound.job(two.id, desk.now()).await.unwrap(), None);

    let other = IdempotencyKey { user: testkit::user(&desk.bed, "other").user.id, ..key };
    made(desk.sound.create_job(new(&two), Some(other), desk.now()).await.unwrap());
}

#[tokio::test]
async fn a_key_is_free_again_after_a_day_though_the_table_still_has_it() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "k", request_hash: "h" };
    made(desk.sound.create_job(new(&desk.draft()), Some(key), desk.now()).await.unwrap());
    desk.pass(DAY - 1);
    let early = desk.sound.create_job(new(&desk.draft()), Some(key), desk.now()).await.unwrap();
    assert!(matches!(early, Created::KeyTaken));
    desk.pass(1);
    assert_eq!(desk.sound.claimed(desk.owner, "k", desk.now()).await.unwrap(), None);
    let late = desk.draft();
    made(desk.sound.create_job(new(&late), Some(key), desk.now()).await.unwrap());
    let claimed = desk.sound.claimed(desk.owner, "k", desk.now()).await.unwrap();
    assert_eq!(claimed.map(|claimed| claimed.job_id), Some(late.id));
}

#[tokio::test]
async fn of_many_at_once_under_one_key_one_creates() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "k", request_hash: "h" };
    let drafts: Vec<_> = (0..8).map(|_| desk.draft()).collect();
    let all = drafts.iter().map(|draft| desk.sound.create_job(new(draft), Some(key), desk.now()));
    let all = join_all(all).await;
    let created = all.into_iter().filter(|created| matches!(created, Ok(Created::New(_)))).count();
    assert_eq!(created, 1);
    let found = desk.sound.jobs(&drafts.iter().map(|draft| draft.id).collect::<Vec<_>>(), desk.now()).await;
    assert_eq!(found.unwrap().len(), 1);
}

#[tokio::test]
async fn a_lost_answer_is_found_to_be_our_own() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "k", request_hash: "h" };
    for (key, operation) in [(None, "PutItem"), (Some(key), "TransactWriteItems")] {
        let draft = desk.draft();
        desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some(operation));
        let job = made(desk.patient.create_job(new(&draft), key, desk.now()).await.unwrap());
        assert_eq!((desk.bed.faults.strikes(), desk.bed.faults.calls().len()), (1, 2), "{operation}");
        assert_eq!(desk.sound.job(draft.id, desk.now()).await.unwrap(), Some(job));
    }
}

#[tokio::test]
async fn a_caller_who_was_told_nothing_may_ask_again() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "k", request_hash: "h" };
    for (key, operation) in [(None, "PutItem"), (Some(key), "TransactWriteItems")] {
        for fault in [Fault::AnswerLost, Fault::Unreached] {
            let draft = desk.draft();
            desk.bed.faults.plan(When::Nth(0), fault, Some(operation));
            let told = desk.blunt.create_job(new(&draft), key, desk.now()).await;
            assert!(matches!(told, Err(StoreError::Busy(_))), "{operation} {fault:?}: {told:?}");
            let stands = desk.sound.job(draft.id, desk.now()).await.unwrap().is_some();
            assert_eq!(stands, fault == Fault::AnswerLost);
            made(desk.blunt.create_job(new(&draft), key, desk.now()).await.unwrap());
            assert!(desk.sound.job(draft.id, desk.now()).await.unwrap().is_some());
            // The next case's key is free.
            desk.pass(DAY);
        }
    }
}

//! A table or a queue that fails in the middle.

use domain::job::Status;
use domain::life;
use queue::topology::{JOBS_DLQ, JOBS_HIGH};
use testkit::{Fault, When};

use crate::morgue::{Morgue, message_of};

#[tokio::test]
async fn whatever_fails_the_job_ends_and_is_told_of() {
    for operation in ["GetItem", "PutItem", "SendMessage"] {
        // A condition that fails without showing the record, as if there were none.
        let gone = Fault::Refused("ConditionalCheckFailedException");
        for fault in [Fault::Unreached, Fault::AnswerLost, Fault::Throttled, gone] {
            if fault == gone && operation != "PutItem" {
                continue;
            }
            let case = format!("{operation} {fault:?}");
            let morgue = Morgue::new().await;
            let job = morgue.held(2).await;
            morgue.pass(66);
            morgue.bury_run(&job, 0).await;
            morgue.bed.faults.plan(When::Nth(0), fault, Some(operation));
            assert_eq!(morgue.step().await, (0, 1), "{case}");
            assert_eq!(morgue.bed.faults.strikes(), 1, "{case}");
            morgue.bed.faults.clear();
            morgue.pass(29);
            assert_eq!(morgue.step().await, (0, 0), "{case}");
            morgue.pass(1);
            assert_eq!(morgue.step().await, (1, 0), "{case}");
            let ended = morgue.read(&job).await;
            assert_eq!((ended.status, ended.version), (Status::Failed, job.version + 1), "{case}");
            let asked = morgue.fresh(JOBS_HIGH).await;
            let twice = operation == "SendMessage" && fault == Fault::AnswerLost;
            assert_eq!(asked.len(), if twice { 2 } else { 1 }, "{case}");
            assert!(asked.contains(&message_of(&job, 1)), "{case}");
            assert_eq!(morgue.depth(JOBS_DLQ), (0, 0, 0), "{case}");
        }
    }
}

#[tokio::test]
async fn a_lost_race_is_decided_anew() {
    let morgue = Morgue::new().await;
    let job = morgue.held(2).await;
    morgue.pass(66);
    morgue.bury_run(&job, 0).await;
    // The record is cancelled between the look and the write.
    morgue.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("PutItem"));
    assert_eq!(morgue.step().await, (0, 1));
    let cancel = domain::id::CancelId::fresh(morgue.now(), morgue.bed.ambient.entropy());
    let cancelled = life::cancel(&job, cancel, morgue.run_id(), morgue.present()).unwrap();
    morgue.replace(cancelled.clone()).await;
    morgue.bed.faults.clear();
    morgue.pass(30);
    assert_eq!(morgue.step().await, (1, 0));
    assert_eq!(morgue.read(&job).await, cancelled);
    assert_eq!(morgue.fresh(JOBS_HIGH).await, [message_of(&job, 1)]);
}

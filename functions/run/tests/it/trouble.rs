//! The table or a queue fails in the middle: what was answered is true, and asking again is safe.

use domain::job::{Priority, Status};
use http::StatusCode;
use testkit::{Fault, When};

use crate::counter::Counter;

#[tokio::test]
async fn a_queue_out_of_reach_changes_nothing() {
    let counter = Counter::new().await;
    let job = counter.telling().await;
    for (what, operation) in [("run", "SendMessage"), ("cancel", "SendMessageBatch")] {
        counter.bed.faults.plan(When::Always, Fault::Unreached, Some(operation));
        let got = counter.ask(&job, what).await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{what}");
        assert!(got.headers.contains_key("retry-after"), "{what}");
        assert_eq!(counter.read(&job).await, job, "{what}");
    }
    counter.bed.faults.clear();
    assert_eq!(counter.ask(&job, "run").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_write_that_failed_or_was_not_heard_of_may_be_asked_for_again() {
    for fault in [Fault::Unreached, Fault::AnswerLost] {
        let counter = Counter::new().await;
        let job = counter.telling().await;
        counter.bed.faults.plan(When::Nth(0), fault, Some("PutItem"));
        assert_eq!(counter.ask(&job, "run").await.status, StatusCode::SERVICE_UNAVAILABLE);
        counter.bed.faults.clear();
        let again = counter.ask(&job, "run").await;
        let wanted = if fault == Fault::AnswerLost { 409 } else { 202 };
        assert_eq!((again.status.as_u16(), counter.read(&job).await.status), (wanted, Status::Running));
        // A message of the run that was written is under way in any case.
        counter.pass(3);
        let run = counter.read(&job).await.run.unwrap().id;
        let sent = counter.messages(Priority::Low).await;
        let names_it = |message: &domain::message::JobMessage| matches!(message, domain::message::JobMessage::Run { run_id, .. } if *run_id == run);
        assert!(sent.iter().any(names_it), "{fault:?}");
    }
}

#[tokio::test]
async fn a_cancellation_that_was_not_written_is_announced_under_an_id_that_nothing_shows() {
    let counter = Counter::new().await;
    let job = counter.telling().await;
    counter.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("PutItem"));
    assert_eq!(counter.ask(&job, "cancel").await.status, StatusCode::SERVICE_UNAVAILABLE);
    counter.bed.faults.clear();
    counter.pass(2);
    let announced = counter.deliveries().await;
    assert!(announced[0].cancel_id.is_some());
    assert_eq!(counter.read(&job).await.cancel_id, None);
    assert_eq!(counter.ask(&job, "cancel").await.status, StatusCode::OK);
    counter.pass(2);
    let told = counter.deliveries().await;
    assert_eq!((told.len(), told[0].cancel_id), (1, counter.read(&job).await.cancel_id));
    assert_ne!(told[0].cancel_id, announced[0].cancel_id);
}

#[tokio::test]
async fn every_other_failure_is_a_503_and_no_half_truth() {
    for what in ["run", "cancel"] {
        for n in 0..10 {
            let counter = Counter::new().await;
            let job = counter.telling().await;
            counter.bed.faults.plan(When::Nth(n), Fault::Throttled, None);
            let got = counter.ask(&job, what).await;
            if counter.bed.faults.strikes() == 0 {
                assert!(got.status.is_success() && n > 3, "{what} makes {n} calls");
                break;
            }
            assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE, "{what} {n}");
            assert_eq!(counter.read(&job).await, job, "{what} {n}");
        }
    }
}

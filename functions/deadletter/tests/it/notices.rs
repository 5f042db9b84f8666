//! Notices that no worker could see to.

use domain::life;
use domain::message::JobMessage;
use queue::topology::JOBS_LOW;
use testkit::{Fault, When};

use crate::morgue::Morgue;

async fn bury(morgue: &Morgue, message: &JobMessage) {
    morgue.bury(&serde_json::to_string(message).unwrap()).await;
}

/// What goes back to the workers, and after how many seconds.
async fn sent(morgue: &Morgue) -> Option<(JobMessage, u64)> {
    for waited in 0..=900 {
        if let Some(message) = morgue.fresh(JOBS_LOW).await.pop() {
            let sqs = morgue.bed.sound_clients().sqs();
            sqs.purge_queue().queue_url(morgue.bed.queue(JOBS_LOW.name)).send().await.unwrap();
            return Some((message, waited));
        }
        if morgue.is_idle() {
            return None;
        }
        morgue.pass(1);
    }
    None
}

#[tokio::test]
async fn a_notice_goes_back_later_each_time_and_is_given_up_after_hours() {
    let morgue = Morgue::new().await;
    let job = morgue.running().await;
    let mut message = JobMessage::notice(job.id, job.run.as_ref().unwrap().id);
    let mut waits = Vec::new();
    for _ in 0..100 {
        bury(&morgue, &message).await;
        assert_eq!(morgue.step().await, (1, 0));
        let Some((next, waited)) = sent(&morgue).await else { break };
        waits.push(waited);
        let JobMessage::Notice { job_id, run_id, round, rescued } = next else { panic!("{next:?}") };
        let count = u32::try_from(waits.len()).unwrap();
        assert_eq!(
            (job_id, Some(run_id), round, rescued),
            (job.id, job.run.as_ref().map(|run| run.id), 0, count)
        );
        message = next;
    }
    assert_eq!(waits.len(), 26);
    assert!(waits[0] <= 21 && waits[25] >= 450, "{waits:?}");
    assert!(morgue.is_idle());
}

#[tokio::test]
async fn the_rounds_of_workers_count_and_stay() {
    let morgue = Morgue::new().await;
    let job = morgue.running().await;
    let run_id = job.run.as_ref().unwrap().id;
    for (round, rescued, goes_on) in [(7, 3, true), (25, 0, true), (20, 6, false), (26, 0, false)] {
        bury(&morgue, &JobMessage::Notice { job_id: job.id, run_id, round, rescued }).await;
        assert_eq!(morgue.step().await, (1, 0));
        let next = sent(&morgue).await.map(|(message, _)| message);
        let wanted = JobMessage::Notice { job_id: job.id, run_id, round, rescued: rescued + 1 };
        assert_eq!(next, goes_on.then_some(wanted), "{round} {rescued}");
    }
}

#[tokio::test]
async fn the_notice_of_a_deleted_job_is_dropped_and_no_fault_loses_one() {
    let morgue = Morgue::new().await;
    let job = morgue.running().await;
    let notice = JobMessage::notice(job.id, job.run.as_ref().unwrap().id);
    for operation in ["GetItem", "SendMessage"] {
        bury(&morgue, &notice).await;
        morgue.bed.faults.plan(When::Nth(0), Fault::Unreached, Some(operation));
        assert_eq!(morgue.step().await, (0, 1), "{operation}");
        morgue.bed.faults.clear();
        morgue.pass(30);
        assert_eq!(morgue.step().await, (1, 0), "{operation}");
        assert!(sent(&morgue).await.is_some(), "{operation}");
    }
    morgue.replace(life::delete(&job, morgue.now(), std::time::Duration::from_secs(9_999))).await;
    bury(&morgue, &notice).await;
    assert_eq!(morgue.step().await, (1, 0));
    assert!(morgue.is_idle());
}

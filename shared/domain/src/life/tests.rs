use proptest::prelude::*;

use super::*;
use crate::id::{JobId, UserId};
use crate::job::{PayloadPlace, Priority};
use crate::log::Log;
use crate::payload::Payload;
use crate::time::Entropy;

pub(super) struct Fixed(pub(super) u8);
impl Entropy for Fixed {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(self.0);
    }
}

pub(super) fn at(seconds: i64) -> Moment {
    Moment::from_millis(1_800_000_000_000 + seconds * 1000)
}

pub(super) fn then(seconds: i64) -> Present {
    Present { now: at(seconds), keep: None }
}

fn accepted(job: &Job, n: u8, version: u64, holder: u32, now: Moment) -> Verdict {
    accept(job, run(n), Trigger::Run { version }, holder, Duration::ZERO, Present { now, keep: None })
}

fn run(n: u8) -> RunId {
    RunId::fresh(at(0), &Fixed(n))
}

pub(super) fn job() -> Job {
    Job {
        id: JobId::fresh(at(0), &Fixed(1)),
        user_id: UserId::fresh(at(0), &Fixed(2)),
        task_name: "report".to_owned(),
        task_type: "simulate".to_owned(),
        payload: PayloadPlace::Here(Payload::empty()),
        priority: Priority::Low,
        status: Status::Pending,
        version: 1,
        max_retries: 2,
        timeout_seconds: crate::job::LONGEST_TIMEOUT,
        timetable: None,
        webhook: None,
        run: None,
        log: Log::default(),
        created_at: at(0),
        updated_at: at(0),
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}

fn attempt(n: u8, number: u32) -> Attempt {
    Attempt { run: run(n), number }
}

pub(super) fn done() -> Ending {
    Ending::Done { result: None }
}

pub(super) fn failed() -> Ending {
    Ending::Failed { error: "no".to_owned(), delay: Duration::from_secs(7) }
}

fn claimed(job: &Job, n: u8, version: u64, now: Moment) -> Job {
    match accepted(job, n, version, 5, now) {
        Verdict::Claim { next, .. } => *next,
        other => panic!("not a claim: {other:?}"),
    }
}

#[test]
fn attempts_are_counted_up_to_the_last_number() {
    let mut running = start(&job(), run(1), at(1));
    let lapsed = crate::job::Lease { until: at(0), holder: 9 };
    running.run = running.run.map(|run| crate::job::Run { attempt: u32::MAX, lease: Some(lapsed), ..run });
    let held = claim(&running, run(1), 5, at(4)).run.unwrap();
    assert_eq!((held.attempt, held.retry_count()), (u32::MAX, u32::MAX - 1));
}

#[test]
fn from_pending_to_completed() {
    let running = start(&job(), run(1), at(1));
    assert_eq!((running.status, running.version), (Status::Running, 2));
    let held = claimed(&running, 1, 1, at(4));
    let ended = finish(&held, attempt(1, 1), &done(), then(5)).unwrap();
    let last = ended.run.as_ref().unwrap();
    assert_eq!((ended.status, ended.version), (Status::Completed, 4));
    assert_eq!((last.completed_at, last.outcome), (Some(at(5)), Some(Status::Completed)));
    assert_eq!(last.duration(), Some(Duration::from_secs(4)));
    assert_eq!(last.retry_count(), 0);
    let told: Vec<_> = ended.log.entries().iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!(told, ["queued", "attempt 1 started", "attempt 1 completed"]);
    assert_eq!(accepted(&ended, 1, 1, 5, at(6)), Verdict::Settle);
}

#[test]
fn a_message_may_come_before_the_write_that_it_announces() {
    let held = claimed(&job(), 1, 1, at(2));
    assert_eq!((held.status, held.version), (Status::Running, 2));
    assert_eq!(held.run.as_ref().unwrap().id, run(1));
}

#[test]
fn a_message_of_another_version_is_stale() {
    assert_eq!(accepted(&job(), 1, 2, 5, at(2)), Verdict::Stale);
    let running = start(&job(), run(1), at(1));
    assert_eq!(accepted(&running, 2, 2, 5, at(2)), Verdict::Stale, "another run is on");
}

#[test]
fn a_rerun_whose_message_comes_first_puts_the_ended_run_aside() {
    let held = claimed(&start(&job(), run(1), at(1)), 1, 1, at(1));
    let ended = finish(&held, attempt(1, 1), &done(), then(2)).unwrap();
    match accepted(&ended, 2, ended.version, 5, at(3)) {
        Verdict::Claim { next } => {
            assert_eq!(put_aside(&ended, &next).unwrap().id, run(1));
            assert_eq!(next.run.unwrap().attempt, 1);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn attempts_are_tried_until_none_is_left() {
    let mut job = start(&job(), run(1), at(0));
    for number in 1..=3 {
        job = claimed(&job, 1, 1, at(100 * i64::from(number)));
        job = finish(&job, attempt(1, number), &failed(), then(100 * i64::from(number))).unwrap();
        assert_eq!(job.run.as_ref().unwrap().last_error.as_deref(), Some("no"));
    }
    assert_eq!(job.status, Status::Failed);
    assert_eq!(job.run.as_ref().unwrap().retry_count(), 2);
}

#[test]
fn a_retry_waits_for_its_time() {
    let held = claimed(&start(&job(), run(1), at(0)), 1, 1, at(1));
    let waiting = finish(&held, attempt(1, 1), &failed(), then(2)).unwrap();
    assert_eq!(accepted(&waiting, 1, 1, 5, at(3)), Verdict::Wait { until: at(9) });
    assert!(matches!(accepted(&waiting, 1, 1, 5, at(9)), Verdict::Claim { .. }));
}

#[test]
fn a_refusal_is_not_tried_again() {
    let held = claimed(&start(&job(), run(1), at(0)), 1, 1, at(1));
    let refused = Ending::Refused { error: "never".to_owned() };
    assert_eq!(finish(&held, attempt(1, 1), &refused, then(2)).unwrap().status, Status::Failed);
}

#[test]
fn a_live_lease_makes_others_wait_and_a_lapsed_one_gives_way() {
    let held = claimed(&start(&job(), run(1), at(0)), 1, 1, at(0));
    assert_eq!(accepted(&held, 1, 1, 6, at(30)), Verdict::Wait { until: at(66) });
    let second = claimed(&held, 1, 1, at(65));
    assert_eq!(second.run.as_ref().unwrap().attempt, 2);
    assert_eq!(
        finish(&held, attempt(1, 1), &done(), then(66)).map(|job| job.version),
        Ok(4),
        "same record: still held"
    );
    assert_eq!(
        finish(&second, attempt(1, 1), &done(), then(66)),
        Err(Fenced),
        "a frozen worker cannot commit"
    );
}

#[test]
fn a_worker_lost_in_the_last_attempt_ends_the_job() {
    let mut job = start(&job(), run(1), at(0));
    for number in 0..3 {
        job = claimed(&job, 1, 1, at(100 * number));
    }
    match accepted(&job, 1, 1, 5, at(1_000)) {
        Verdict::Lose { next } => {
            assert_eq!(next.status, Status::Failed);
            assert!(next.run.unwrap().last_error.unwrap().starts_with("worker-lost"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cancelled_or_deleted_job_is_out_of_every_workers_hands() {
    let held = claimed(&start(&job(), run(1), at(0)), 1, 1, at(0));
    let cancelled = cancel(&held, CancelId::fresh(at(1), &Fixed(3)), run(9), then(1)).unwrap();
    assert_eq!(cancelled.run.as_ref().unwrap().id, run(1));
    assert_eq!(finish(&cancelled, attempt(1, 1), &done(), then(2)), Err(Fenced));
    assert_eq!(accepted(&cancelled, 1, 1, 5, at(2)), Verdict::Settle);
    assert_eq!(cancel(&cancelled, CancelId::fresh(at(1), &Fixed(4)), run(9), then(3)), None);
    let deleted = delete(&held, at(1), Duration::from_secs(60));
    assert_eq!(finish(&deleted, attempt(1, 1), &done(), then(2)), Err(Fenced));
    assert_eq!(accepted(&deleted, 1, 1, 5, at(2)), Verdict::Stale);
    let never_ran = cancel(&job(), CancelId::fresh(at(1), &Fixed(3)), run(9), then(1)).unwrap();
    assert_eq!(never_ran.run.unwrap().id, run(9));
}

#[test]
fn a_dead_letter_gets_one_more_round_and_then_ends_the_job() {
    let running = start(&job(), run(1), at(0));
    assert_eq!(
        bury(&running, run(1), Trigger::Run { version: 1 }, 0, then(10)),
        Burial::Resend { from: at(10) }
    );
    match bury(&running, run(1), Trigger::Run { version: 1 }, 1, then(10)) {
        Burial::End { next } => {
            assert_eq!(next.status, Status::Failed);
            assert!(next.run.as_ref().unwrap().dead_lettered);
            assert_eq!(bury(&next, run(1), Trigger::Run { version: 1 }, 1, then(11)), Burial::Settle);
        }
        other => panic!("{other:?}"),
    }
    let held = claimed(&running, 1, 1, at(10));
    assert_eq!(
        bury(&held, run(1), Trigger::Run { version: 1 }, 1, then(11)),
        Burial::Resend { from: at(76) },
        "its lease is live"
    );
    // The write that the message announces was never made: the job ends under the announced run.
    match bury(&job(), run(3), Trigger::Run { version: 1 }, 1, then(10)) {
        Burial::End { next } => assert_eq!((next.run.unwrap().id, next.version), (run(3), 2)),
        other => panic!("{other:?}"),
    }
    assert_eq!(bury(&running, run(8), Trigger::Run { version: 1 }, 1, then(10)), Burial::Stale);
}

#[test]
fn who_may_start_what() {
    let pending = job();
    let running = start(&pending, run(1), at(0));
    let ended = finish(&claimed(&running, 1, 1, at(0)), attempt(1, 1), &done(), then(1)).unwrap();
    assert_eq!((may_run(&pending), may_rerun(&pending)), (Ok(()), Err(CannotStart::NotEnded)));
    assert_eq!(
        (may_run(&running), may_rerun(&running)),
        (Err(CannotStart::Running), Err(CannotStart::Running))
    );
    assert_eq!((may_run(&ended), may_rerun(&ended)), (Err(CannotStart::Ended(Status::Completed)), Ok(())));
}

#[derive(Clone, Debug)]
enum Step {
    Message { run: u8, seen: u64 },
    End { number: u32, well: bool },
    Start { run: u8 },
    Cancel,
    DeadLetter { rescued: u32 },
    Time { seconds: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1u8..4, 1u64..8).prop_map(|(run, seen)| Step::Message { run, seen }),
        (1u32..5, any::<bool>()).prop_map(|(number, well)| Step::End { number, well }),
        (1u8..4).prop_map(|run| Step::Start { run }),
        Just(Step::Cancel),
        (0u32..2).prop_map(|rescued| Step::DeadLetter { rescued }),
        (1i64..100).prop_map(|seconds| Step::Time { seconds }),
    ]
}

proptest! {
    /// Whatever comes in whatever order: versions grow by one, an ended run stays as it ended, and the status
    /// agrees with the run.
    #[test]
    fn no_order_of_events_breaks_a_record(steps in proptest::collection::vec(step(), 0..60)) {
        let (mut job, mut now) = (job(), 0);
        for step in steps {
            let before = job.clone();
            let current = job.run.as_ref().map(|run| run.id);
            let next = match step {
                Step::Time { seconds } => { now += seconds; None }
                Step::Message { run: n, seen } => match accepted(&job, n, seen, 1, at(now)) {
                    Verdict::Claim { next, .. } | Verdict::Lose { next } => Some(*next),
                    _ => None,
                },
                Step::End { number, well } => current.and_then(|id| {
                    let ending = if well { done() } else { failed() };
                    finish(&job, Attempt { run: id, number }, &ending, then(now)).ok()
                }),
                Step::Start { run: n } => {
                    (may_run(&job).is_ok() || may_rerun(&job).is_ok()).then(|| start(&job, run(n), at(now)))
                }
                Step::Cancel => cancel(&job, CancelId::fresh(at(now), &Fixed(7)), run(9), then(now)),
                Step::DeadLetter { rescued } => match bury(&job, run(1), Trigger::Run { version: 1 }, rescued, then(now)) {
                    Burial::End { next } => Some(*next),
                    _ => None,
                },
            };
            if let Some(next) = next { job = next; }
            prop_assert!(job.version == before.version || job.version == before.version + 1);
            if job.status == Status::Running {
                prop_assert!(job.run.as_ref().is_some_and(|run| run.outcome.is_none()));
            }
            if job.status.is_end() {
                let run = job.run.as_ref().unwrap();
                prop_assert_eq!(run.outcome, Some(job.status));
                prop_assert!(run.completed_at.is_some() && run.lease.is_none() && run.not_before.is_none());
            }
            if before.status.is_end() && job.status.is_end() {
                prop_assert_eq!(&before.run, &job.run);
            }
        }
    }
}

use serde_json::{Value, json};

use super::super::tests::{at, done, failed, job, then};
use super::*;
use crate::id::CancelId;
use crate::life::{
    Attempt, Burial, CannotRest, Ending, Trigger, bury, cancel, claim, finish, pause, put_aside, reschedule,
    resume, scheduled, start,
};
use crate::schedule::Schedule;

mod changes;

/// Every hour from the first second on.
fn hourly(missed: &str) -> Value {
    let start = at(0).to_string();
    json!({"type": "recurring", "startTime": start, "recurrence": {"interval": "hourly"}, "missed": missed})
}

fn once(start: Moment) -> Value {
    json!({"type": "one-time", "startTime": start.to_string()})
}

fn parsed(schedule: &Value, now: Moment) -> Schedule {
    Schedule::parse(schedule, "/schedule", now).unwrap()
}

fn waiting(schedule: &Value, now: Moment) -> Job {
    let mut job = job();
    job.timetable = Some(scheduled(parsed(schedule, now), job.version, now));
    job
}

fn next(job: &Job) -> Option<Moment> {
    job.timetable.as_ref().and_then(|table| table.next)
}

/// What happens to the message of the job's next occurrence at `now`.
fn fired(job: &Job, now: Moment) -> Verdict {
    let table = job.timetable.as_ref().unwrap();
    fired_for(job, table.rev, table.next.unwrap(), now)
}

fn fired_for(job: &Job, rev: u64, due_at: Moment, now: Moment) -> Verdict {
    let run = RunId::of_occurrence(job.id, due_at);
    super::super::accept(
        job,
        run,
        Trigger::Fire { rev, due_at },
        5,
        Duration::ZERO,
        Present { now, keep: KEEP },
    )
}

const KEEP: Option<Duration> = Some(Duration::from_secs(3_600));

fn claimed(verdict: Verdict) -> Job {
    match verdict {
        Verdict::Claim { next } => *next,
        other => panic!("not a claim: {other:?}"),
    }
}

fn skipped(verdict: Verdict) -> Job {
    match verdict {
        Verdict::Skip { next } => *next,
        other => panic!("not a skip: {other:?}"),
    }
}

fn finished(job: &Job, ending: &Ending, now: Moment) -> Job {
    let run = job.run.as_ref().unwrap();
    finish(job, Attempt { run: run.id, number: run.attempt }, ending, Present { now, keep: KEEP }).unwrap()
}

fn last_told(job: &Job) -> &str {
    &job.log.entries().last().unwrap().message
}

#[test]
fn an_occurrence_starts_on_the_second_and_never_early() {
    let job = waiting(&hourly("run_once"), at(0));
    assert_eq!(next(&job), Some(at(0)));
    let job = waiting(&hourly("run_once"), at(1));
    assert_eq!(next(&job), Some(at(3_600)));
    assert_eq!(fired(&job, at(3_599)), Verdict::Wait { until: at(3_600) });
    let held = claimed(fired(&job, at(3_600)));
    assert_eq!((held.status, held.version), (Status::Running, job.version + 1));
    assert_eq!(held.run.as_ref().unwrap().due_at, Some(at(3_600)));
    assert_eq!((next(&held), held.timetable.as_ref().unwrap().fires), (Some(at(7_200)), 1));
}

#[test]
fn an_occurrence_that_is_announced_twice_starts_once() {
    let job = waiting(&hourly("run_once"), at(1));
    let held = claimed(fired(&job, at(3_600)));
    let again = |job: &Job, now| fired_for(job, job.timetable.as_ref().unwrap().rev, at(3_600), now);
    assert!(matches!(again(&held, at(3_601)), Verdict::Wait { .. }), "its lease is live");
    let ended = finished(&held, &done(), at(3_610));
    assert_eq!(again(&ended, at(3_611)), Verdict::Settle);
    let later = finished(&claimed(fired(&ended, at(7_200))), &done(), at(7_201));
    assert_eq!(again(&later, at(7_202)), Verdict::Stale);
}

#[test]
fn a_recurring_job_waits_again_after_a_run_whether_it_failed_or_not() {
    let mut job = waiting(&hourly("run_once"), at(1));
    job.max_retries = 0;
    let ended = finished(&claimed(fired(&job, at(3_600))), &failed(), at(3_605));
    assert_eq!((ended.status, ended.expires_at), (Status::Pending, None));
    assert_eq!(ended.run.as_ref().unwrap().outcome, Some(Status::Failed));
    assert_eq!(ended.run.as_ref().unwrap().last_error.as_deref(), Some("no"));
    let second = claimed(fired(&ended, at(7_200)));
    assert_eq!(put_aside(&ended, &second), ended.run.as_ref());
    assert_eq!(finished(&second, &done(), at(7_201)).status, Status::Pending);
}

#[test]
fn its_last_run_decides_how_it_ends() {
    let schedule =
        json!({"startTime": at(10).to_string(), "recurrence": {"interval": "PT10S", "maxRuns": 2}});
    let job = waiting(&schedule, at(0));
    let first = finished(&claimed(fired(&job, at(10))), &done(), at(11));
    assert_eq!(first.status, Status::Pending);
    let second = claimed(fired(&first, at(20)));
    assert_eq!(next(&second), None);
    let ended = finished(&second, &Ending::Refused { error: "no".to_owned() }, at(21));
    assert_eq!((ended.status, ended.expires_at), (Status::Failed, Some(at(21 + 3_600))));
}

#[test]
fn one_occurrence_ends_a_job_and_a_past_one_comes_at_once() {
    let job = waiting(&once(at(50)), at(0));
    assert_eq!(next(&job), Some(at(50)));
    assert_eq!(finished(&claimed(fired(&job, at(50))), &done(), at(51)).status, Status::Completed);
    assert_eq!(next(&waiting(&once(at(-90_000)), at(7))), Some(at(7)));
}

#[test]
fn what_was_missed_runs_once_for_all() {
    let job = waiting(&hourly("run_once"), at(1));
    let late = at(3_600 * 5 + 1_000);
    let held = claimed(fired(&job, late));
    assert_eq!(held.run.as_ref().unwrap().due_at, Some(at(3_600)));
    assert_eq!(next(&held), Some(at(3_600 * 6)));
    let told: Vec<_> = held.log.entries().iter().map(|entry| entry.message.as_str()).collect();
    assert!(told[0].starts_with("5 occurrences missed, due "), "{told:?}");
    let nearly = claimed(fired(&job, at(3_600 + 300)));
    assert!(!nearly.log.entries()[0].message.contains("late"), "five minutes are no miss");
}

#[test]
fn what_was_missed_is_skipped_and_told() {
    let job = waiting(&hourly("skip"), at(1));
    let over = skipped(fired(&job, at(3_600 * 5 + 301)));
    assert_eq!((over.status, next(&over)), (Status::Pending, Some(at(3_600 * 6))));
    assert!(last_told(&over).starts_with("5 occurrences skipped, due "), "{}", last_told(&over));
    assert_eq!(over.timetable.as_ref().unwrap().fires, 0);
    let near = skipped(fired(&job, at(3_600 * 5 + 300)));
    assert_eq!(next(&near), Some(at(3_600 * 5)), "the last one is not missed yet");
    claimed(fired(&near, at(3_600 * 5 + 300)));
}

#[test]
fn what_was_missed_is_made_up_for_in_turn() {
    let mut job = waiting(&hourly("backfill"), at(1));
    let now = at(3_600 * 4 + 1_800);
    for hour in 1..=4 {
        let held = claimed(fired(&job, now));
        assert_eq!(held.run.as_ref().unwrap().due_at, Some(at(3_600 * hour)));
        if hour < 4 {
            assert_eq!(fired(&held, now), Verdict::Later, "the next waits for its turn");
        }
        job = finished(&held, &done(), now);
    }
    assert_eq!((job.status, next(&job)), (Status::Pending, Some(at(3_600 * 5))));
}

#[test]
fn a_backfill_makes_up_for_the_last_thousand() {
    let job = waiting(&hourly("backfill"), at(1));
    let now = at(3_600 * 2_500 + 5);
    let over = skipped(fired(&job, now));
    assert_eq!(next(&over), Some(at(3_600 * 1_501)));
    assert!(last_told(&over).starts_with("more than 1000 occurrences skipped"), "{}", last_told(&over));
    claimed(fired(&over, now));
}

#[test]
fn an_occurrence_that_comes_while_a_run_is_on_is_skipped() {
    let job = waiting(&hourly("run_once"), at(1));
    let held = claimed(fired(&job, at(3_600)));
    let over = skipped(fired(&held, at(7_200)));
    assert_eq!((over.status, next(&over)), (Status::Running, Some(at(3_600 * 3))));
    assert!(last_told(&over).ends_with("an earlier run was still on"), "{}", last_told(&over));
    let ended = finished(&over, &done(), at(7_300));
    assert_eq!(ended.status, Status::Pending, "the run goes on and ends under its own attempt");
}

#[test]
fn a_job_whose_only_occurrence_is_skipped_ends_as_failed() {
    let mut schedule = once(at(50));
    schedule["missed"] = "skip".into();
    let over = skipped(fired(&waiting(&schedule, at(0)), at(351)));
    let run = over.run.as_ref().unwrap();
    assert_eq!((over.status, over.expires_at), (Status::Failed, Some(at(351 + 3_600))));
    assert!(run.last_error.as_ref().unwrap().starts_with("missed: due "), "{run:?}");
    assert_eq!(fired_for(&over, 1, at(50), at(352)), Verdict::Settle, "it owes its webhook");
}

#[test]
fn a_job_whose_last_occurrences_are_skipped_ends_as_its_last_run_did() {
    let end = at(3_600 * 2).to_string();
    let mut schedule = hourly("skip");
    schedule["recurrence"]["endTime"] = end.into();
    let first = finished(&claimed(fired(&waiting(&schedule, at(1)), at(3_600))), &done(), at(3_601));
    let over = skipped(fired(&first, at(3_600 * 9)));
    assert_eq!((over.status, next(&over)), (Status::Completed, None));
    assert_eq!(over.run, first.run);
    assert!(over.expires_at.is_some());
}

#[test]
fn an_occurrence_that_nobody_can_start_ends_as_dead_lettered() {
    let job = waiting(&hourly("run_once"), at(1));
    let due_at = at(3_600);
    let run = RunId::of_occurrence(job.id, due_at);
    let letter = |rescued| bury(&job, run, Trigger::Fire { rev: 1, due_at }, rescued, then(4_000));
    assert_eq!(letter(0), Burial::Resend { from: at(4_000) });
    let Burial::End { next: ended } = letter(1) else { panic!("{:?}", letter(1)) };
    assert_eq!((ended.status, ended.version), (Status::Pending, job.version + 1));
    assert!(ended.run.as_ref().unwrap().dead_lettered);
    assert_eq!(next(&ended), Some(at(7_200)));
}

#[test]
fn a_task_whose_time_passes_in_the_queue_is_written_first() {
    let job = waiting(&hourly("run_once"), at(1));
    let run = RunId::of_occurrence(job.id, at(3_600));
    let trigger = Trigger::Fire { rev: 1, due_at: at(3_600) };
    let verdict = super::super::accept(&job, run, trigger, 5, Duration::from_secs(3), then(3_600));
    let Verdict::Hold { next: held } = verdict else { panic!("{verdict:?}") };
    assert_eq!((held.status, held.run.as_ref().unwrap().attempt), (Status::Running, 0));
    let by_message = super::super::accept(
        &held,
        run,
        Trigger::Run { version: held.version },
        5,
        Duration::ZERO,
        then(3_603),
    );
    assert_eq!(claimed(by_message).run.unwrap().attempt, 1);
}

#[test]
fn a_second_message_does_not_cut_a_held_back_run_short() {
    let job = waiting(&hourly("run_once"), at(1));
    let run = RunId::of_occurrence(job.id, at(3_600));
    let trigger = Trigger::Fire { rev: 1, due_at: at(3_600) };
    let told = |job: &Job, seconds: i64| {
        super::super::accept(job, run, trigger, 5, Duration::from_secs(3), then(3_600 + seconds))
    };
    let Verdict::Hold { next: held } = told(&job, 0) else { panic!("{:?}", told(&job, 0)) };
    assert_eq!(told(&held, 0), Verdict::Wait { until: at(3_603) });
    assert!(matches!(told(&held, 3), Verdict::Claim { .. }));
}

#[test]
fn a_single_occurrence_that_comes_while_a_run_is_on_waits_for_its_turn() {
    let running = start(&job(), RunId::of_occurrence(job().id, at(-1)), at(5));
    let job = reschedule(&running, Some(parsed(&once(at(50)), at(6))), then(6));
    assert_eq!(fired(&job, at(50)), Verdict::Later);
    let held = claim(&job, job.run.as_ref().unwrap().id, 1, at(51));
    let ended = finished(&held, &done(), at(60));
    assert_eq!((ended.status, next(&ended)), (Status::Pending, Some(at(50))));
    assert_eq!(claimed(fired(&ended, at(60))).run.unwrap().due_at, Some(at(50)));
}

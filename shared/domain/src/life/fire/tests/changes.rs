//! Edits, pauses and cancellations of a schedule.

use serde_json::{Value, json};

use super::*;

#[test]
fn an_edit_a_pause_and_a_cancellation_make_what_was_announced_void() {
    let job = waiting(&hourly("run_once"), at(1));
    let void = |job: &Job| fired_for(job, 1, at(3_600), at(3_600)) == Verdict::Stale;
    let edited = reschedule(&job, Some(parsed(&hourly("skip"), at(1))), then(2));
    assert!(void(&edited));
    assert_eq!(next(&edited), Some(at(3_600)));
    claimed(fired(&edited, at(3_600)));
    let resting = pause(&job, at(2)).unwrap().unwrap();
    assert!(void(&resting));
    assert_eq!(resting.timetable.as_ref().unwrap().due(), None);
    assert_eq!(pause(&resting, at(3)), Ok(None));
    assert!(void(&reschedule(&job, None, then(2))));
    let by = RunId::of_occurrence(job.id, at(9));
    let cancelled =
        cancel(&job, CancelId::fresh(at(2), &super::super::super::tests::Fixed(3)), by, then(2)).unwrap();
    assert!(void(&cancelled));
    assert_eq!((cancelled.status, next(&cancelled)), (Status::Cancelled, None));
}

#[test]
fn a_pause_is_not_made_up_for_but_a_single_occurrence_comes_at_once() {
    let resting = pause(&waiting(&hourly("backfill"), at(1)), at(2)).unwrap().unwrap();
    let awake = resume(&resting, then(3_600 * 7 + 1)).unwrap().unwrap();
    assert_eq!(next(&awake), Some(at(3_600 * 8)));
    assert_eq!(resume(&awake, then(3_600 * 7 + 2)), Ok(None));
    let resting = pause(&waiting(&once(at(50)), at(1)), at(2)).unwrap().unwrap();
    assert_eq!(next(&resume(&resting, then(70)).unwrap().unwrap()), Some(at(70)));
    assert_eq!(pause(&job(), at(1)), Err(CannotRest::NoSchedule));
    let over = finished(&claimed(fired(&waiting(&once(at(50)), at(1)), at(50))), &done(), at(51));
    assert_eq!(pause(&over, at(60)), Err(CannotRest::Over));
}

#[test]
fn a_schedule_that_ends_in_its_pause_ends_the_job_when_it_is_resumed() {
    let mut schedule = hourly("skip");
    schedule["recurrence"]["endTime"] = at(3_600 * 2).to_string().into();
    let resting = pause(&waiting(&schedule, at(1)), at(2)).unwrap().unwrap();
    let over = resume(&resting, then(3_600 * 9)).unwrap().unwrap();
    assert_eq!(over.status, Status::Failed);
    assert!(over.run.unwrap().last_error.unwrap().contains("while it was paused"));
}

#[test]
fn started_by_hand_a_single_occurrence_is_over_and_a_recurring_one_is_not() {
    let by_hand = |job: &Job| start(job, RunId::of_occurrence(job.id, at(-1)), at(5));
    let once = by_hand(&waiting(&once(at(50)), at(0)));
    assert_eq!(next(&once), None);
    assert!(once.log.entries()[0].message.starts_with("started by hand instead of at "));
    let held = claim(&once, once.run.as_ref().unwrap().id, 1, at(6));
    assert_eq!(finished(&held, &done(), at(7)).status, Status::Completed);
    let recurring = by_hand(&waiting(&hourly("run_once"), at(1)));
    assert_eq!(next(&recurring), Some(at(3_600)));
}

#[test]
fn an_ended_job_that_gets_another_schedule_waits_again() {
    let ended = finished(&claimed(fired(&waiting(&once(at(50)), at(0)), at(50))), &done(), at(51));
    let again = reschedule(&ended, Some(parsed(&once(at(90)), at(60))), then(60));
    assert_eq!((again.status, again.expires_at, next(&again)), (Status::Pending, None, Some(at(90))));
    let mut same = once(at(50));
    same["missed"] = "skip".into();
    let same = reschedule(&ended, Some(parsed(&same, at(60))), then(60));
    assert_eq!((same.status, next(&same)), (Status::Completed, None), "it has had its only occurrence");
}

/// Three runs every ten seconds, of which all are over.
fn spent() -> Job {
    let schedule =
        json!({"startTime": at(10).to_string(), "recurrence": {"interval": "PT10S", "maxRuns": 3}});
    let mut job = waiting(&schedule, at(0));
    for due in [10, 20, 30] {
        job = finished(&claimed(fired(&job, at(due))), &done(), at(due + 1));
    }
    job
}

fn like_spent(more: &Value) -> Schedule {
    let mut schedule =
        json!({"startTime": at(10).to_string(), "recurrence": {"interval": "PT10S", "maxRuns": 3}});
    for (name, value) in more.as_object().unwrap() {
        if ["maxRuns", "endTime"].contains(&name.as_str()) {
            schedule["recurrence"][name] = value.clone();
        } else {
            schedule[name] = value.clone();
        }
    }
    parsed(&schedule, at(0))
}

#[test]
fn what_has_run_counts_on_when_the_schedule_is_changed_but_not_when_it_comes() {
    let job = spent();
    assert_eq!((job.status, next(&job)), (Status::Completed, None));
    let changed = |more: Value| reschedule(&job, Some(like_spent(&more)), then(40));
    for more in [json!({"paused": true}), json!({"missed": "skip"})] {
        assert_eq!((changed(more.clone()).status, next(&changed(more))), (Status::Completed, None));
    }
    let longer = changed(json!({"maxRuns": 4}));
    assert_eq!((longer.status, next(&longer)), (Status::Pending, Some(at(40))));
    assert_eq!(next(&claimed(fired(&longer, at(40)))), None, "one more, not four");
}

#[test]
fn what_is_due_stays_due_when_only_the_end_of_a_schedule_is_changed() {
    let job = waiting(&hourly("backfill"), at(1));
    let mut longer = hourly("backfill");
    longer["recurrence"]["endTime"] = at(3_600 * 90).to_string().into();
    let now = 3_600 * 7;
    let changed = reschedule(&job, Some(parsed(&longer, at(now))), then(now));
    assert_eq!(next(&changed), Some(at(3_600)), "the backfill still has it before it");
    longer["paused"] = true.into();
    let resting = reschedule(&changed, Some(parsed(&longer, at(now))), then(now));
    longer["paused"] = false.into();
    let awake = reschedule(&resting, Some(parsed(&longer, at(now))), then(now + 5));
    assert_eq!(next(&awake), Some(at(now + 3_600)), "what fell into a pause is not made up for");
}

#[test]
fn a_job_that_has_run_ends_when_its_schedule_is_removed() {
    let first =
        finished(&claimed(fired(&waiting(&hourly("run_once"), at(1)), at(3_600))), &done(), at(3_601));
    let removed = reschedule(&first, None, Present { now: at(3_700), keep: KEEP });
    assert_eq!((removed.status, removed.expires_at), (Status::Completed, Some(at(3_700 + 3_600))));
    let never = reschedule(&waiting(&hourly("run_once"), at(1)), None, then(2));
    assert_eq!((never.status, never.timetable), (Status::Pending, None));
}

#[test]
fn a_schedule_given_to_a_cancelled_job_does_not_hide_its_cancellation() {
    let by = RunId::of_occurrence(job().id, at(9));
    let cancel_id = CancelId::fresh(at(2), &super::super::super::tests::Fixed(3));
    let cancelled = cancel(&job(), cancel_id, by, then(2)).unwrap();
    let again = reschedule(&cancelled, Some(parsed(&once(at(90)), at(3))), then(3));
    assert_eq!((again.status, again.cancel_id), (Status::Pending, Some(cancel_id)));
}

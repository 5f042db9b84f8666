use std::collections::BTreeMap;
use std::time::Duration;

use domain::id::{JobId, RunId, UserId, WebhookId};
use domain::message::Target;

use super::*;

const NOW: Moment = Moment::from_millis(1_700_000_000_000);
const EVENT: EventType = EventType::Completed;

fn message(round: u32) -> Deliver {
    let hex = "018bcfe568007abcabababababababab";
    let run: RunId = format!("run_{hex}").parse().unwrap();
    Deliver {
        webhook_id: WebhookId::derive(run, EVENT, NOW, "job"),
        job_id: format!("job_{hex}").parse::<JobId>().unwrap(),
        user_id: format!("usr_{hex}").parse::<UserId>().unwrap(),
        run_id: run,
        endpoint_id: Target::Job,
        url: "https://example.com/hook".to_owned(),
        body: "{}".to_owned(),
        round,
        cancel_id: None,
        turn: None,
    }
}

fn outcome(verdict: Verdict) -> Outcome {
    let attempt = DeliveryAttempt {
        attempt: 0,
        sent_at: NOW,
        duration_ms: 3,
        response_status: None,
        request_headers: BTreeMap::new(),
        response_headers: BTreeMap::new(),
        response_body: None,
        error: None,
        error_class: None,
        next_attempt_at: None,
    };
    Outcome { attempt, verdict }
}

const FAILED: Verdict = Verdict::Failed { asked: None };

struct Schedule(Steps);

impl Schedule {
    fn of(text: &str) -> Self {
        Self(text.parse().unwrap())
    }

    fn plan(&self) -> Plan<'_> {
        // This dice leaves a step as it is: it falls in the middle of the jitter.
        Plan { steps: &self.0, now: NOW, dice: 200 }
    }
}

fn fresh() -> Delivery {
    match consider(None, &message(0), EVENT, None, NOW) {
        Next::Attempt(base) => *base,
        other => panic!("{other:?}"),
    }
}

#[test]
fn goes_up_the_steps_and_ends_dead() {
    let steps = Schedule::of("1s,1s");
    let first = record(&fresh(), &outcome(FAILED), steps.plan());
    assert_eq!(after(&first, &message(0)), Next::Wait(NOW.plus(Duration::from_secs(1))));
    let second = record(&first, &outcome(FAILED), steps.plan());
    assert_eq!(second.state, DeliveryState::Retrying);
    let third = record(&second, &outcome(FAILED), steps.plan());
    assert_eq!((third.state, third.next_attempt_at, third.attempt_count), (DeliveryState::Dead, None, 3));
    assert_eq!(after(&third, &message(0)), Next::Bury);
    assert_eq!(third.attempts.iter().map(|a| a.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(third.version, 3);
}

#[test]
fn attempts_are_counted_up_to_the_last_number() {
    let worn = Delivery { attempt_count: u32::MAX, round_attempts: u32::MAX, ..fresh() };
    let next = record(&worn, &outcome(FAILED), Schedule::of("1s").plan());
    assert_eq!((next.attempt_count, next.round_attempts), (u32::MAX, u32::MAX));
    assert_eq!((next.state, next.next_attempt_at), (DeliveryState::Dead, None));
}

#[test]
fn a_receiver_that_is_gone_ends_it_at_once() {
    let gone = record(&fresh(), &outcome(Verdict::Gone), Schedule::of("1s").plan());
    assert_eq!(after(&gone, &message(0)), Next::Bury);
}

#[test]
fn an_early_duplicate_waits_and_a_late_one_is_done() {
    let steps = Schedule::of("10s");
    let retrying = record(&fresh(), &outcome(FAILED), steps.plan());
    let due = retrying.next_attempt_at.unwrap();
    assert_eq!(consider(Some(retrying.clone()), &message(0), EVENT, None, NOW), Next::Wait(due));
    assert!(matches!(consider(Some(retrying.clone()), &message(0), EVENT, None, due), Next::Attempt(_)));
    let taken = record(&retrying, &outcome(Verdict::Taken), steps.plan());
    assert_eq!(consider(Some(taken), &message(0), EVENT, None, due), Next::Done);
}

#[test]
fn a_later_round_begins_the_steps_again_and_an_earlier_one_is_over() {
    let steps = Schedule::of("1s");
    let dead = record(&record(&fresh(), &outcome(FAILED), steps.plan()), &outcome(FAILED), steps.plan());
    let Next::Attempt(again) = consider(Some(dead), &message(1), EVENT, None, NOW) else {
        panic!("a new round")
    };
    assert_eq!((again.round, again.round_attempts, again.attempt_count), (1, 0, 2));
    let next = record(&again, &outcome(FAILED), steps.plan());
    assert_eq!((next.state, next.attempts[2].attempt), (DeliveryState::Retrying, 3));
    assert_eq!(consider(Some(next), &message(0), EVENT, None, NOW), Next::Done);
}

#[test]
fn a_skipped_delivery_waits_for_the_round_that_somebody_asks_for() {
    let skipped = Delivery { state: DeliveryState::Skipped, version: 1, ..fresh() };
    assert_eq!(consider(Some(skipped.clone()), &message(0), EVENT, None, NOW), Next::Done);
    assert!(matches!(consider(Some(skipped), &message(1), EVENT, None, NOW), Next::Attempt(_)));
}

#[test]
fn a_lost_race_keeps_the_numbers_whole_and_costs_no_step() {
    let steps = Schedule::of("1s,1s,1s");
    let winner = record(&fresh(), &outcome(FAILED), steps.plan());
    let both = amend(Some(winner.clone()), &message(0), EVENT, &outcome(FAILED), steps.plan());
    assert_eq!((both.attempt_count, both.round_attempts, both.version), (2, 1, 2));
    assert_eq!((both.state, both.next_attempt_at), (DeliveryState::Retrying, winner.next_attempt_at));
    assert_eq!(both.attempts[1].attempt, 2);
    assert_eq!(both.attempts[1].next_attempt_at, winner.next_attempt_at);
}

#[test]
fn whoever_delivers_settles_it_for_both() {
    let steps = Schedule::of("1s");
    let failed = record(&fresh(), &outcome(FAILED), steps.plan());
    let taken = record(&fresh(), &outcome(Verdict::Taken), steps.plan());
    let gone = record(&fresh(), &outcome(Verdict::Gone), steps.plan());
    let cases = [
        (&failed, Verdict::Taken, DeliveryState::Delivered),
        (&failed, Verdict::Gone, DeliveryState::Dead),
        (&taken, FAILED, DeliveryState::Delivered),
        (&taken, Verdict::Gone, DeliveryState::Delivered),
        (&gone, Verdict::Taken, DeliveryState::Delivered),
        (&gone, FAILED, DeliveryState::Dead),
    ];
    for (winner, verdict, state) in cases {
        let both = amend(Some(winner.clone()), &message(0), EVENT, &outcome(verdict), steps.plan());
        assert_eq!((both.state, both.attempt_count), (state, 2), "{verdict:?} after {:?}", winner.state);
        assert_eq!(both.next_attempt_at, None);
    }
}

#[test]
fn a_race_against_another_round_changes_no_plan_of_the_later_one() {
    let steps = Schedule::of("1s");
    let Next::Attempt(base) = consider(Some(fresh()), &message(1), EVENT, None, NOW) else {
        panic!("a new round")
    };
    let later = record(&base, &outcome(FAILED), steps.plan());
    let both = amend(Some(later.clone()), &message(0), EVENT, &outcome(FAILED), steps.plan());
    assert_eq!((both.round, both.state), (1, DeliveryState::Retrying));
    assert_eq!(both.next_attempt_at, later.next_attempt_at);
    // The other way round: the record fell back to none, or to an earlier round.
    let earlier = record(&fresh(), &outcome(Verdict::Taken), steps.plan());
    let both = amend(Some(earlier), &message(1), EVENT, &outcome(FAILED), steps.plan());
    assert_eq!((both.round, both.state, both.round_attempts), (1, DeliveryState::Retrying, 1));
    assert_eq!(amend(None, &message(0), EVENT, &outcome(FAILED), steps.plan()).attempt_count, 1);
}

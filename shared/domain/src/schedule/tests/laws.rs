//! What holds for every schedule, in every timezone.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::tz::{self, TimeZone};
use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;

/// A zone and an instant for each way in which a clock is set in 2026 and 2027: from what, to what, and at what
/// time of the week.
pub(super) fn changes() -> Vec<(String, i64)> {
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2028-01-01T00:00:00Z"));
    let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
    for name in tz::db().available() {
        let zone = TimeZone::get(name.as_str()).unwrap();
        let start = Timestamp::from_millisecond(from.as_millis()).unwrap();
        for change in
            zone.following(start).take_while(|change| change.timestamp().as_millisecond() < to.as_millis())
        {
            let second = change.timestamp().as_second();
            let before = zone.to_offset(Timestamp::from_second(second - 1).unwrap()).seconds();
            if before != change.offset().seconds()
                && seen.insert((second % (7 * 24 * HOUR), before, change.offset().seconds()))
            {
                all.push((name.as_str().to_owned(), second));
            }
        }
    }
    all
}

/// A clock that is watched minute by minute, from a day before `from` on.
pub(super) struct Watch {
    first: i64,
    shown: Vec<DateTime>,
}

impl Watch {
    pub(super) fn new(zone: &TimeZone, from: i64, until: i64) -> Self {
        let first = from - 26 * HOUR;
        let stamps = (first..=until).step_by(60).map(|second| Timestamp::from_second(second).unwrap());
        Self { first, shown: stamps.map(|stamp| zone.to_datetime(stamp)).collect() }
    }

    /// The minutes from `from` on at which it first shows a time that matches or is past it (`once`), or
    /// shows one at all.
    pub(super) fn matches(&self, from: i64, once: bool, matches: impl Fn(DateTime) -> bool) -> Vec<Moment> {
        let (earlier, watched) = self.shown.split_at(usize::try_from((from - self.first) / MINUTE).unwrap());
        let mut latest = *earlier.iter().max().unwrap();
        let mut found = Vec::new();
        for (second, now) in (from..).step_by(60).zip(watched) {
            let mut comes = !once && matches(*now);
            while once && latest < *now {
                latest = latest.saturating_add(jiff::SignedDuration::from_mins(1));
                comes |= matches(latest);
            }
            if comes {
                found.push(Moment::from_millis(second * 1000));
            }
        }
        found
    }
}

/// That a schedule comes just then in `from..=until`, asked forward and backward.
pub(super) fn comes(schedule: &Schedule, from: i64, until: i64, expected: &[Moment]) {
    let (from, until) = (Moment::from_millis(from * 1000), Moment::from_millis(until * 1000));
    let mut forward = schedule.upcoming(from, expected.len() + 1);
    forward.retain(|occurrence| *occurrence <= until);
    assert_eq!(forward, expected, "{schedule:?}");
    assert_eq!(schedule.count(from, until, usize::MAX), expected.len(), "{schedule:?}");
    for most in (1..=expected.len()).step_by(7) {
        assert_eq!(
            schedule.last_of(from, until, most),
            Some(expected[expected.len() - most]),
            "{schedule:?}"
        );
    }
    // The change itself is one of these, and so is the millisecond before it.
    let middle = i64::midpoint(from.as_millis(), until.as_millis());
    for minute in (middle - 2 * HOUR * 1000..middle + 2 * HOUR * 1000).step_by(20 * 60_000) {
        for moment in [minute - 1, minute].map(Moment::from_millis) {
            let next = expected.iter().find(|occurrence| **occurrence > moment).copied();
            let last = expected.iter().rev().find(|occurrence| **occurrence <= moment).copied();
            assert_eq!(
                schedule.after(moment).filter(|next| *next <= until),
                next,
                "{schedule:?} after {moment}"
            );
            assert_eq!(
                schedule.latest(moment).filter(|last| *last >= from),
                last,
                "{schedule:?} until {moment}"
            );
        }
    }
}

#[test]
fn it_comes_when_one_who_watches_the_clock_would_start_it() {
    let changes = changes();
    assert!(changes.len() > 30, "{}", changes.len());
    for (name, change) in changes {
        let zone = TimeZone::get(&name).unwrap();
        let (from, until) = (change - 4 * HOUR, change + 4 * HOUR);
        let watch = Watch::new(&zone, from, until);
        for text in [
            "30 2 * * *",
            "0 0 * * *",
            "15 0-4,23 * * *",
            "30 23 * * SAT",
            "*/15 1,2,14 * * *",
            "0 */2 * * *",
            "*/5 * * * *",
            "7 * * * *",
            "20,50 * 1-15 * SUN",
        ] {
            let schedule = cron(text, &name);
            let once = text.split(' ').nth(1) != Some("*");
            let rule = croner::parser::CronParser::new().parse(text).unwrap();
            let expected = watch.matches(from, once, |shown| rule.is_time_matching(&shown).unwrap());
            comes(&schedule, from, until, &expected);
        }
        for time in ["00:00", "00:30", "01:45", "02:00", "02:30", "23:30"] {
            let schedule = every("daily", &format!("2025-06-01T{time}"), &name);
            let time: Time = time.parse().unwrap();
            comes(&schedule, from, until, &watch.matches(from, true, |shown| shown.time() == time));
        }
    }
}

fn any_schedule() -> impl Strategy<Value = Schedule> {
    let zone = prop::sample::select(vec![
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kolkata",
        "America/Nuuk",
        "Africa/Casablanca",
        "Antarctica/Troll",
        "Pacific/Chatham",
    ]);
    let rule = prop::sample::select(vec![
        json!({ "interval": "minutely" }),
        json!({ "interval": "PT1.5S" }),
        json!({ "interval": "PT7H" }),
        json!({ "interval": "daily" }),
        json!({ "interval": "P1DT12H" }),
        json!({ "interval": "monthly" }),
        json!({ "interval": "P1M15D" }),
        json!({ "interval": "yearly" }),
        json!({ "cron": "* * * * * *" }),
        json!({ "cron": "*/15 * * * *" }),
        json!({ "cron": "30 2 * * *" }),
        json!({ "cron": "*/10 0-3 * * *" }),
        json!({ "cron": "15,45 1,2,23 * * SAT,SUN" }),
        json!({ "cron": "0 0 L * *" }),
        json!({ "cron": "30 1 29 2 *" }),
    ]);
    // The start may be any second of these years, and the first occurrences may lie long ago.
    (zone, rule, prop::option::of(1_500_000_000i64..1_767_225_600)).prop_map(|(zone, mut rule, start)| {
        rule["timezone"] = json!(zone);
        let start = start.map(|second| Moment::from_millis(second * 1000).to_string());
        parse(&json!({ "startTime": start, "recurrence": rule }))
    })
}

/// Any moment of 2026 to 2200, and more often one close to a change of the clock in Berlin or on Lord Howe.
fn any_moment() -> impl Strategy<Value = Moment> {
    let changes: Vec<_> = CHANGES.iter().map(|text| at(text).as_millis()).collect();
    prop_oneof![
        1_767_225_600_000i64..7_258_118_400_000,
        (prop::sample::select(changes), -8_000_000i64..8_000_000).prop_map(|(change, by)| change + by),
    ]
    .prop_map(Moment::from_millis)
}

const CHANGES: [&str; 4] =
    ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2027-04-03T15:00:00Z", "2027-10-02T15:30:00Z"];

proptest! {
    #[test]
    fn the_next_one_is_the_next(schedule in any_schedule(), moment in any_moment(), more in 0i64..1_000_000_000) {
        let next = schedule.after(moment).unwrap();
        prop_assert!(next > moment);
        prop_assert_eq!(schedule.first(next), Some(next));
        prop_assert_eq!(schedule.latest(next), Some(next));
        prop_assert_eq!(schedule.count(moment, next, 3), 1 + usize::from(schedule.first(moment) == Some(moment)));

        let just_before = Moment::from_millis(next.as_millis() - 1);
        prop_assert!(schedule.latest(just_before).is_none_or(|last| last <= moment));
        prop_assert_eq!(schedule.after(just_before), Some(next));
        if let Some(last) = schedule.latest(moment) {
            prop_assert!(last <= moment);
            prop_assert_eq!(schedule.after(last), Some(next));
        }
        let later = schedule.after(Moment::from_millis(moment.as_millis() + more)).unwrap();
        prop_assert!(later >= next);
    }
}

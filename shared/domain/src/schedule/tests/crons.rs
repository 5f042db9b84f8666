//! Crons and intervals by chance, against somebody who goes through the calendar with a finger.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{self, TimeZone};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::laws::{HOUR, Watch, changes, comes};
use super::*;

/// A field as it is written, and what it stands for.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    values: BTreeSet<i8>,
}

impl Field {
    fn all(first: i8, last: i8) -> Self {
        Self { text: "*".to_owned(), values: (first..=last).collect() }
    }

    fn is_star(&self) -> bool {
        self.text == "*"
    }

    fn has(&self, value: i8) -> bool {
        self.values.contains(&value)
    }
}

/// One item of a list: a number, a range, or every n-th of a range or of all.
fn item(first: i8, last: i8) -> impl Strategy<Value = Field> {
    let range =
        move || (first..=last, first..=last).prop_map(|(one, other)| (one.min(other), one.max(other)));
    prop_oneof![
        4 => (first..=last).prop_map(|one| Field { text: one.to_string(), values: [one].into() }),
        1 => range().prop_map(|(from, to)| Field { text: format!("{from}-{to}"), values: (from..=to).collect() }),
        1 => (range(), 1i8..7).prop_map(|((from, to), by)| Field {
            text: format!("{from}-{to}/{by}"),
            values: (from..=to).step_by(by.unsigned_abs().into()).collect(),
        }),
        1 => (2i8..20).prop_filter("a step within the field", move |by| *by <= last).prop_map(move |by| Field {
            text: format!("*/{by}"),
            values: (first..=last).step_by(by.unsigned_abs().into()).collect(),
        }),
    ]
}

fn field(first: i8, last: i8) -> impl Strategy<Value = Field> {
    prop::collection::vec(item(first, last), 1..4).prop_map(|items| Field {
        text: items.iter().map(|item| item.text.as_str()).collect::<Vec<_>>().join(","),
        values: items.into_iter().flat_map(|item| item.values).collect(),
    })
}

fn star_or(weight: u32, first: i8, last: i8) -> impl Strategy<Value = Field> {
    prop_oneof![weight => Just(Field::all(first, last)), 1 => field(first, last)]
}

/// Sunday is 0 and 7, and each day has a name too.
fn weekday() -> impl Strategy<Value = Field> {
    const NAMES: [&str; 7] = ["sun", "MON", "Tue", "wed", "THU", "fri", "SAT"];
    let named = (0usize..7).prop_map(|day| Field { text: NAMES[day].to_owned(), values: [day as i8].into() });
    let seventh = Just(Field { text: "7".to_owned(), values: [0].into() });
    prop_oneof![2 => field(0, 6), 1 => named, 1 => seventh]
}

#[derive(Clone, Debug)]
struct Rule {
    second: Option<Field>,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Rule {
    fn text(&self) -> String {
        let fields = [&self.minute, &self.hour, &self.day, &self.month, &self.weekday];
        let all = self.second.iter().chain(fields).map(|field| field.text.as_str());
        all.collect::<Vec<_>>().join(" ")
    }

    /// A day has to be in both fields, but if both name days then in one of them.
    fn has_day(&self, date: Date) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset());
        let either = !self.day.is_star() && !self.weekday.is_star();
        self.month.has(date.month()) && if either { day || weekday } else { day && weekday }
    }

    fn has(&self, shown: DateTime) -> bool {
        self.has_day(shown.date())
            && self.hour.has(shown.hour())
            && self.minute.has(shown.minute())
            && self.second.as_ref().map_or(shown.second() == 0, |second| second.has(shown.second()))
    }

    /// The first time after `shown` that matches, within some years.
    fn after(&self, shown: DateTime) -> Option<DateTime> {
        let first_of = |field: &Field| *field.values.first().unwrap();
        let second = self.second.as_ref().map_or(0, first_of);
        let whole_day = shown.date().series(jiff::Span::new().days(1)).skip(1);
        let later = whole_day.take(366 * 9).find(|date| self.has_day(*date));
        let seconds = self.second.as_ref().map_or([0].into(), |second| second.values.clone());
        let today = self.hour.values.iter().flat_map(|hour| {
            let minutes = self.minute.values.iter().map(|minute| (*hour, *minute));
            minutes.flat_map(|(hour, minute)| seconds.iter().map(move |second| (hour, minute, *second)))
        });
        let today = today.map(|(hour, minute, second)| shown.date().at(hour, minute, second, 0));
        let today = today.filter(|next| *next > shown);
        let today = self.has_day(shown.date()).then_some(today).into_iter().flatten().next();
        today.or_else(|| Some(later?.at(first_of(&self.hour), first_of(&self.minute), second, 0)))
    }
}

fn rule(days: u32) -> impl Strategy<Value = Rule> {
    let clock = (field(0, 59), star_or(1, 0, 23));
    let calendar = (star_or(days, 1, 31), star_or(days, 1, 12));
    let weekday = prop_oneof![days => Just(Field::all(0, 6)), 1 => weekday()];
    (clock, calendar, weekday).prop_map(|((minute, hour), (day, month), weekday)| Rule {
        second: None,
        minute,
        hour,
        day,
        month,
        weekday,
    })
}

/// Every zone that there is.
static ZONES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let known = tz::db().available().map(|name| name.as_str().to_owned());
    known
        .filter(|name| {
            Schedule::parse(&json!({ "startTime": "2026-01-01T00:00", "timezone": name }), "", now()).is_ok()
        })
        .collect()
});
/// A clock for each way in which one is set in these years.
static CHANGES: LazyLock<Vec<(String, i64)>> = LazyLock::new(changes);

fn second(moment: Moment) -> Timestamp {
    Timestamp::from_second(moment.as_millis().div_euclid(1_000)).unwrap()
}

/// A moment of 2026 to 2060.
fn moment() -> impl Strategy<Value = Moment> {
    (1_767_225_600_000i64..2_840_140_800_000).prop_map(Moment::from_millis)
}

/// A duration, by years, months, weeks, days, hours, minutes and seconds.
fn duration() -> impl Strategy<Value = (String, [i64; 7])> {
    let part = || prop_oneof![2 => Just(0i64), 1 => 1i64..40];
    let parts = [part(), part(), part(), part(), part(), part(), part()];
    parts.prop_filter("no time at all", |parts| parts.iter().any(|part| *part > 0)).prop_map(|parts| {
        let mut text = "P".to_owned();
        for (place, (part, unit)) in parts.iter().zip("YMWDHMS".chars()).enumerate() {
            if place == 4 && parts[4..].iter().any(|part| *part > 0) {
                text.push('T');
            }
            if *part > 0 {
                text.push_str(&format!("{part}{unit}"));
            }
        }
        (text, parts)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Where no clock is set: in the order of the calendar, none left out and none too many.
    #[test]
    fn a_cron_comes_at_the_next_time_that_it_names(
        mut rule in rule(1), seconds in prop::option::weighted(0.3, field(0, 59)), from in moment(),
        (zone, hours) in select(vec![("UTC", 0), ("Etc/GMT-9", 9), ("Asia/Bangkok", 7), ("America/Phoenix", -7)])
    ) {
        rule.second = seconds;
        let body = json!({ "recurrence": { "cron": rule.text(), "timezone": zone } });
        let shown = second(from).checked_add(jiff::SignedDuration::from_hours(hours)).unwrap();
        let expected = rule.after(TimeZone::UTC.to_datetime(shown));
        let Ok(schedule) = Schedule::parse(&body, "", now()) else {
            // It names February 30, or the like.
            prop_assert_eq!(expected, None, "{}", rule.text());
            return Ok(());
        };
        let next = schedule.after(from);
        prop_assert!(next.is_none_or(|next| next > from));
        let local = next.map(|next| TimeZone::fixed(tz::offset(hours as i8)).to_datetime(second(next)));
        match expected {
            Some(expected) => prop_assert_eq!(local, Some(expected), "{} after {}", rule.text(), from),
            // Beyond the years that were gone through: on a leap day that is a Monday in May, or so.
            None => prop_assert!(next.is_none_or(|next| next.since(from).as_secs() > 9 * 365 * 86_400)),
        }
    }

}

proptest! {
    // Each goes through hours minute by minute.
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 96, ..ProptestConfig::default() })]

    /// Where it is set, by an hour or less or more, forward or back.
    #[test]
    fn a_cron_comes_as_the_clock_shows_it_around_a_change(rule in rule(12), change in any::<Index>()) {
        let (name, change) = change.get(&CHANGES);
        let (from, until) = (change - 4 * HOUR, change + 4 * HOUR);
        let watch = Watch::new(&TimeZone::get(name).unwrap(), from, until);
        let all_hours = rule.hour.values.len() == 24;
        let expected = watch.matches(from, !all_hours, |shown| rule.has(shown));
        let body = json!({ "recurrence": { "cron": rule.text(), "timezone": name } });
        let Ok(schedule) = Schedule::parse(&body, "", now()) else {
            prop_assert!(expected.is_empty());
            return Ok(());
        };
        comes(&schedule, from, until, &expected);
    }

}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// One after another, from the start on: the code guesses how many there were, and this counts.
    #[test]
    fn an_interval_comes_after_so_many_of_itself(
        (text, parts) in duration(), start in moment(), count in 0i64..60, by in -2i64..=2
    ) {
        let start = Moment::from_millis(start.as_millis() / 1_000 * 1_000);
        let shown = TimeZone::UTC.to_datetime(second(start));
        let [years, months, weeks, days, hours, minutes, seconds] = parts;
        let at = |k: i64| {
            let date = jiff::Span::new().months((years * 12 + months) * k);
            let then = shown + date + jiff::Span::new().days((weeks * 7 + days) * k);
            let passed = ((hours * 60 + minutes) * 60 + seconds) * k;
            let second = TimeZone::UTC.to_timestamp(then).unwrap().as_second() + passed;
            Moment::from_millis(second * 1_000)
        };
        let body = json!({ "startTime": start, "recurrence": { "interval": text } });
        let schedule = Schedule::parse(&body, "", now()).unwrap();
        let moment = Moment::from_millis(at(count).as_millis() + by);
        prop_assert_eq!(schedule.after(moment), (0..).map(at).find(|at| *at > moment));
        let last = (0..count + 3).map(at).take_while(|at| *at <= moment).last();
        prop_assert_eq!(schedule.latest(moment), last);
    }

    #[test]
    fn none_comes_before_the_start_or_after_the_end(
        rule in rule(3), step in prop::option::of(duration()), start in moment(), lasts in 0i64..40_000_000_000, asked in any::<i64>(), near in -2i64..=2
    ) {
        let end = Moment::from_millis(start.as_millis() + lasts);
        let mut recurrence = json!({ "endTime": end });
        match &step {
            Some((text, _)) => recurrence["interval"] = json!(text),
            None => recurrence["cron"] = json!(rule.text()),
        }
        let body = json!({ "startTime": start, "recurrence": recurrence });
        let Ok(schedule) = Schedule::parse(&body, "", now()) else { return Ok(()) };
        let near = [start, end].map(|bound| Moment::from_millis(bound.as_millis() + near));
        for moment in [Moment::from_millis(asked), near[0], near[1]] {
            let found = [schedule.after(moment), schedule.first(moment), schedule.latest(moment)];
            for found in found.into_iter().flatten() {
                prop_assert!(start <= found && found <= end, "{found} for {moment}");
            }
            prop_assert!(schedule.after(moment).is_none_or(|next| next > moment));
            prop_assert!(schedule.latest(moment).is_none_or(|last| last <= moment));
        }
        prop_assert_eq!((schedule.after(end), schedule.latest(Moment::from_millis(start.as_millis() - 1))), (None, None));
        let upcoming = schedule.upcoming(Moment::from_millis(i64::MIN), 50);
        prop_assert!(!upcoming.is_empty() && upcoming.is_sorted_by(|one, other| one < other));
        prop_assert_eq!(schedule.count(start, end, 50), upcoming.len());
    }

    #[test]
    fn what_was_read_is_written_so_that_it_is_read_as_the_same(
        rule in rule(2), step in prop::option::of(duration()), zone in any::<Index>(), start in prop::option::of(moment()),
        runs in prop::option::of(1u32..), later in moment()
    ) {
        let mut body = json!({ "startTime": start, "timezone": zone.get(&ZONES), "recurrence": { "maxRuns": runs } });
        match &step {
            Some((text, _)) => body["recurrence"]["interval"] = json!(text.to_lowercase()),
            None => body["recurrence"]["cron"] = json!(format!("  {} ", rule.text().replace(' ', "   "))),
        }
        let Ok(schedule) = Schedule::parse(&body, "", now()) else { return Ok(()) };
        let written = serde_json::to_value(&schedule).unwrap();
        prop_assert_eq!(&serde_json::from_value::<Schedule>(written.clone()).unwrap(), &schedule);
        let again = Schedule::parse(&written, "", later).unwrap();
        prop_assert_eq!(serde_json::to_value(&again).unwrap(), written);
        prop_assert_eq!(again.upcoming(later, 3), schedule.upcoming(later, 3));
    }
}

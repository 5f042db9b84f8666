//! Where occurrences lie, and how they are counted.

use super::*;

#[test]
fn monthly_from_the_31st_comes_on_each_last_day() {
    let monthly = every("monthly", "2026-01-31T09:00", "Europe/Berlin");
    assert_eq!(
        shown(&monthly, "2026-01-01T00:00:00Z", 4),
        [
            "2026-01-31T09:00:00+01:00",
            "2026-02-28T09:00:00+01:00",
            "2026-03-31T09:00:00+02:00",
            "2026-04-30T09:00:00+02:00"
        ]
    );
    let leap = every("yearly", "2024-02-29T00:00", "UTC");
    assert_eq!(
        shown(&leap, "2027-01-01T00:00:00Z", 2),
        ["2027-02-28T00:00:00+00:00", "2028-02-29T00:00:00+00:00"]
    );
}

#[test]
fn durations_count_days_on_the_clock_and_hours_as_they_pass() {
    // 02:30 on the 29th does not exist; from 03:00 on it is 12 hours.
    let mixed = every("p1dt12h", "2026-03-28T02:30", "Europe/Berlin");
    assert_eq!(
        shown(&mixed, "2026-03-28T00:00:00Z", 3),
        ["2026-03-28T02:30:00+01:00", "2026-03-29T15:00:00+02:00", "2026-03-31T02:30:00+02:00"]
    );
    let fortnight = every("P2W", "2026-03-20T08:00", "Europe/Berlin");
    assert_eq!(
        shown(&fortnight, "2026-03-21T00:00:00Z", 2),
        ["2026-04-03T08:00:00+02:00", "2026-04-17T08:00:00+02:00"]
    );
    let ninety = every("PT90M", "2026-03-29T00:00:00Z", "UTC");
    assert_eq!(ninety.latest(at("2026-03-29T04:00:00Z")), Some(at("2026-03-29T03:00:00Z")));
    let odd = every("PT1.5S", "2026-03-29T00:00:00Z", "UTC");
    assert_eq!(odd.after(at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T00:00:01.500Z")));
}

#[test]
fn a_start_in_the_repeated_hour_is_an_occurrence() {
    // 02:30 is shown for the second time; on other days it is shown once.
    let daily = every("daily", "2026-10-25T01:30:00Z", "Europe/Berlin");
    assert_eq!(
        shown(&daily, "2026-10-01T00:00:00Z", 2),
        ["2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"]
    );
    assert_eq!(daily.latest(at("2026-10-25T12:00:00Z")), daily.starts_at());
}

#[test]
fn a_jump_into_a_day_that_the_cron_does_not_name_does_not_lose_it() {
    // Saturday's clock jumps from 23:00 to midnight.
    assert_eq!(
        shown(&cron("30 23 * * SAT", "America/Nuuk"), "2026-03-28T12:00:00Z", 2),
        ["2026-03-29T00:00:00-01:00", "2026-04-04T23:30:00-01:00"]
    );
    // The day that Samoa left out.
    assert_eq!(
        shown(&cron("0 9 * * *", "Pacific/Apia"), "2011-12-29T12:00:00Z", 3),
        ["2011-12-29T09:00:00-10:00", "2011-12-31T00:00:00+14:00", "2011-12-31T09:00:00+14:00"]
    );
}

#[test]
fn a_cron_that_names_hours_comes_once_for_each() {
    let twice_a_day = cron("30 2,14 * * *", "Europe/Berlin");
    assert_eq!(
        shown(&twice_a_day, "2026-03-28T23:00:00Z", 3),
        ["2026-03-29T03:00:00+02:00", "2026-03-29T14:30:00+02:00", "2026-03-30T02:30:00+02:00"]
    );
    assert_eq!(
        shown(&twice_a_day, "2026-10-24T22:00:00Z", 3),
        ["2026-10-25T02:30:00+02:00", "2026-10-25T14:30:00+01:00", "2026-10-26T02:30:00+01:00"]
    );
    // All that the jump hides comes at its end, and with what comes there anyway.
    assert_eq!(
        shown(&cron("*/20 1-3 * * *", "Europe/Berlin"), "2026-03-29T00:20:00Z", 4),
        [
            "2026-03-29T01:20:00+01:00",
            "2026-03-29T01:40:00+01:00",
            "2026-03-29T03:00:00+02:00",
            "2026-03-29T03:20:00+02:00"
        ]
    );
}

#[test]
fn starts_and_ends_cut_it_off() {
    let body = json!({
        "startTime": "2026-02-01T09:00:00Z",
        "recurrence": { "cron": "0 9 * * *", "endTime": "2026-02-03T09:00:00Z", "maxRuns": 2 }
    });
    let schedule = parse(&body);
    assert!(schedule.is_recurring());
    assert_eq!(schedule.max_runs(), Some(2));
    assert_eq!(schedule.starts_at(), Some(at("2026-02-01T09:00:00Z")));
    let all = ["2026-02-01T09:00:00Z", "2026-02-02T09:00:00Z", "2026-02-03T09:00:00Z"].map(at);
    assert_eq!(schedule.upcoming(now(), 10), all);
    assert_eq!(schedule.latest(at("2027-01-01T00:00:00Z")), Some(all[2]));
    assert_eq!(schedule.latest(at("2026-02-01T08:59:59.999Z")), None);
    assert_eq!(schedule.after(all[2]), None);
    let interval = json!({
        "startTime": "2026-02-01T09:00:00Z",
        "recurrence": { "interval": "daily", "endTime": "2026-02-03T08:59:59Z" }
    });
    assert_eq!(parse(&interval).upcoming(now(), 10), all[..2]);
    assert_eq!(parse(&interval).latest(at("2026-02-01T08:00:00Z")), None);
}

#[test]
fn a_one_time_schedule_comes_once() {
    let schedule = parse(&json!({ "startTime": "2026-03-29T02:30", "timezone": "Europe/Berlin" }));
    let start = at("2026-03-29T01:00:00Z");
    assert!(!schedule.is_recurring());
    assert_eq!(schedule.timezone(), "Europe/Berlin");
    assert_eq!(schedule.starts_at(), Some(start));
    assert_eq!(schedule.first(start), Some(start));
    assert_eq!(schedule.after(start), None);
    assert_eq!(schedule.latest(start), Some(start));
    assert_eq!(schedule.latest(at("2026-03-29T00:59:59.999Z")), None);
    assert_eq!(schedule.upcoming(now(), 5), [start]);
    assert_eq!(schedule.local(start), "2026-03-29T03:00:00+02:00[Europe/Berlin]");
    let past = parse(&json!({ "startTime": "2020-01-01T00:00:00Z" }));
    assert_eq!((past.first(now()), past.starts_at()), (None, Some(at("2020-01-01T00:00:00Z"))));
}

#[test]
fn counts_and_goes_back_no_further_than_it_is_told() {
    let (from, until) = (at("2026-03-28T00:00:00Z"), at("2026-03-31T00:00:00Z"));
    for schedule in [cron("* * * * * *", "Europe/Berlin"), every("PT1S", "2020-01-01T00:00:00Z", "UTC")] {
        assert_eq!(schedule.count(from, until, 1001), 1001);
        assert_eq!(schedule.last_of(from, until, 1000), Some(at("2026-03-30T23:43:21Z")));
    }
    let daily = cron("@daily", "UTC");
    assert_eq!(daily.count(from, until, 1001), 4);
    assert_eq!(daily.count(from, until, 0), 0);
    assert_eq!(daily.count(until, from, 10), 0);
    assert_eq!(daily.last_of(from, until, 1000), Some(from));
    assert_eq!(daily.last_of(from, until, 2), Some(at("2026-03-30T00:00:00Z")));
    assert_eq!(daily.last_of(from, until, 0), None);
    assert_eq!(daily.last_of(at("2026-03-28T00:00:01Z"), at("2026-03-28T23:00:00Z"), 5), None);
}

#[test]
fn the_ends_of_time_are_no_trouble() {
    let (first, last) = (Moment::from_millis(i64::MIN), Moment::from_millis(i64::MAX));
    for schedule in [
        cron("0 9 * * *", "Europe/Berlin"),
        cron("* * * * *", "Europe/Berlin"),
        every("PT1S", "2026-01-01T00:00:00Z", "UTC"),
        every("monthly", "2026-01-31T00:00:00Z", "Europe/Berlin"),
        every("P1M1DT1H", "9999-01-01T00:00:00Z", "Asia/Kolkata"),
    ] {
        assert_eq!(schedule.after(last), None);
        assert_eq!(schedule.latest(first), None);
        assert!(schedule.first(first).is_some());
    }
}

//! What is wrong with a schedule, and where.

use proptest::prelude::*;

use super::*;
use crate::schedule::cron::read;

/// The faults of a body as `place: message`.
fn faults(body: &Value) -> Vec<String> {
    let refused = Schedule::parse(body, "/schedule", now()).expect_err(&body.to_string());
    refused.into_iter().map(|fault| format!("{}: {}", fault.pointer, fault.message)).collect()
}

#[track_caller]
fn refuses(body: Value, place: &str, message: &str) {
    let found = faults(&body);
    assert_eq!(found.len(), 1, "{body}: {found:?}");
    assert!(found[0].starts_with(&format!("{place}: ")) && found[0].contains(message), "{body}: {found:?}");
}

#[test]
fn of_the_whole() {
    for body in [json!("daily"), json!([]), json!(7), Value::Null] {
        refuses(body, "/schedule", "must be an object");
    }
    refuses(json!({}), "/schedule/startTime", "is required");
    refuses(json!({ "startTime": null }), "/schedule/startTime", "is required");
    refuses(json!({ "type": "recurring" }), "/schedule/recurrence", "is required");
    refuses(
        json!({ "type": "recurring", "recurrence": "daily" }),
        "/schedule/recurrence",
        "must be an object",
    );
    refuses(
        json!({ "type": "weekly", "startTime": "2026-02-01T00:00:00Z" }),
        "/schedule/type",
        "one-time or recurring",
    );
    refuses(
        json!({ "type": "recuring", "recurrence": { "cron": "@daily", "endTime": "2036-01-01T00:00", "maxRuns": 3 } }),
        "/schedule/type",
        "one-time or recurring",
    );
    refuses(json!({ "type": 1, "startTime": "2026-02-01T00:00:00Z" }), "/schedule/type", "must be a text");
    refuses(json!({ "startTime": "2026-02-01T00:00:00Z", "a/b": 1 }), "/schedule/a~1b", "is not a member");
    refuses(
        json!({ "startTime": "2026-02-01T00:00:00Z", "missed": "all" }),
        "/schedule/missed",
        "run_once, skip or",
    );
    refuses(
        json!({ "startTime": "2026-02-01T00:00:00Z", "paused": "yes" }),
        "/schedule/paused",
        "true or false",
    );
    refuses(
        json!({ "type": "once", "startTime": "2026-02-01T00:00:00Z", "recurrence": { "interval": "daily" } }),
        "/schedule/recurrence/interval",
        "is for a recurring schedule",
    );
}

#[test]
fn of_times_and_timezones() {
    for time in [
        "tomorrow",
        "",
        "2026-02-01",
        "2026-02-30T00:00:00Z",
        "2026-02-01T25:00",
        "2026-02-01T09:00[Asia/Tokyo]",
        "2026-02-01T09:00+9",
        "20260201",
    ] {
        refuses(json!({ "startTime": time }), "/schedule/startTime", "must be an RFC 3339 time");
    }
    refuses(json!({ "startTime": 1_770_000_000 }), "/schedule/startTime", "must be a text");
    let end = json!({ "recurrence": { "interval": "daily", "endTime": "soon" } });
    refuses(end, "/schedule/recurrence/endTime", "must be an RFC 3339 time");
    for zone in ["Mars/Olympus", "", "+02:00", "CEST", "Etc/Unknown"] {
        let message = format!("{zone:?} is no timezone");
        refuses(
            json!({ "recurrence": { "cron": "@daily", "timezone": zone } }),
            "/schedule/recurrence/timezone",
            &message,
        );
        refuses(json!({ "startTime": "2026-02-01T00:00", "timeZone": zone }), "/schedule/timeZone", &message);
    }
    refuses(
        json!({ "timezone": "Asia/Tokyo", "recurrence": { "cron": "@daily", "timezone": "UTC" } }),
        "/schedule/timezone",
        "another one",
    );
}

#[test]
fn of_intervals() {
    refuses(json!({ "recurrence": {} }), "/schedule/recurrence", "must have an interval or a cron");
    refuses(
        json!({ "recurrence": { "interval": "daily", "cron": "@daily" } }),
        "/schedule/recurrence",
        "an interval or a cron, not both",
    );
    for (interval, message) in [
        ("fortnightly", "must be minutely, hourly"),
        ("", "must be minutely, hourly"),
        ("1 hour", "must be minutely, hourly"),
        ("-P1D", "must be minutely, hourly"),
        ("P", "must be minutely, hourly"),
        ("P-1D", "must be minutely, hourly"),
        ("P99999Y", "must be minutely, hourly"),
        ("P0D", "at least one second"),
        ("PT0.5S", "at least one second"),
        ("PT1.0001S", "whole number of milliseconds"),
        ("P9000Y", "never comes"),
    ] {
        refuses(json!({ "recurrence": { "interval": interval } }), "/schedule/recurrence/interval", message);
    }
    for runs in [json!(0), json!(-1), json!(1.5), json!("3"), json!(4_294_967_296_u64)] {
        refuses(
            json!({ "recurrence": { "interval": "daily", "occurence": runs } }),
            "/schedule/recurrence/occurence",
            "must be a whole number, 1 or more",
        );
    }
}

#[test]
fn of_crons() {
    for (cron, message) in [
        ("", "must have 5 fields, 6 with the seconds first"),
        ("* * * *", "must have 5 fields, 6 with the seconds first"),
        ("* * * * * * 2030", "must have 5 fields, 6 with the seconds first"),
        ("@reboot", "must have 5 fields, 6 with the seconds first"),
        ("61 * * * *", "has no valid minute (61): Number out of bounds"),
        ("* 24 * * *", "has no valid hour (24)"),
        ("* * 32 * *", "has no valid day of the month (32)"),
        (", * * * *", "has a list with an empty place (,)"),
        ("1,,2 * * * *", "has a list with an empty place (1,,2)"),
        ("* * * * * MON,", "has a list with an empty place (MON,)"),
        ("* * * FOO *", "has no valid month (FOO): it contains illegal character 'F'"),
        ("60 * * * * *", "has no valid second (60)"),
        ("5/10 * * * *", "single number steps"),
        ("* * * * 1#6", "has no valid day of the week (1#6)"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 2,4,6,9,11 *", "never comes"),
    ] {
        refuses(json!({ "recurrence": { "cron": cron } }), "/schedule/recurrence/cron", message);
    }
    let long = format!("{} * * * *", "1,".repeat(200));
    refuses(json!({ "recurrence": { "cron": long } }), "/schedule/recurrence/cron", "longer than 256");
    // There is one, once in 28 years.
    assert_eq!(
        shown(&cron("0 0 29 2 +MON", "UTC"), "2026-01-01T00:00:00Z", 1),
        ["2044-02-29T00:00:00+00:00"]
    );
}

#[test]
fn of_schedules_that_are_over() {
    refuses(
        json!({ "recurrence": { "cron": "@daily", "endTime": "2025-12-31T00:00:00Z" } }),
        "/schedule/recurrence/endTime",
        "is before the next run, which would be at 2026-01-01T00:00:00.000Z",
    );
    refuses(
        json!({ "recurrence": { "interval": "daily", "endTime": "2026-01-01T23:59:59Z" } }),
        "/schedule/recurrence/endTime",
        "is before the next run, which would be at 2026-01-02T00:00:00.000Z",
    );
    let started = json!({
        "startTime": "2027-01-01T00:00:00Z", "recurrence": { "cron": "@daily", "endTime": "2026-12-31T23:59:59Z" }
    });
    refuses(started, "/schedule/recurrence/endTime", "is before the next run");
}

#[test]
fn all_at_once() {
    let body = json!({
        "type": "recurring", "startTime": "x", "missed": "x", "paused": "x", "speed": 1,
        "recurrence": { "interval": "x", "cron": "x", "timezone": "x", "endTime": "x", "maxRuns": "x", "often": 1 }
    });
    let mut places: Vec<_> =
        faults(&body).into_iter().map(|fault| fault.split(": ").next().unwrap().to_owned()).collect();
    places.sort();
    assert_eq!(
        places,
        [
            "/schedule/missed",
            "/schedule/paused",
            "/schedule/recurrence",
            "/schedule/recurrence/cron",
            "/schedule/recurrence/endTime",
            "/schedule/recurrence/interval",
            "/schedule/recurrence/maxRuns",
            "/schedule/recurrence/often",
            "/schedule/recurrence/timezone",
            "/schedule/speed",
            "/schedule/startTime"
        ]
    );
}

proptest! {
    #[test]
    fn no_cron_is_too_odd_to_be_read(
        text in prop_oneof![".{0,40}", "([0-9*,/#LW?+@-]{1,4} ){4,6}[0-9*,#LMONSU+-]{1,4}"]
    ) {
        if let Ok(cron) = read(&text) {
            crate::schedule::cron::comes(&cron);
        }
    }
}

//! What a schedule looks like in requests, in records and in answers.

use proptest::prelude::*;

use super::*;
use crate::schedule::Missed;

/// That a body is read so, and that what is written is read as the same again, whenever that is.
#[track_caller]
fn reads(body: Value, canonical: Value) {
    let schedule = parse(&body);
    let written = serde_json::to_value(&schedule).unwrap();
    assert_eq!(written, canonical);
    assert_eq!(serde_json::from_value::<Schedule>(written.clone()).unwrap(), schedule);
    for later in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.001Z", "2026-01-20T17:03:00Z"] {
        assert_eq!(Schedule::parse(&written, "", at(later)).unwrap(), schedule);
    }
}

#[test]
fn what_older_clients_send() {
    reads(
        json!({
            "type": "recurring",
            "startTime": "2026-01-15T10:00:00Z",
            "recurrence": { "interval": "daily", "endTime": "2026-02-15T10:00:00Z" }
        }),
        json!({
            "type": "recurring",
            "startTime": "2026-01-15T10:00:00.000Z",
            "recurrence": { "interval": "daily", "timezone": "UTC", "endTime": "2026-02-15T10:00:00.000Z" },
            "missed": "run_once",
            "paused": false
        }),
    );
    for kind in ["one-time", "ONE_TIME", "OneTime", "once"] {
        reads(
            json!({ "type": kind, "startTime": "2026-01-15T10:00:00Z", "recurrence": null }),
            json!({
                "type": "one-time",
                "startTime": "2026-01-15T10:00:00.000Z",
                "missed": "run_once",
                "paused": false
            }),
        );
    }
}

#[test]
fn all_members_under_all_their_names() {
    for runs in ["maxRuns", "occurrences", "occurence", "occurrence"] {
        let mut recurrence = json!({
            "cron": "  0   9 * *  mon-FRI ", "endTime": "2027-01-01T00:00", "interval": null
        });
        recurrence[runs] = json!(5);
        reads(
            json!({
                "recurrence": recurrence, "timezone": "europe/berlin", "missed": "Skip", "paused": true, "x": null
            }),
            json!({
                "type": "recurring",
                "recurrence": {
                    "cron": "0 9 * * mon-FRI",
                    "timezone": "Europe/Berlin",
                    "endTime": "2026-12-31T23:00:00.000Z",
                    "maxRuns": 5
                },
                "missed": "skip",
                "paused": true
            }),
        );
    }
    reads(
        json!({
            "type": "Recurring",
            "startTime": "2026-02-01T09:00:30",
            "timeZone": "Asia/Kolkata",
            "recurrence": { "interval": "pt36h", "timeZone": "asia/kolkata" },
            "missed": "BACKFILL"
        }),
        json!({
            "type": "recurring",
            "startTime": "2026-02-01T03:30:30.000Z",
            "recurrence": { "interval": "PT36H", "timezone": "Asia/Kolkata" },
            "missed": "backfill",
            "paused": false
        }),
    );
}

#[test]
fn an_interval_without_a_start_begins_one_interval_from_now() {
    for (interval, start) in [
        ("Minutely", "2026-01-01T00:01:00.000Z"),
        ("HOURLY", "2026-01-01T01:00:00.000Z"),
        ("daily", "2026-01-02T00:00:00.000Z"),
        ("weekly", "2026-01-08T00:00:00.000Z"),
        ("monthly", "2026-02-01T00:00:00.000Z"),
        ("yearly", "2027-01-01T00:00:00.000Z"),
    ] {
        reads(
            json!({ "recurrence": { "interval": interval } }),
            json!({
                "type": "recurring",
                "startTime": start,
                "recurrence": { "interval": interval.to_lowercase(), "timezone": "UTC" },
                "missed": "run_once",
                "paused": false
            }),
        );
    }
}

#[test]
fn a_one_time_schedule_keeps_its_timezone_too() {
    for body in [
        json!({ "startTime": "2026-07-01T09:00", "timezone": "America/New_York" }),
        json!({ "type": "once", "startTime": "2026-07-01T13:00Z", "recurrence": { "timezone": "america/new_york" } }),
    ] {
        reads(
            body,
            json!({
                "type": "one-time",
                "startTime": "2026-07-01T13:00:00.000Z",
                "timezone": "America/New_York",
                "missed": "run_once",
                "paused": false
            }),
        );
    }
}

#[test]
fn what_is_stored_may_leave_out_the_defaults() {
    let stored = r#"{"type":"recurring","recurrence":{"cron":"@hourly","timezone":"UTC"}}"#;
    let schedule: Schedule = serde_json::from_str(stored).unwrap();
    assert_eq!((schedule.missed, schedule.paused), (Missed::RunOnce, false));
    assert_eq!(schedule, cron("@hourly", "UTC"));
}

#[test]
fn what_was_not_checked_has_no_occurrences() {
    for recurrence in [
        r#"{"cron":"nonsense","timezone":"UTC"}"#,
        r#"{"cron":"@hourly","timezone":"Moon/Tranquility"}"#,
        r#"{"interval":"daily","timezone":"UTC"}"#,
        r#"{"timezone":"UTC"}"#,
    ] {
        let stored = format!(r#"{{"type":"recurring","recurrence":{recurrence}}}"#);
        let schedule: Schedule = serde_json::from_str(&stored).unwrap();
        assert_eq!(schedule.first(now()), None);
        assert_eq!(schedule.latest(now()), None);
        assert!(!schedule.local(now()).is_empty());
    }
}

proptest! {
    #[test]
    fn reading_what_was_written_changes_nothing(
        recurrence in prop_oneof![
            prop::sample::select(vec!["daily", "PT90M", "p1dt12h", "MONTHLY", "P2W"]).prop_map(|v| json!({ "interval": v })),
            prop::sample::select(vec!["@daily", "30 2 * * *", "*/5 * * * * *", "0 0 l * *"]).prop_map(|v| json!({ "cron": v })),
        ],
        zone in prop::sample::select(vec!["UTC", "europe/berlin", "Australia/Lord_Howe"]),
        start in prop::option::of(prop::sample::select(vec!["2026-03-29T02:30", "2025-10-26T02:30:00", "2026-10-25T01:30:00.5Z"])),
        end in prop::option::of(Just("2030-01-01T00:00")),
        runs in prop::option::of(1u32..),
        missed in prop::option::of(prop::sample::select(vec!["skip", "RUN_ONCE", "Backfill"])),
        now in 1_767_225_600_000i64..1_800_000_000_000,
        later in 0i64..10_000_000_000,
    ) {
        let mut body = json!({ "startTime": start, "recurrence": recurrence, "missed": missed });
        body["recurrence"]["timezone"] = json!(zone);
        body["recurrence"]["endTime"] = json!(end);
        body["recurrence"]["maxRuns"] = json!(runs);
        let schedule = Schedule::parse(&body, "", Moment::from_millis(now)).unwrap();
        let written = serde_json::to_string(&schedule).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Schedule>(&written).unwrap(), &schedule);
        let value: Value = serde_json::from_str(&written).unwrap();
        let again = Schedule::parse(&value, "", Moment::from_millis(now + later)).unwrap();
        prop_assert_eq!(&again, &schedule);
        prop_assert_eq!(serde_json::to_string(&again).unwrap(), written);
    }
}

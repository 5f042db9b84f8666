//! Each change of the clock in 2026 and 2027, in two zones that set it by an hour, one that sets it by half an
//! hour, and one that never does.

use super::*;

struct Change {
    zone: &'static str,
    /// The instant of the change; for Kolkata, one of no change.
    at: &'static str,
    /// A time that the clock jumps over or shows twice on that day.
    time: &'static str,
    /// A cron of that time, and daily: the day before, the day of the change and the next.
    once: &'static str,
    /// Every 15 minutes by a cron, from half an hour before the change.
    quarters: &'static str,
    /// Hourly as an interval, from an hour and a half before.
    hours: &'static str,
    /// Monthly on the day of the month of the change: the month before, that month and the next.
    months: &'static str,
}

const CHANGES: [Change; 14] = [
    Change {
        zone: "Europe/Berlin",
        at: "2026-03-29T01:00:00Z",
        time: "02:30",
        once: "28 02:30+01:00, 29 03:00+02:00, 30 02:30+02:00",
        quarters: "29 01:30+01:00, 29 01:45+01:00, 29 03:00+02:00, 29 03:15+02:00, 29 03:30+02:00, 29 03:45+02:00, 29 04:00+02:00",
        hours: "29 00:30+01:00, 29 01:30+01:00, 29 03:30+02:00, 29 04:30+02:00",
        months: "28 02:30+01:00, 29 03:00+02:00, 29 02:30+02:00",
    },
    Change {
        zone: "Europe/Berlin",
        at: "2026-10-25T01:00:00Z",
        time: "02:30",
        once: "24 02:30+02:00, 25 02:30+02:00, 26 02:30+01:00",
        quarters: "25 02:30+02:00, 25 02:45+02:00, 25 02:00+01:00, 25 02:15+01:00, 25 02:30+01:00, 25 02:45+01:00, 25 03:00+01:00",
        hours: "25 01:30+02:00, 25 02:30+02:00, 25 02:30+01:00, 25 03:30+01:00",
        months: "25 02:30+02:00, 25 02:30+02:00, 25 02:30+01:00",
    },
    Change {
        zone: "Europe/Berlin",
        at: "2027-03-28T01:00:00Z",
        time: "02:30",
        once: "27 02:30+01:00, 28 03:00+02:00, 29 02:30+02:00",
        quarters: "28 01:30+01:00, 28 01:45+01:00, 28 03:00+02:00, 28 03:15+02:00, 28 03:30+02:00, 28 03:45+02:00, 28 04:00+02:00",
        hours: "28 00:30+01:00, 28 01:30+01:00, 28 03:30+02:00, 28 04:30+02:00",
        months: "28 02:30+01:00, 28 03:00+02:00, 28 02:30+02:00",
    },
    Change {
        zone: "Europe/Berlin",
        at: "2027-10-31T01:00:00Z",
        time: "02:30",
        once: "30 02:30+02:00, 31 02:30+02:00, 01 02:30+01:00",
        quarters: "31 02:30+02:00, 31 02:45+02:00, 31 02:00+01:00, 31 02:15+01:00, 31 02:30+01:00, 31 02:45+01:00, 31 03:00+01:00",
        hours: "31 01:30+02:00, 31 02:30+02:00, 31 02:30+01:00, 31 03:30+01:00",
        months: "30 02:30+02:00, 31 02:30+02:00, 30 02:30+01:00",
    },
    Change {
        zone: "America/New_York",
        at: "2026-03-08T07:00:00Z",
        time: "02:30",
        once: "07 02:30-05:00, 08 03:00-04:00, 09 02:30-04:00",
        quarters: "08 01:30-05:00, 08 01:45-05:00, 08 03:00-04:00, 08 03:15-04:00, 08 03:30-04:00, 08 03:45-04:00, 08 04:00-04:00",
        hours: "08 00:30-05:00, 08 01:30-05:00, 08 03:30-04:00, 08 04:30-04:00",
        months: "08 02:30-05:00, 08 03:00-04:00, 08 02:30-04:00",
    },
    Change {
        zone: "America/New_York",
        at: "2026-11-01T06:00:00Z",
        time: "01:30",
        once: "31 01:30-04:00, 01 01:30-04:00, 02 01:30-05:00",
        quarters: "01 01:30-04:00, 01 01:45-04:00, 01 01:00-05:00, 01 01:15-05:00, 01 01:30-05:00, 01 01:45-05:00, 01 02:00-05:00",
        hours: "01 00:30-04:00, 01 01:30-04:00, 01 01:30-05:00, 01 02:30-05:00",
        months: "01 01:30-04:00, 01 01:30-04:00, 01 01:30-05:00",
    },
    Change {
        zone: "America/New_York",
        at: "2027-03-14T07:00:00Z",
        time: "02:30",
        once: "13 02:30-05:00, 14 03:00-04:00, 15 02:30-04:00",
        quarters: "14 01:30-05:00, 14 01:45-05:00, 14 03:00-04:00, 14 03:15-04:00, 14 03:30-04:00, 14 03:45-04:00, 14 04:00-04:00",
        hours: "14 00:30-05:00, 14 01:30-05:00, 14 03:30-04:00, 14 04:30-04:00",
        months: "14 02:30-05:00, 14 03:00-04:00, 14 02:30-04:00",
    },
    Change {
        zone: "America/New_York",
        at: "2027-11-07T06:00:00Z",
        time: "01:30",
        once: "06 01:30-04:00, 07 01:30-04:00, 08 01:30-05:00",
        quarters: "07 01:30-04:00, 07 01:45-04:00, 07 01:00-05:00, 07 01:15-05:00, 07 01:30-05:00, 07 01:45-05:00, 07 02:00-05:00",
        hours: "07 00:30-04:00, 07 01:30-04:00, 07 01:30-05:00, 07 02:30-05:00",
        months: "07 01:30-04:00, 07 01:30-04:00, 07 01:30-05:00",
    },
    Change {
        zone: "Australia/Lord_Howe",
        at: "2026-04-04T15:00:00Z",
        time: "01:45",
        once: "04 01:45+11:00, 05 01:45+11:00, 06 01:45+10:30",
        quarters: "05 01:30+11:00, 05 01:45+11:00, 05 01:30+10:30, 05 01:45+10:30, 05 02:00+10:30, 05 02:15+10:30, 05 02:30+10:30",
        hours: "05 00:45+11:00, 05 01:45+11:00, 05 02:15+10:30, 05 03:15+10:30",
        months: "05 01:45+11:00, 05 01:45+11:00, 05 01:45+10:30",
    },
    Change {
        zone: "Australia/Lord_Howe",
        at: "2026-10-03T15:30:00Z",
        time: "02:15",
        once: "03 02:15+10:30, 04 02:30+11:00, 05 02:15+11:00",
        quarters: "04 01:30+10:30, 04 01:45+10:30, 04 02:30+11:00, 04 02:45+11:00, 04 03:00+11:00, 04 03:15+11:00, 04 03:30+11:00",
        hours: "04 00:45+10:30, 04 01:45+10:30, 04 03:15+11:00, 04 04:15+11:00",
        months: "04 02:15+10:30, 04 02:30+11:00, 04 02:15+11:00",
    },
    Change {
        zone: "Australia/Lord_Howe",
        at: "2027-04-03T15:00:00Z",
        time: "01:45",
        once: "03 01:45+11:00, 04 01:45+11:00, 05 01:45+10:30",
        quarters: "04 01:30+11:00, 04 01:45+11:00, 04 01:30+10:30, 04 01:45+10:30, 04 02:00+10:30, 04 02:15+10:30, 04 02:30+10:30",
        hours: "04 00:45+11:00, 04 01:45+11:00, 04 02:15+10:30, 04 03:15+10:30",
        months: "04 01:45+11:00, 04 01:45+11:00, 04 01:45+10:30",
    },
    Change {
        zone: "Australia/Lord_Howe",
        at: "2027-10-02T15:30:00Z",
        time: "02:15",
        once: "02 02:15+10:30, 03 02:30+11:00, 04 02:15+11:00",
        quarters: "03 01:30+10:30, 03 01:45+10:30, 03 02:30+11:00, 03 02:45+11:00, 03 03:00+11:00, 03 03:15+11:00, 03 03:30+11:00",
        hours: "03 00:45+10:30, 03 01:45+10:30, 03 03:15+11:00, 03 04:15+11:00",
        months: "03 02:15+10:30, 03 02:30+11:00, 03 02:15+11:00",
    },
    Change {
        zone: "Asia/Kolkata",
        at: "2026-03-28T20:30:00Z",
        time: "02:30",
        once: "28 02:30+05:30, 29 02:30+05:30, 30 02:30+05:30",
        quarters: "29 01:30+05:30, 29 01:45+05:30, 29 02:00+05:30, 29 02:15+05:30, 29 02:30+05:30, 29 02:45+05:30, 29 03:00+05:30",
        hours: "29 00:30+05:30, 29 01:30+05:30, 29 02:30+05:30, 29 03:30+05:30",
        months: "28 02:30+05:30, 29 02:30+05:30, 29 02:30+05:30",
    },
    Change {
        zone: "Asia/Kolkata",
        at: "2027-10-30T20:30:00Z",
        time: "02:30",
        once: "30 02:30+05:30, 31 02:30+05:30, 01 02:30+05:30",
        quarters: "31 01:30+05:30, 31 01:45+05:30, 31 02:00+05:30, 31 02:15+05:30, 31 02:30+05:30, 31 02:45+05:30, 31 03:00+05:30",
        hours: "31 00:30+05:30, 31 01:30+05:30, 31 02:30+05:30, 31 03:30+05:30",
        months: "30 02:30+05:30, 31 02:30+05:30, 30 02:30+05:30",
    },
];

/// The next occurrences, as the day (of that month) and the time that the clock shows.
fn days(schedule: &Schedule, from: Moment, most: usize) -> String {
    let shown = schedule.upcoming(from, most).into_iter().map(|occurrence| {
        let local = schedule.local(occurrence);
        let (date, time) = local.split_once('T').unwrap();
        let (offset, _) = time[8..].split_once('[').unwrap();
        format!("{} {}{offset}", &date[8..], &time[..5])
    });
    shown.collect::<Vec<_>>().join(", ")
}

impl Change {
    fn minutes_before(&self, minutes: i64) -> Moment {
        Moment::from_millis(at(self.at).as_millis() - minutes * 60_000)
    }
}

#[test]
fn a_named_time_comes_once_a_day() {
    for change in &CHANGES {
        let (hour, minute) = change.time.split_once(':').unwrap();
        let from = change.minutes_before(25 * 60 + 10);
        let daily = every("daily", &format!("2026-01-05T{}", change.time), change.zone);
        assert_eq!(days(&daily, from, 3), change.once);
        assert_eq!(days(&cron(&format!("{minute} {hour} * * *"), change.zone), from, 3), change.once);
    }
}

#[test]
fn a_cron_of_all_hours_comes_whenever_the_clock_shows_it() {
    for change in &CHANGES {
        let quarters = cron("*/15 * * * *", change.zone);
        assert_eq!(days(&quarters, change.minutes_before(30), 7), change.quarters);
    }
}

#[test]
fn an_hour_is_an_hour() {
    for change in &CHANGES {
        let hourly = every("hourly", &format!("2026-01-05T{}", change.time), change.zone);
        let occurrences = hourly.upcoming(change.minutes_before(90), 4);
        assert_eq!(days(&hourly, change.minutes_before(90), 4), change.hours);
        assert!(occurrences.windows(2).all(|two| two[1].since(two[0]).as_secs() == 3600));
    }
}

#[test]
fn monthly_keeps_to_its_day() {
    for change in &CHANGES {
        // The second of the three is on the day of the change.
        let day = change.months.split(", ").nth(1).unwrap().split_once(' ').unwrap().0;
        let monthly = every("monthly", &format!("2026-01-{day}T{}", change.time), change.zone);
        assert_eq!(days(&monthly, change.minutes_before(32 * 24 * 60), 3), change.months);
    }
}

//! The occurrences of an interval: its start, and the start and k intervals for each k.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::zone;
use crate::time::Moment;

const SECOND: i64 = 1000;
const DAY: i64 = 86_400 * SECOND;
/// A twelfth of 365.2425 days.
const MONTH: i64 = 2_629_746 * SECOND;

/// An interval: months and days by the calendar, the rest as time that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    months: i64,
    days: i64,
    millis: i64,
}

impl Step {
    /// Reads a name such as `daily` or an ISO-8601 duration, in capital letters or small ones.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let iso = match text.to_ascii_lowercase().as_str() {
            "minutely" => "PT1M".to_owned(),
            "hourly" => "PT1H".to_owned(),
            "daily" => "P1D".to_owned(),
            "weekly" => "P1W".to_owned(),
            "monthly" => "P1M".to_owned(),
            "yearly" => "P1Y".to_owned(),
            _ => text.to_ascii_uppercase(),
        };
        // jiff would read `1 hour` too, and a minus.
        let span = Some(&iso).filter(|iso| iso.starts_with('P')).and_then(|iso| iso.parse::<Span>().ok());
        let step = span.ok_or_else(|| {
            "must be minutely, hourly, daily, weekly, monthly, yearly or an ISO-8601 duration such as PT90M or P2W"
                .to_owned()
        })?;
        Self::of(&step)
    }

    fn of(span: &Span) -> Result<Self, String> {
        let nanos = SignedDuration::from_hours(span.get_hours().into())
            + SignedDuration::from_mins(span.get_minutes())
            + SignedDuration::from_secs(span.get_seconds())
            + SignedDuration::from_millis(span.get_milliseconds())
            + SignedDuration::from_micros(span.get_microseconds())
            + SignedDuration::from_nanos(span.get_nanoseconds());
        let step = Self {
            months: i64::from(span.get_years()) * 12 + i64::from(span.get_months()),
            days: i64::from(span.get_weeks()) * 7 + i64::from(span.get_days()),
            millis: i64::try_from(nanos.as_millis()).unwrap_or(i64::MAX),
        };
        if SignedDuration::from_millis(step.millis) != nanos {
            return Err("must be a whole number of milliseconds".to_owned());
        }
        if step.is_elapsed() && step.millis < SECOND {
            return Err("must be at least one second".to_owned());
        }
        Ok(step)
    }

    /// Whether it is time that passes and nothing else.
    fn is_elapsed(self) -> bool {
        self.months == 0 && self.days == 0
    }
}

/// An interval from a start on, in a timezone.
#[derive(Debug)]
pub(super) struct Every {
    step: Step,
    start: Timestamp,
    /// What the clock shows at the start.
    shown: DateTime,
    zone: TimeZone,
}

impl Every {
    pub(super) fn new(step: Step, start: Moment, zone: TimeZone) -> Self {
        let start = zone::stamp(start);
        Self { step, start, shown: zone.to_datetime(start), zone }
    }

    /// The occurrence after `k` intervals; none if that is beyond all years.
    pub(super) fn at(&self, k: i64) -> Option<Timestamp> {
        let Step { months, days, millis } = self.step;
        // The start may be the second time that the clock shows what it shows then.
        let on_calendar = if k == 0 || self.step.is_elapsed() {
            self.start
        } else {
            let months = Span::new().try_months(months.checked_mul(k)?).ok()?;
            let days = Span::new().try_days(days.checked_mul(k)?).ok()?;
            let shown = self.shown.checked_add(months).ok()?.checked_add(days).ok()?;
            zone::reaches(&self.zone, shown)?
        };
        on_calendar.checked_add(SignedDuration::from_millis(millis.checked_mul(k)?)).ok()
    }

    /// The first occurrence after `moment`.
    pub(super) fn after(&self, moment: Moment) -> Option<Moment> {
        let moment = zone::stamp(moment);
        let found = if moment < self.start { self.start } else { self.at(self.last_index(moment) + 1)? };
        Some(zone::moment(found))
    }

    /// The last occurrence at or before `until`.
    pub(super) fn latest(&self, until: Moment) -> Option<Moment> {
        let until = zone::stamp(until);
        if until < self.start { None } else { self.at(self.last_index(until)).map(zone::moment) }
    }

    /// The largest k whose occurrence is not after `until`, which is not before the start.
    ///
    /// With months of their mean length the guess is never off by more than a few.
    fn last_index(&self, until: Timestamp) -> i64 {
        let mean = self.step.months * MONTH + self.step.days * DAY + self.step.millis;
        let mut k = (until.as_millisecond() - self.start.as_millisecond()) / mean;
        let has_come = |k| self.at(k).is_some_and(|at| at <= until);
        while k > 0 && !has_come(k) {
            k -= 1;
        }
        while has_come(k + 1) {
            k += 1;
        }
        k
    }
}

//! The occurrences of a cron expression. croner reads it and searches it; what setting the clock does to a
//! cron that names its hours is decided by [`zone`](super::zone), as for intervals.
//!
//! croner, asked in a timezone, would do otherwise for those: it takes only a cron of one second, one minute
//! and one hour for a fixed time, so that `30 2,14 * * *` is lost on the day on which 02:30 is jumped over and
//! comes twice on the day on which it is shown twice; and it drops a fixed time if the jump ends on a day that
//! the cron does not name, which `30 23 * * SAT` meets in America/Nuuk. So these are searched on the calendar
//! alone. For a cron of all hours croner's own search in the timezone does what it should.

use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::zone;
use crate::time::Moment;

/// The longest that an expression may be: one that lists every minute is not as long.
const LONGEST: usize = 256;

/// Reads an expression: 5 fields, 6 with the seconds first, or an alias such as `@daily`.
pub(super) fn read(text: &str) -> Result<Cron, String> {
    if text.len() > LONGEST {
        return Err(format!("must not be longer than {LONGEST} characters"));
    }
    CronParser::builder().year(Year::Disallowed).build().parse(text).map_err(|refused| match refused {
        CronError::EmptyPattern => "must not be empty".to_owned(),
        CronError::InvalidPattern(reason) if !reason.contains("years") => reason,
        CronError::InvalidPattern(_) => {
            "must have 5 fields, 6 with the seconds first, or be @hourly, @daily, @weekly, @monthly or @yearly"
                .to_owned()
        }
        CronError::IllegalCharacters(reason) | CronError::ComponentError(reason) => reason,
        other => other.to_string(),
    })
}

/// A cron expression in a timezone.
#[derive(Debug)]
pub(super) struct Times {
    cron: Cron,
    zone: TimeZone,
    all_hours: bool,
}

impl Times {
    pub(super) fn new(cron: Cron, zone: TimeZone) -> Self {
        let all_hours = cron.pattern.hours.values().len() == 24;
        Self { cron, zone, all_hours }
    }

    /// The first occurrence after `moment`.
    pub(super) fn after(&self, moment: Moment) -> Option<Moment> {
        let at = second(moment)?;
        let found = if self.all_hours {
            self.cron.find_next_occurrence(&at.to_zoned(self.zone.clone()), false).ok()?.timestamp()
        } else {
            let reached = zone::reached(&self.zone, at);
            zone::reaches(&self.zone, self.cron.find_next_occurrence(&reached, false).ok()?)?
        };
        Some(zone::moment(found))
    }

    /// The last occurrence at or before `until`.
    pub(super) fn latest(&self, until: Moment) -> Option<Moment> {
        let at = second(until)?;
        let found = if self.all_hours {
            self.cron.find_previous_occurrence(&at.to_zoned(self.zone.clone()), true).ok()?.timestamp()
        } else {
            let reached = zone::reached(&self.zone, at);
            zone::reaches(&self.zone, self.cron.find_previous_occurrence(&reached, true).ok()?)?
        };
        Some(zone::moment(found))
    }
}

/// The whole second that a moment lies in: croner knows nothing finer.
fn second(moment: Moment) -> Option<Timestamp> {
    Timestamp::from_second(zone::moment(zone::stamp(moment)).as_millis().div_euclid(1000)).ok()
}

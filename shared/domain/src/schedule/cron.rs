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
const ALIASES: &str = "@hourly, @daily, @weekly, @monthly and @yearly";
const NAMES: [&str; 6] = ["second", "minute", "hour", "day of the month", "month", "day of the week"];

/// Reads an expression: 5 fields, 6 with the seconds first, or an alias such as `@daily`.
pub(super) fn read(text: &str) -> Result<Cron, String> {
    if text.len() > LONGEST {
        return Err(format!("must not be longer than {LONGEST} characters"));
    }
    let fields: Vec<&str> = text.split_whitespace().collect();
    // croner passes over an empty place in a list. A field of nothing else would match no time, and croner would
    // go through every minute of 400 years before it said so.
    if let Some(field) = fields.iter().find(|field| field.split(',').any(str::is_empty)) {
        return Err(format!("has a list with an empty place ({field})"));
    }
    parser().parse(text).map_err(|refused| match wrong_field(&fields) {
        Some((name, field)) => format!("has no valid {name} ({field}): {}", reason(refused)),
        None if (5..=6).contains(&fields.len()) => reason(refused),
        None => format!("must have 5 fields, 6 with the seconds first, or be one of {ALIASES}"),
    })
}

/// Whether there is any time that matches: not on February 30, for one.
pub(super) fn comes(cron: &Cron) -> bool {
    // The calendar repeats every 400 years, to the day of the week, and croner gives up in the year 5000.
    cron.find_next_occurrence(&jiff::civil::date(4599, 1, 1).at(0, 0, 0, 0), true).is_ok()
}

fn parser() -> CronParser {
    CronParser::builder().year(Year::Disallowed).build()
}

/// The first field that is wrong by itself: croner does not tell.
fn wrong_field<'a>(fields: &[&'a str]) -> Option<(&'static str, &'a str)> {
    let names = NAMES.get(6_usize.checked_sub(fields.len())?..)?;
    let is_wrong = |at: usize| {
        let alone = fields.iter().enumerate().map(|(i, field)| if i == at { field } else { "*" });
        parser().parse(&alone.collect::<Vec<_>>().join(" ")).is_err()
    };
    let at = (0..fields.len()).find(|at| fields.len() >= 5 && is_wrong(*at))?;
    Some((names.get(at)?, fields.get(at)?))
}

/// What croner says, without its own names of things.
fn reason(refused: CronError) -> String {
    match refused {
        CronError::InvalidPattern(reason)
        | CronError::IllegalCharacters(reason)
        | CronError::ComponentError(reason) => reason.replace("CronPattern contains", "it contains"),
        other => other.to_string(),
    }
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

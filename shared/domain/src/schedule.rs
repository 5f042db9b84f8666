//! When a job runs by itself.
//!
//! A recurring schedule follows the clock on the wall of its timezone, and twice a year most of those clocks
//! are set. What happens then:
//!
//! - An interval of days, weeks, months or years, and a cron that names its hours (`30 2 * * *`,
//!   `0 9-17 * * *`, `*/15 2,14 * * *`), come once for each wall-clock time they name. A time that the clock
//!   jumps over comes at the first instant after the jump, and times that fall together there come once. A
//!   time that the clock shows twice comes when it is shown first.
//! - A cron of all hours (`*/15 * * * *`, `0 * * * *`) comes whenever the clock shows a time that matches: in
//!   the hour that is shown twice it goes on as before, so no hour passes without it, and nothing makes up
//!   for the times that were jumped over, which took no time.
//! - An interval of hours, minutes and seconds is time that passes, and does not look at the clock. In
//!   `P1DT12H` the days are counted on the clock first, and the hours are added then.
//!
//! An occurrence is computed from the start and never from the one before it: monthly from January 31 comes on
//! the last of February and on March 31.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::input::Fault;
use crate::time::Moment;

mod cron;
mod every;
mod grid;
mod parse;
#[cfg(test)]
mod tests;
mod zone;

use grid::Grid;

/// What becomes of occurrences that nobody started in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// One run stands for all of them.
    #[default]
    RunOnce,
    /// None is made up for.
    Skip,
    /// Each is made up for, one after another.
    Backfill,
}

/// When a job runs by itself.
///
/// It is serialised as the API shows it and as records hold it, and two that are equal have the same
/// occurrences. What is stored was checked when it was parsed: it is read back without another look.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schedule {
    #[serde(rename = "type")]
    kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    start_time: Option<Moment>,
    /// The timezone of a one-time schedule, if it is not UTC; a recurring one has it in its recurrence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recurrence: Option<Recurrence>,
    /// What becomes of occurrences that nobody started in time.
    #[serde(default)]
    pub missed: Missed,
    /// Whether it rests.
    #[serde(default)]
    pub paused: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    OneTime,
    Recurring,
}

/// How a schedule comes again: by an interval or by a cron, of which it has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recurrence {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    timezone: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end_time: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    max_runs: Option<u32>,
}

impl Schedule {
    /// Reads a schedule out of a request that came at `now`, or tells everything that is wrong with it.
    ///
    /// An interval without a start begins one interval after `now`, and what is returned says so.
    pub fn parse(value: &Value, place: &str, now: Moment) -> Result<Self, Vec<Fault>> {
        parse::parse(value, place, now)
    }

    /// Whether it may have more than one occurrence.
    pub fn is_recurring(&self) -> bool {
        self.kind == Kind::Recurring
    }

    /// After how many runs it is over, if it says so.
    pub fn max_runs(&self) -> Option<u32> {
        self.recurrence.as_ref().and_then(|recurrence| recurrence.max_runs)
    }

    /// Before when it has no occurrence, if it says so: the only occurrence of a one-time schedule.
    pub fn starts_at(&self) -> Option<Moment> {
        self.start_time
    }

    /// After when it has no occurrence, if it says so.
    pub fn ends_at(&self) -> Option<Moment> {
        self.recurrence.as_ref().and_then(|recurrence| recurrence.end_time)
    }

    /// Whether another schedule comes at the same moments, but for when it ends.
    pub fn comes_as(&self, other: &Self) -> bool {
        let grid = |schedule: &Self| {
            let recurrence = schedule.recurrence.clone();
            let endless = recurrence.map(|inner| Recurrence { end_time: None, max_runs: None, ..inner });
            (schedule.kind, schedule.start_time, schedule.timezone.clone(), endless)
        };
        grid(self) == grid(other)
    }

    /// The IANA name of the timezone whose clock it follows.
    pub fn timezone(&self) -> &str {
        let named =
            self.recurrence.as_ref().map(|recurrence| &recurrence.timezone).or(self.timezone.as_ref());
        named.map_or(zone::UTC, String::as_str)
    }

    /// The first occurrence at or after `from`.
    pub fn first(&self, from: Moment) -> Option<Moment> {
        self.after(just_before(from))
    }

    /// The first occurrence after `moment`.
    pub fn after(&self, moment: Moment) -> Option<Moment> {
        Grid::of(self)?.after(moment)
    }

    /// The last occurrence at or before `until`.
    pub fn latest(&self, until: Moment) -> Option<Moment> {
        Grid::of(self)?.latest(until)
    }

    /// How many occurrences fall in `from..=until`, counted up to `most`.
    pub fn count(&self, from: Moment, until: Moment, most: usize) -> usize {
        self.forward(from).take_while(|occurrence| *occurrence <= until).take(most).count()
    }

    /// The earliest of the last `most` occurrences in `from..=until`.
    pub fn last_of(&self, from: Moment, until: Moment, most: usize) -> Option<Moment> {
        let grid = Grid::of(self)?;
        let backward = std::iter::successors(grid.latest(until), |found| grid.latest(just_before(*found)));
        backward.take_while(|occurrence| *occurrence >= from).take(most).last()
    }

    /// The first `most` occurrences at or after `from`.
    pub fn upcoming(&self, from: Moment, most: usize) -> Vec<Moment> {
        self.forward(from).take(most).collect()
    }

    /// A moment as the clock on the wall shows it, with the offset and the name of the timezone (RFC 9557).
    pub fn local(&self, moment: Moment) -> String {
        let shown = zone::get(self.timezone()).map(|zone| zone::stamp(moment).to_zoned(zone).to_string());
        shown.unwrap_or_else(|| moment.to_string())
    }

    fn forward(&self, from: Moment) -> impl Iterator<Item = Moment> {
        let grid = Grid::of(self);
        let mut reached = just_before(from);
        std::iter::from_fn(move || {
            reached = grid.as_ref()?.after(reached)?;
            Some(reached)
        })
    }
}

/// The last moment that is not `moment`: they are whole milliseconds.
fn just_before(moment: Moment) -> Moment {
    Moment::from_millis(moment.as_millis().saturating_sub(1))
}

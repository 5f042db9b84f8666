//! The occurrences of a schedule: a grid of instants, cut off at its start and its end.

use super::cron::{self, Times};
use super::every::{Every, Step};
use super::{Schedule, just_before, zone};
use crate::time::Moment;

/// What a schedule says, ready to compute with: it is built once for all occurrences that are asked for.
#[derive(Debug)]
pub(super) struct Grid {
    rule: Rule,
    start: Option<Moment>,
    end: Option<Moment>,
}

#[derive(Debug)]
enum Rule {
    Once(Moment),
    Every(Every),
    // A parsed cron is large, and there is one grid at a time.
    Cron(Box<Times>),
}

impl Grid {
    /// The grid of a schedule; none if it has no occurrences that could be computed.
    pub(super) fn of(schedule: &Schedule) -> Option<Self> {
        let start = schedule.start_time;
        let Some(recurrence) = schedule.recurrence.as_ref().filter(|_| schedule.is_recurring()) else {
            return Some(Self { rule: Rule::Once(start?), start, end: None });
        };
        let zone = zone::get(&recurrence.timezone)?;
        let rule = match (&recurrence.interval, &recurrence.cron) {
            (Some(interval), _) => Rule::Every(Every::new(Step::read(interval).ok()?, start?, zone)),
            (None, Some(cron)) => Rule::Cron(Box::new(Times::new(cron::read(cron).ok()?, zone))),
            (None, None) => return None,
        };
        Some(Self { rule, start, end: recurrence.end_time })
    }

    /// The first occurrence after `moment`.
    pub(super) fn after(&self, moment: Moment) -> Option<Moment> {
        let moment = self.start.map_or(moment, |start| moment.max(just_before(start)));
        let found = match &self.rule {
            Rule::Once(start) => Some(*start).filter(|start| *start > moment),
            Rule::Every(every) => every.after(moment),
            Rule::Cron(times) => times.after(moment),
        };
        found.filter(|found| self.end.is_none_or(|end| *found <= end))
    }

    /// The last occurrence at or before `until`.
    pub(super) fn latest(&self, until: Moment) -> Option<Moment> {
        let until = self.end.map_or(until, |end| until.min(end));
        let found = match &self.rule {
            Rule::Once(start) => Some(*start).filter(|start| *start <= until),
            Rule::Every(every) => every.latest(until),
            Rule::Cron(times) => times.latest(until),
        };
        found.filter(|found| self.start.is_none_or(|start| *found >= start))
    }
}

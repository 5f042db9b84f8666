//! Reading a schedule out of a request.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::every::{Every, Step};
use super::{Kind, Missed, Recurrence, Schedule, cron, zone};
use crate::input::{Fault, Fields, whole};
use crate::time::Moment;

const TIMEZONE: [&str; 2] = ["timezone", "timeZone"];
const MAX_RUNS: [&str; 4] = ["maxRuns", "occurrences", "occurrence", "occurence"];

pub(super) fn parse(value: &Value, place: &str, now: Moment) -> Result<Schedule, Vec<Fault>> {
    let mut faults = Vec::new();
    let read = read(value, place, now, &mut faults);
    match read.filter(|_| faults.is_empty()) {
        Some(schedule) => never(&schedule, place, now).map_or(Ok(schedule), |fault| Err(vec![fault])),
        None => Err(faults),
    }
}

/// Everything but whether it will ever come; the faults go to `faults`.
fn read(value: &Value, place: &str, now: Moment, faults: &mut Vec<Fault>) -> Option<Schedule> {
    let mut whole = Reader::new(value, place.to_owned(), faults)?;
    let inner = value.get("recurrence").filter(|inner| !inner.is_null());
    whole.fields.ignore(&["recurrence"]);
    let kind = if whole.fields.has("type") {
        whole.text(&["type"], kind)
    } else {
        Some(if inner.is_some() { Kind::Recurring } else { Kind::OneTime })
    };
    if inner.is_none() && kind == Some(Kind::Recurring) {
        whole.fields.fault("/recurrence", "is required for a recurring schedule");
    }
    let mut inner = inner.and_then(|inner| Reader::new(inner, format!("{place}/recurrence"), faults));

    let own_zone = whole.text(&TIMEZONE, timezone);
    let inner_zone = inner.as_mut().and_then(|inner| inner.text(&TIMEZONE, timezone));
    if inner_zone.is_some() && own_zone.is_some() && inner_zone != own_zone {
        whole.fields.fault("/timezone", "is another one than the recurrence's");
    }
    let zone = inner_zone.or(own_zone).unwrap_or(TimeZone::UTC);
    let name = zone.iana_name().unwrap_or(zone::UTC).to_owned();

    let starts = whole.fields.has("startTime");
    let mut start_time = whole.text(&["startTime"], |text| time(text, &zone));
    let missed = whole.text(&["missed"], missed).unwrap_or_default();
    let paused = whole.fields.flag(&["paused"]).unwrap_or_default();

    let (mut timezone, mut recurrence) = (None, None);
    match (kind, &mut inner) {
        (Some(Kind::OneTime), inner) => {
            if !starts {
                whole.fields.fault("/startTime", "is required for a one-time schedule");
            }
            if let Some(inner) = inner {
                inner.refuse(&[&["interval", "cron", "endTime"], &MAX_RUNS[..]].concat());
            }
            timezone = Some(name).filter(|name| name != zone::UTC);
        }
        // What its type is cannot be told: what else is wrong with its recurrence can, and that alone.
        (Some(Kind::Recurring) | None, Some(inner)) => {
            let (read, step) = recur(inner, name, &zone);
            if let (Some(step), false) = (step, starts) {
                start_time = Every::new(step, now, zone).at(1).map(zone::moment);
            }
            recurrence = Some(read);
        }
        _ => {}
    }
    whole.finish(faults);
    if let Some(inner) = inner {
        inner.finish(faults);
    }
    Some(Schedule { kind: kind?, start_time, timezone, recurrence, missed, paused })
}

/// The members of a recurrence, and its interval if it has one.
fn recur(inner: &mut Reader, timezone: String, zone: &TimeZone) -> (Recurrence, Option<Step>) {
    match (inner.fields.has("interval"), inner.fields.has("cron")) {
        (true, true) => inner.fields.fault("", "must have an interval or a cron, not both"),
        (false, false) => inner.fields.fault("", "must have an interval or a cron"),
        _ => {}
    }
    let step = inner.text(&["interval"], |text| Step::read(text).map(|step| (step, canonical(text))));
    let cron = inner.text(&["cron"], |text| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = cron::read(&text)?;
        if cron::comes(&cron) { Ok(text) } else { Err("names a day that never comes".to_owned()) }
    });
    let end_time = inner.text(&["endTime"], |text| time(text, zone));
    let max_runs = inner.count(&MAX_RUNS);
    let (step, interval) = step.unzip();
    (Recurrence { interval, cron, timezone, end_time, max_runs }, step)
}

/// Why a recurring schedule has no occurrence any more, if it has none.
fn never(schedule: &Schedule, place: &str, now: Moment) -> Option<Fault> {
    let recurrence = schedule.recurrence.as_ref()?;
    let endless = Recurrence { end_time: None, ..recurrence.clone() };
    let comes = Schedule { recurrence: Some(endless), ..schedule.clone() }.first(now);
    let (member, message) = match (comes, recurrence.end_time) {
        (Some(first), Some(end)) if end < first => {
            ("endTime", format!("is before the next run, which would be at {first}"))
        }
        (Some(_), _) => return None,
        (None, _) if recurrence.cron.is_some() => ("cron", "never comes again".to_owned()),
        (None, _) => ("interval", "never comes again".to_owned()),
    };
    Some(Fault::new(format!("{place}/recurrence/{member}"), message))
}

fn kind(text: &str) -> Result<Kind, &'static str> {
    match text.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
        "onetime" | "once" => Ok(Kind::OneTime),
        "recurring" => Ok(Kind::Recurring),
        _ => Err("must be one-time or recurring"),
    }
}

fn missed(text: &str) -> Result<Missed, &'static str> {
    match text.to_ascii_lowercase().replace('-', "_").as_str() {
        "run_once" => Ok(Missed::RunOnce),
        "skip" => Ok(Missed::Skip),
        "backfill" => Ok(Missed::Backfill),
        _ => Err("must be run_once, skip or backfill"),
    }
}

fn timezone(text: &str) -> Result<TimeZone, String> {
    zone::get(text).ok_or_else(|| format!("{text:?} is no timezone's IANA name, such as Europe/Berlin"))
}

/// An RFC 3339 time, or what the clock in the zone shows then.
fn time(text: &str, zone: &TimeZone) -> Result<Moment, &'static str> {
    if let Ok(moment) = Moment::parse(text) {
        return Ok(moment);
    }
    // jiff would read a date alone as its midnight, and pass over a zone in brackets.
    let is_local = text.split_once(['T', 't', ' ']).is_some_and(|(_, time)| {
        time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.')
    });
    let shown = Some(text).filter(|_| is_local).and_then(|text| text.parse::<DateTime>().ok());
    shown.and_then(|shown| zone::reaches(zone, shown)).map(zone::moment).ok_or(
        "must be an RFC 3339 time such as 2026-03-01T09:00:00Z, or without the offset for a time in the timezone",
    )
}

/// An interval as it is stored: names in small letters, durations in capitals.
fn canonical(interval: &str) -> String {
    let upper = interval.to_ascii_uppercase();
    if upper.starts_with('P') { upper } else { interval.to_ascii_lowercase() }
}

/// The members of an object, and where it stands.
struct Reader {
    place: String,
    fields: Fields,
}

impl Reader {
    /// The members of an object; those that are `null` are as good as absent.
    fn new(value: &Value, place: String, faults: &mut Vec<Fault>) -> Option<Self> {
        let members = value.as_object().map(|all| all.iter().filter(|(_, value)| !value.is_null()));
        let text = members.and_then(|members| serde_json::to_vec(&members.collect::<BTreeMap<_, _>>()).ok());
        let fields = text.and_then(|text| Fields::parse(&text).ok());
        if fields.is_none() {
            faults.push(Fault::new(place.clone(), "must be an object"));
        }
        Some(Self { place, fields: fields? })
    }

    /// Faults for members that say how a schedule comes again, in one that does not.
    fn refuse(&mut self, names: &[&str]) {
        for name in names {
            if self.fields.has(name) {
                self.fields.ignore(&[name]);
                self.fields
                    .fault(format!("/{name}"), "is for a recurring schedule, and this one is one-time");
            }
        }
    }

    /// A text with rules of its own; a fault names the member as the request does.
    fn text<T, E: Display>(&mut self, names: &[&str], rule: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let (name, raw) = self.fields.raw(names)?;
        let text = serde_json::from_str::<String>(raw.get()).map_err(|_| "must be a text".to_owned());
        match text.and_then(|text| rule(text.trim()).map_err(|refused| refused.to_string())) {
            Ok(value) => Some(value),
            Err(refused) => {
                self.fields.fault(format!("/{name}"), refused);
                None
            }
        }
    }

    fn count(&mut self, names: &[&str]) -> Option<u32> {
        let (name, raw) = self.fields.raw(names)?;
        let count = whole(raw.get()).and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        if count.is_none() {
            self.fields.fault(format!("/{name}"), "must be a whole number, 1 or more");
        }
        count
    }

    /// Notes the faults of what was read, and of what was not.
    fn finish(self, faults: &mut Vec<Fault>) {
        let found = self.fields.finish().err().unwrap_or_default();
        faults.extend(found.into_iter().map(|fault| Fault {
            pointer: format!("{}{}", self.place, fault.pointer),
            message: fault.message,
        }));
    }
}

use serde_json::{Value, json};

use super::Schedule;
use crate::time::Moment;

mod clocks;
mod crons;
mod faults;
mod grids;
mod laws;
mod odd;
mod shape;

fn at(text: &str) -> Moment {
    Moment::parse(text).unwrap()
}

fn now() -> Moment {
    at("2026-01-01T00:00:00Z")
}

fn parse(value: &Value) -> Schedule {
    Schedule::parse(value, "/schedule", now()).unwrap_or_else(|faults| panic!("{value}: {faults:?}"))
}

fn cron(cron: &str, timezone: &str) -> Schedule {
    parse(&json!({ "recurrence": { "cron": cron, "timezone": timezone } }))
}

fn every(interval: &str, start: &str, timezone: &str) -> Schedule {
    parse(&json!({ "startTime": start, "recurrence": { "interval": interval, "timezone": timezone } }))
}

/// The next occurrences by the clock on the wall, without the zone's name.
fn shown(schedule: &Schedule, from: &str, most: usize) -> Vec<String> {
    let local = schedule.upcoming(at(from), most).into_iter().map(|moment| schedule.local(moment));
    local.map(|text| text.split('[').next().unwrap().to_owned()).collect()
}

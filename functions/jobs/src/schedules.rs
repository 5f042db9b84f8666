//! Schedules in requests: what a new job's is, how a change moves it, and what one would come to.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use domain::input::{Fault, Fields};
use domain::job::Job;
use domain::life::{self, Present};
use domain::schedule::Schedule;
use domain::time::Moment;
use edge::views::ScheduleShape;
use edge::{Answer, JsonFields, ReadCaller};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::App;

/// Where a body has it.
const PLACE: &str = "/schedule";
/// How long its text may be: it stands in the record and in both indexes.
const LONGEST: usize = 2_048;
/// How many occurrences tell how often a schedule comes.
const LOOKED_AT: usize = 100;
/// How many occurrences a preview shows, unless it says otherwise, and at most.
const SHOWN: (usize, u64) = (5, 100);

/// What a request says of a job's schedule.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// Nothing: it stays.
    Untouched,
    /// There is to be none.
    None,
    /// This one.
    Given(Value),
}

impl Wanted {
    /// Takes it out of a body.
    pub(crate) fn take(fields: &mut Fields) -> Self {
        if fields.is_null("schedule") {
            fields.ignore(&["schedule"]);
            return Self::None;
        }
        let Some((_, raw)) = fields.raw(&["schedule"]) else { return Self::Untouched };
        match read(raw.get()) {
            Ok(value) => Self::Given(value),
            Err(told) => {
                fields.fault(PLACE, told);
                Self::Untouched
            }
        }
    }

    /// The schedule of a new job; what is wrong with it is noted in `fields`.
    pub(crate) fn of_new(&self, fields: &mut Fields, now: Moment, least: Duration) -> Option<Schedule> {
        let Self::Given(value) = self else { return None };
        let read = Schedule::parse(value, PLACE, now).and_then(|read| rare_enough(read, now, least));
        read.map_err(|faults| faults.into_iter().for_each(|one| fields.fault(one.pointer, one.message))).ok()
    }

    /// The job with this schedule; `None` if it has that already. A client may send back what it has read or sent
    /// before, also when that is over, and may leave out `paused`, and the start of an interval that it left out
    /// before.
    pub(crate) fn applied(&self, job: &Job, at: Present, least: Duration) -> Result<Option<Job>, Vec<Fault>> {
        let present = job.timetable.as_ref().map(|table| &table.schedule);
        let value = match (self, present) {
            (Self::Untouched, _) | (Self::None, None) => return Ok(None),
            (Self::None, Some(_)) => return Ok(Some(life::reschedule(job, None, at))),
            (Self::Given(value), _) => value,
        };
        let mut value = value.clone();
        let mut schedule = None;
        if let Some(present) = present {
            supply(&mut value, "paused", Some(present.paused));
            let mut whole = value.clone();
            supply(&mut whole, "startTime", present.starts_at().filter(|_| present.is_recurring()));
            // As it would have been read when the job was created: by now it may be over.
            if Schedule::parse(&whole, PLACE, job.created_at).is_ok_and(|given| given == *present) {
                return Ok(None);
            }
            schedule = Schedule::parse(&whole, PLACE, at.now).ok().filter(|given| given.comes_as(present));
        }
        let schedule = schedule.map_or_else(|| Schedule::parse(&value, PLACE, at.now), Ok)?;
        let next = life::reschedule(job, Some(rare_enough(schedule, at.now, least)?), at);
        if next.timetable.as_ref().is_some_and(|table| table.next.is_none()) {
            return Err(vec![Fault::new(PLACE, "names no time at which the job has not run already")]);
        }
        Ok(Some(next))
    }
}

/// A schedule to look at, alone or with the number of occurrences to show.
#[derive(ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = PreviewRequest, example = json!({
    "schedule": {"recurrence": {"cron": "30 2 * * *", "timezone": "Europe/Berlin"}}, "count": 3
}))]
pub(crate) struct PreviewBody {
    /// The schedule; without this member the body itself is one.
    schedule: ScheduleShape,
    /// How many occurrences to show.
    #[schema(minimum = 1, maximum = 100, default = 5)]
    count: Option<u32>,
}

/// When a schedule comes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Preview {
    /// The timezone whose clock it follows.
    timezone: String,
    /// Whether it may come more than once.
    recurring: bool,
    /// The next ones, in order.
    occurrences: Vec<Occurrence>,
    /// How many there are from now on, if those are all of them.
    ends_after: Option<usize>,
}

/// A moment at which a schedule comes.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Occurrence {
    /// The moment.
    #[schema(value_type = String, format = DateTime)]
    utc: Moment,
    /// What the clock in the schedule's timezone shows then, as RFC 9557.
    #[schema(example = "2026-03-29T03:00:00+02:00[Europe/Berlin]")]
    local: String,
}

/// When a schedule would come from now on. Nothing is created. `paused` makes no difference.
#[utoipa::path(post, path = "/schedules/preview", tag = "jobs", security(("bearer" = [])),
    request_body = PreviewBody,
    responses((status = 200, body = Preview, description = "Its next occurrences"),
        (status = 400, description = "What is wrong with it", body = edge::problem::Document)))]
pub(crate) async fn preview(
    State(app): State<App>,
    _: ReadCaller,
    JsonFields { mut fields, raw }: JsonFields,
) -> Answer<Json<Preview>> {
    let now = app.ambient().now();
    if !fields.has("schedule") {
        let value = std::str::from_utf8(&raw).map_err(|_| "must be an object").and_then(read);
        let value = value.map_err(|told| vec![Fault::new("", told)])?;
        return Ok(Json(Preview::of(&Schedule::parse(&value, "", now)?, SHOWN.0, now)));
    }
    let schedule = Wanted::take(&mut fields).of_new(&mut fields, now, Duration::ZERO);
    let count = fields.number(&["count"]).unwrap_or(u64::try_from(SHOWN.0).unwrap_or(1));
    if !(1..=SHOWN.1).contains(&count) {
        fields.fault("/count", format!("must be from 1 to {}", SHOWN.1));
    }
    fields.finish()?;
    let Some(schedule) = schedule else { return Err(vec![Fault::new(PLACE, "must be an object")].into()) };
    Ok(Json(Preview::of(&schedule, usize::try_from(count).unwrap_or(SHOWN.0), now)))
}

impl Preview {
    /// The first `count` occurrences: as [`life::scheduled`] would have them come, one after another.
    fn of(schedule: &Schedule, count: usize, now: Moment) -> Self {
        let most = schedule.max_runs().and_then(|runs| usize::try_from(runs).ok()).unwrap_or(usize::MAX);
        let first = life::scheduled(schedule.clone(), 1, now).next;
        let mut all: Vec<Moment> = match first {
            Some(first) if schedule.is_recurring() => {
                schedule.upcoming(first, count.saturating_add(1).min(most))
            }
            first => first.into_iter().collect(),
        };
        let ends_after = (all.len() <= count).then_some(all.len());
        all.truncate(count);
        let occurrence = |utc: Moment| Occurrence { utc, local: schedule.local(utc) };
        Self {
            timezone: schedule.timezone().to_owned(),
            recurring: schedule.is_recurring(),
            occurrences: all.into_iter().map(occurrence).collect(),
            ends_after,
        }
    }
}

/// A schedule as JSON, if it is not too long or too deep to be one.
fn read(text: &str) -> Result<Value, &'static str> {
    if text.len() > LONGEST {
        return Err("is longer than 2048 bytes, which no schedule needs");
    }
    serde_json::from_str(text).ok().filter(Value::is_object).ok_or("must be an object")
}

/// Refuses a schedule that comes more often than the deployment allows. A few occurrences tell: a cron that comes
/// often at certain hours only is found out when they are near.
fn rare_enough(schedule: Schedule, now: Moment, least: Duration) -> Result<Schedule, Vec<Fault>> {
    let near = schedule.upcoming(now, LOOKED_AT);
    if near.windows(2).all(|two| two[1].since(two[0]) >= least) {
        return Ok(schedule);
    }
    let told = format!("comes more often than every {} seconds (SCHEDULE_MIN_SECONDS)", least.as_secs());
    Err(vec![Fault::new(format!("{PLACE}/recurrence"), told)])
}

/// Gives an object a member that it does not have, or has as `null`.
fn supply(value: &mut Value, name: &str, member: Option<impl Serialize>) {
    let member = member.and_then(|member| serde_json::to_value(member).ok());
    let (Some(members), Some(member)) = (value.as_object_mut(), member) else { return };
    if members.get(name).is_none_or(Value::is_null) {
        members.insert(name.to_owned(), member);
    }
}

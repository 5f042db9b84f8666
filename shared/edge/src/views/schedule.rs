//! The shape of a schedule, in requests and in answers alike: `domain::schedule::Schedule` reads and writes it.

use utoipa::ToSchema;

/// When a job runs by itself: once, or again and again.
#[derive(Clone, Copy, Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = Schedule, rename_all = "camelCase", example = json!({
    "type": "recurring",
    "startTime": "2026-03-01T00:00:00.000Z",
    "recurrence": {"cron": "30 2 * * *", "timezone": "Europe/Berlin", "maxRuns": 200},
    "missed": "run_once",
    "paused": false
}))]
pub struct ScheduleShape {
    /// `one-time`, or `recurring`, which it is if there is a `recurrence`.
    #[schema(rename = "type", value_type = Option<String>, pattern = "^(one-time|recurring)$")]
    kind: (),
    /// When it begins (RFC 3339), and for a one-time schedule when it comes: at once if that has passed.
    #[schema(value_type = Option<String>, format = DateTime)]
    start_time: (),
    /// The IANA timezone of a one-time schedule whose `startTime` has no offset.
    #[schema(value_type = Option<String>, format = "timezone", default = "UTC")]
    timezone: (),
    /// How it comes again.
    recurrence: Option<RecurrenceShape>,
    /// What becomes of occurrences that nothing could start in time: `run_once` starts one for all of them,
    /// `skip` none, `backfill` each, one after another.
    #[schema(value_type = Option<String>, default = "run_once", pattern = "^(run_once|skip|backfill)$")]
    missed: (),
    /// Whether it rests.
    #[schema(value_type = Option<bool>, default = false)]
    paused: (),
}

/// How a schedule comes again: by an interval or by a cron.
#[derive(Clone, Copy, Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[serde(deny_unknown_fields)]
#[schema(as = Recurrence, rename_all = "camelCase")]
pub struct RecurrenceShape {
    /// `minutely`, `hourly`, `daily`, `weekly`, `monthly`, `yearly`, or an ISO 8601 duration such as `PT90M`.
    #[schema(value_type = Option<String>,
        pattern = r"^(minutely|hourly|daily|weekly|monthly|yearly|P(?=[0-9T])(?=.*[1-9])([0-9]{1,3}Y)?([0-9]{1,3}M)?([0-9]{1,3}W)?([0-9]{1,3}D)?(T(?=[0-9])([0-9]{1,3}H)?([0-9]{1,3}M)?([0-9]{1,3}S)?)?)$")]
    interval: (),
    /// Five fields (minute, hour, day of month, month, day of week), or six with the second in front.
    #[schema(value_type = Option<String>, format = "cron", example = "30 2 * * *")]
    cron: (),
    /// The IANA timezone whose clock it follows.
    #[schema(value_type = Option<String>, format = "timezone", default = "UTC", example = "Europe/Berlin")]
    timezone: (),
    /// After it nothing runs.
    #[schema(value_type = Option<String>, format = DateTime)]
    end_time: (),
    /// How many occurrences start a run. Also read as `occurrences`.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u32)]
    max_runs: (),
}

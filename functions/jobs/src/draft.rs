//! A job as a request asks for it.

use domain::id::UserId;
use domain::input::Fields;
use domain::job::{LONGEST_TIMEOUT, Priority, Status, Timetable};
use domain::life;
use domain::payload::Payload;
use domain::webhook_url::HttpUrl;
use edge::{Answer, Caller, Problem};

use crate::members::{Members, check_task};
use crate::{App, owner};

/// How many attempts follow a run's first unless the request says otherwise.
const RETRIES: u32 = 3;

/// The version that a record begins with.
const FIRST_VERSION: u64 = 1;

/// A job that may be created.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) owner: UserId,
    pub(crate) task_name: String,
    pub(crate) task_type: String,
    pub(crate) payload: Payload,
    pub(crate) priority: Priority,
    pub(crate) max_retries: u32,
    pub(crate) timeout_seconds: u32,
    /// Of the first version of the record.
    pub(crate) timetable: Option<Timetable>,
    pub(crate) hook: Option<Hook>,
    pub(crate) run: bool,
}

/// Where it tells of its end.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) url: HttpUrl,
    /// As it was given, not sealed yet.
    pub(crate) secret: Option<String>,
}

impl App {
    /// Reads a job out of a body, or tells everything that is wrong with it.
    pub(crate) fn draft(&self, caller: &Caller, mut fields: Fields) -> Answer<Draft> {
        let named = fields.has("taskName") || fields.has("type");
        let hooked = fields.has("webhookUrl");
        let run = fields.flag(&["run"]).unwrap_or(false);
        let members = Members::take(&mut fields)?;
        if !named {
            fields.fault("/taskName", "is required, or else type");
        }
        if members.webhook_secret.is_some() && !hooked {
            fields.fault("/webhookSecret", "needs a webhookUrl beside it");
        }
        // Older clients send the status that a new job has anyway.
        let begins_as = if run { Status::Running } else { Status::Pending };
        if members.status.is_some_and(|status| status != begins_as) {
            fields.fault("/status", format!("a new job is {begins_as}; run: true starts it at once"));
        }
        let now = self.ambient().now();
        let schedule = members.schedule.of_new(&mut fields, now, self.config.least_interval);
        if run && schedule.as_ref().is_some_and(|schedule| !schedule.is_recurring()) {
            fields
                .fault("/run", "starts the job now, and its one-time schedule later: leave one of them out");
        }
        let task_type = members.task_type.unwrap_or_else(|| tasks::DEFAULT.to_owned());
        let (payload, name) = one_payload(&mut fields, members.payload, members.parameters);
        for fault in check_task(&task_type, &payload, name, self.config.refuse_unknown_types) {
            fields.fault(fault.pointer, fault.message);
        }
        fields.finish()?;
        Ok(Draft {
            owner: owner(caller, members.user, "/userId")?,
            task_name: members.task_name.unwrap_or_else(|| task_type.clone()),
            task_type,
            payload,
            priority: members.priority.unwrap_or_default(),
            max_retries: members.max_retries.unwrap_or(RETRIES),
            timeout_seconds: members.timeout_seconds.unwrap_or(LONGEST_TIMEOUT),
            timetable: schedule.map(|schedule| life::scheduled(schedule, FIRST_VERSION, now)),
            hook: members.webhook_url.map(|url| Hook { url, secret: members.webhook_secret }),
            run,
        })
    }
}

/// The one payload that a body has under two names, and the name it has there.
fn one_payload(
    fields: &mut Fields,
    payload: Option<Payload>,
    parameters: Option<Payload>,
) -> (Payload, &'static str) {
    match (payload, parameters) {
        (Some(payload), Some(parameters)) if payload != parameters => {
            fields.fault("/parameters", "is the payload's other name, and differs from it: send one of them");
            (payload, "payload")
        }
        (Some(payload), _) => (payload, "payload"),
        (None, Some(parameters)) => (parameters, "parameters"),
        (None, None) => (Payload::empty(), "payload"),
    }
}

/// A key under which a request is made once: 1 to 255 visible ASCII characters.
pub(crate) fn idempotency_key<'a>(place: &str, text: &'a [u8]) -> Answer<&'a str> {
    let fits = (1..=255).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(text).ok().filter(|_| fits);
    text.ok_or_else(|| Problem::at(place, "must have 1 to 255 visible ASCII characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        assert_eq!(idempotency_key("k", b"order-17").unwrap(), "order-17");
        assert!(idempotency_key("k", &[b'x'; 255]).is_ok());
        for wrong in [&b""[..], b"a b", b"\xff", b"\n", &[b'x'; 256]] {
            assert_eq!(idempotency_key("k", wrong).unwrap_err().faults()[0].pointer, "k");
        }
    }
}

//! The members of a job that a request may name, and what each may be.

use std::str::FromStr;

use domain::id::UserId;
use domain::input::{Fault, Fields};
use domain::job::{LONGEST_TIMEOUT, Priority, Status};
use domain::payload::{Payload, Refused};
use domain::signature::{SECRET_PREFIX, from_base64};
use domain::webhook_url::HttpUrl;
use edge::{Answer, Code, Problem};

use crate::schedules::Wanted;

/// How many attempts may follow a run's first.
pub(crate) const MOST_RETRIES: u64 = 25;

/// What a request says of a job. A member that it does not name is `None`.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) user: Option<UserId>,
    pub(crate) task_name: Option<String>,
    pub(crate) task_type: Option<String>,
    pub(crate) payload: Option<Payload>,
    /// The payload under its other name.
    pub(crate) parameters: Option<Payload>,
    pub(crate) priority: Option<Priority>,
    pub(crate) max_retries: Option<u32>,
    pub(crate) timeout_seconds: Option<u32>,
    pub(crate) schedule: Wanted,
    pub(crate) status: Option<Status>,
    pub(crate) webhook_url: Option<HttpUrl>,
    pub(crate) webhook_secret: Option<String>,
}

impl Members {
    /// Takes them out of a body. Faults are noted there, except that a payload over the limit is an answer of
    /// its own, a 413.
    pub(crate) fn take(fields: &mut Fields) -> Answer<Self> {
        Ok(Self {
            user: fields.parsed(&["userId"], UserId::from_str),
            task_name: fields.parsed(&["taskName"], task_name),
            task_type: fields.parsed(&["type"], task_type),
            payload: payload(fields, "payload")?,
            parameters: payload(fields, "parameters")?,
            priority: fields.parsed(&["priority"], Priority::from_str),
            max_retries: max_retries(fields),
            timeout_seconds: timeout_seconds(fields),
            schedule: Wanted::take(fields),
            status: fields.parsed(&["status"], Status::from_str),
            webhook_url: fields.parsed(&["webhookUrl"], HttpUrl::parse),
            webhook_secret: fields.parsed(&["webhookSecret"], webhook_secret),
        })
    }
}

/// What a task of this type cannot do with this payload, and a type that nobody knows where that counts.
pub(crate) fn check_task(
    task_type: &str,
    payload: &Payload,
    payload_name: &str,
    refuse_unknown: bool,
) -> Vec<Fault> {
    match tasks::find(task_type) {
        Some(known) => {
            let name = |fault: Fault| {
                let place = fault.pointer.replacen("/payload", &format!("/{payload_name}"), 1);
                Fault::new(place, fault.message)
            };
            (known.check)(&payload.value()).into_iter().map(name).collect()
        }
        None if refuse_unknown => {
            let known: Vec<_> = tasks::TYPES.iter().map(|known| known.name).collect();
            vec![Fault::new("/type", format!("must be one of {}", known.join(", ")))]
        }
        None => Vec::new(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Unfit {
    #[error("must have 1 to 255 characters that are not all blank, and no control characters")]
    TaskName,
    #[error("must have 1 to 64 characters out of a-z, 0-9, '.', '_' and '-'")]
    TaskType,
    #[error("must be whsec_ and 24 to 64 bytes in base64, or any text of 16 to 128 characters")]
    Secret,
}

fn task_name(text: &str) -> Result<String, Unfit> {
    let text = text.trim();
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(Unfit::TaskName) }
}

/// A type as it is stored and looked for: in lower case.
fn task_type(text: &str) -> Result<String, Unfit> {
    let text = text.trim().to_ascii_lowercase();
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(known);
    if fits { Ok(text) } else { Err(Unfit::TaskType) }
}

fn webhook_secret(text: &str) -> Result<String, Unfit> {
    let fits = match text.strip_prefix(SECRET_PREFIX) {
        Some(encoded) => from_base64(encoded).is_some_and(|key| (24..=64).contains(&key.len())),
        None => (16..=128).contains(&text.chars().count()) && !text.chars().any(char::is_control),
    };
    if fits { Ok(text.to_owned()) } else { Err(Unfit::Secret) }
}

fn max_retries(fields: &mut Fields) -> Option<u32> {
    let number = fields.number(&["maxRetries"])?;
    if number > MOST_RETRIES {
        fields.fault("/maxRetries", format!("must be at most {MOST_RETRIES}"));
    }
    u32::try_from(number).ok()
}

fn timeout_seconds(fields: &mut Fields) -> Option<u32> {
    let number = fields.number(&["timeoutSeconds"])?;
    if !(1..=u64::from(LONGEST_TIMEOUT)).contains(&number) {
        fields.fault("/timeoutSeconds", format!("must be from 1 to {LONGEST_TIMEOUT}"));
    }
    u32::try_from(number).ok()
}

fn payload(fields: &mut Fields, name: &str) -> Answer<Option<Payload>> {
    let Some((name, raw)) = fields.raw(&[name]) else { return Ok(None) };
    match Payload::new(&raw) {
        Ok(payload) => Ok(Some(payload)),
        Err(large @ Refused::TooLarge(_)) => {
            Err(Problem::at_with(Code::PayloadTooLarge, format!("/{name}"), large.to_string()))
        }
        Err(refused) => {
            fields.fault(format!("/{name}"), refused.to_string());
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_types() {
        assert_eq!(task_name(" nightly report ").as_deref(), Ok("nightly report"));
        assert!(task_name(&"é".repeat(255)).is_ok());
        for wrong in ["", "  ", "a\u{7}b", &"x".repeat(256)] {
            assert_eq!(task_name(wrong), Err(Unfit::TaskName), "{wrong:?}");
        }
        assert_eq!(task_type("HTTP").as_deref(), Ok("http"));
        for wrong in ["", "a b", "tâche", &"x".repeat(65)] {
            assert_eq!(task_type(wrong), Err(Unfit::TaskType), "{wrong:?}");
        }
    }

    #[test]
    fn secrets() {
        for good in ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "sixteen letters!", &"s".repeat(128)] {
            assert!(webhook_secret(good).is_ok(), "{good}");
        }
        for wrong in ["whsec_short", "whsec_AAAA", "fifteen letters", &"s".repeat(129), "tab\tab ab ab ab ab"]
        {
            assert_eq!(webhook_secret(wrong), Err(Unfit::Secret), "{wrong}");
        }
    }
}

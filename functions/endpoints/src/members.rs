//! The members of an endpoint that a request may name, and what each may be.

use courier::Header;
use domain::endpoint::{Events, FASTEST_RATE, LONGEST_STEP, MOST_STEPS, RefusedEvents};
use domain::input::Fields;
use domain::signature::{SECRET_PREFIX, from_base64};
use domain::steps::Steps;
use domain::webhook_url::HttpUrl;
use egress::AddressGuard;
use url::Url;

use crate::headers;

/// How long a description may be, in characters.
const LONGEST_DESCRIPTION: usize = 255;

/// What a request says of an endpoint. A member that it does not name is `None`.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) url: Option<HttpUrl>,
    pub(crate) events: Option<Events>,
    pub(crate) description: Option<String>,
    pub(crate) enabled: Option<bool>,
    pub(crate) steps: Option<Steps>,
    pub(crate) rate: Option<u32>,
    pub(crate) headers: Option<Vec<Header>>,
}

impl Members {
    /// Takes them out of a body. Faults are noted there.
    pub(crate) fn take(fields: &mut Fields, guard: &AddressGuard) -> Self {
        Self {
            url: fields.parsed(&["url"], |text| address(text, guard)),
            events: events(fields),
            description: fields.parsed(&["description"], description),
            enabled: fields.flag(&["enabled"]),
            steps: fields.parsed(&["retrySchedule"], steps),
            rate: rate(fields),
            headers: headers::take(fields),
        }
    }
}

/// Takes a secret of the standard's form.
pub(crate) fn secret(text: &str) -> Result<String, &'static str> {
    let key = text.strip_prefix(SECRET_PREFIX).and_then(from_base64);
    if key.is_some_and(|key| (24..=64).contains(&key.len())) {
        return Ok(text.to_owned());
    }
    Err("must be whsec_ and 24 to 64 bytes in base64")
}

/// A URL that may be called, as far as that can be told before its host is looked up.
fn address(text: &str, guard: &AddressGuard) -> Result<HttpUrl, String> {
    let url = HttpUrl::parse(text).map_err(|refused| refused.to_string())?;
    let parsed = Url::parse(url.as_str()).map_err(|error| error.to_string())?;
    guard.check_url(&parsed).map_err(|refused| refused.to_string())?;
    Ok(url)
}

fn events(fields: &mut Fields) -> Option<Events> {
    let (_, raw) = fields.raw(&["events"])?;
    let Ok(names) = serde_json::from_str::<Vec<String>>(raw.get()) else {
        fields.fault("/events", "must be a list of texts");
        return None;
    };
    match Events::read(&names) {
        Ok(events) => Some(events),
        Err(refused) => {
            let place = match refused {
                RefusedEvents::Unknown(place) => format!("/events/{place}"),
                RefusedEvents::Empty => "/events".to_owned(),
            };
            fields.fault(place, refused.to_string());
            None
        }
    }
}

fn description(text: &str) -> Result<String, String> {
    let text = text.trim();
    let fits = text.chars().count() <= LONGEST_DESCRIPTION && !text.chars().any(char::is_control);
    if fits {
        return Ok(text.to_owned());
    }
    Err(format!("must have at most {LONGEST_DESCRIPTION} characters, and no control characters"))
}

fn steps(text: &str) -> Result<Steps, String> {
    let steps: Steps = text.parse().map_err(|refused: domain::steps::NotSteps| refused.to_string())?;
    if steps.waits().len() > MOST_STEPS {
        return Err(format!("must have at most {MOST_STEPS} waits"));
    }
    if steps.waits().iter().any(|wait| *wait > LONGEST_STEP) {
        return Err(format!("must have no wait longer than {} hours", LONGEST_STEP.as_secs() / 3_600));
    }
    Ok(steps)
}

fn rate(fields: &mut Fields) -> Option<u32> {
    let number = fields.number(&["ratePerSecond"])?;
    if !(1..=u64::from(FASTEST_RATE)).contains(&number) {
        fields.fault("/ratePerSecond", format!("must be from 1 to {FASTEST_RATE}"));
    }
    u32::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_of_the_standards_form() {
        assert!(secret("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD").is_ok());
        for wrong in
            ["", "whsec_", "whsec_AAAA", "C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "a text of 24 letters or more"]
        {
            assert!(secret(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_schedule_has_so_many_waits_and_no_longer_ones() {
        for good in ["none", "1s", "24h", &vec!["1s"; MOST_STEPS].join(",")] {
            assert!(steps(good).is_ok(), "{good}");
        }
        for wrong in ["", "soon", "25h", "86400001ms", &vec!["1s"; MOST_STEPS + 1].join(",")] {
            assert!(steps(wrong).is_err(), "{wrong}");
        }
    }
}

//! The sample events, and what is expected of them.

use std::collections::BTreeMap;
use std::fs;

use serde::Deserialize;
use serde_json::Value;

use crate::shell::{Failure, root};

/// `events/expected.json`, and the real values that stand in for its placeholders.
#[derive(Deserialize)]
pub(super) struct Events {
    placeholders: BTreeMap<String, String>,
    cases: BTreeMap<String, Case>,
    #[serde(skip)]
    real: BTreeMap<String, String>,
}

/// What must come of one case.
#[derive(Deserialize)]
struct Case {
    status: Option<u64>,
    fails: Option<Vec<String>>,
    sends: Option<u64>,
}

impl Events {
    /// Reads what is expected.
    pub(super) fn read() -> Result<Self, Failure> {
        let name = "events/expected.json";
        let text = fs::read_to_string(root().join(name)).map_err(Failure::while_(name))?;
        serde_json::from_str(&text).map_err(Failure::while_(name))
    }

    /// From now on this placeholder stands for that.
    pub(super) fn put(&mut self, placeholder: &str, real: impl Into<String>) {
        if let Some(text) = self.placeholders.get(placeholder) {
            self.real.insert(text.clone(), real.into());
        }
    }

    /// An event by its file's name, such as `jobs/list.v1` or `worker/run`.
    pub(super) fn event(&self, name: &str) -> Result<Value, Failure> {
        let name = format!("events/{name}.json");
        let mut text = fs::read_to_string(root().join(&name)).map_err(Failure::while_(&name))?;
        for (placeholder, real) in &self.real {
            text = text.replace(placeholder, real);
        }
        serde_json::from_str(&text).map_err(Failure::while_(&name))
    }

    /// Holds an answer to what is expected of the event's case.
    pub(super) fn check(&self, name: &str, answer: &Value) -> Result<(), Failure> {
        let case = name.trim_end_matches(".v1").trim_end_matches(".v2");
        let case =
            self.cases.get(case).ok_or_else(|| Failure::new(format!("{case}: nothing is expected")))?;
        match fault(case, answer) {
            None => Ok(()),
            Some(fault) => Err(Failure::new(format!("{name}: {fault}: {answer}"))),
        }
    }
}

fn fault(case: &Case, answer: &Value) -> Option<String> {
    if let Some(status) = case.status {
        let is = answer["statusCode"].as_u64();
        return (is != Some(status)).then(|| format!("expected status {status}"));
    }
    let Some(fails) = &case.fails else {
        let is = answer["sent"].as_u64();
        return (is.is_none() || is != case.sends).then(|| format!("expected {:?} to be sent", case.sends));
    };
    let mut wanted: Vec<&str> = fails.iter().map(String::as_str).collect();
    let Some(failures) = answer["batchItemFailures"].as_array() else {
        return Some("expected a list of failures".to_owned());
    };
    let mut failed: Vec<&str> = failures.iter().filter_map(|one| one["itemIdentifier"].as_str()).collect();
    wanted.sort_unstable();
    failed.sort_unstable();
    (failed != wanted).then(|| format!("expected to fail: {wanted:?}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_expected_case_has_its_events_and_every_event_is_expected() {
        let events = Events::read().unwrap();
        for (name, case) in &events.cases {
            let kinds = [case.status.is_some(), case.fails.is_some(), name.starts_with("scheduler/")];
            assert_eq!(kinds.iter().filter(|is| **is).count(), 1, "{name}");
            let versions: &[&str] = if case.status.is_some() { &[".v1", ".v2"] } else { &[""] };
            for version in versions {
                assert!(events.event(&format!("{name}{version}")).is_ok(), "{name}{version}");
            }
        }
        let expected: usize =
            events.cases.values().map(|case| if case.status.is_some() { 2 } else { 1 }).sum();
        let folders = fs::read_dir(root().join("events")).unwrap().filter_map(Result::ok);
        let files = folders
            .filter(|entry| entry.path().is_dir())
            .map(|entry| fs::read_dir(entry.path()).unwrap().count());
        assert_eq!(files.sum::<usize>(), expected);
    }

    #[test]
    fn an_answer_that_differs_is_a_fault() {
        let http = Case { status: Some(201), fails: None, sends: None };
        assert_eq!(fault(&http, &json!({ "statusCode": 201 })), None);
        assert!(fault(&http, &json!({ "statusCode": 500 })).is_some());
        assert!(fault(&http, &json!({ "errorMessage": "died" })).is_some());
        let fails = Some(vec!["b".to_owned(), "a".to_owned()]);
        let batch = Case { status: None, fails, sends: None };
        let answer = |ids: &[&str]| {
            let all: Vec<Value> = ids.iter().map(|id| json!({ "itemIdentifier": id })).collect();
            json!({ "batchItemFailures": all })
        };
        assert_eq!(fault(&batch, &answer(&["a", "b"])), None);
        assert!(fault(&batch, &answer(&["a"])).is_some());
        assert!(fault(&batch, &json!({ "errorMessage": "died" })).is_some());
        let tick = Case { status: None, fails: None, sends: Some(1) };
        assert_eq!(fault(&tick, &json!({ "sent": 1 })), None);
        assert!(fault(&tick, &json!({ "sent": 0 })).is_some());
        assert!(fault(&tick, &json!({ "errorMessage": "died" })).is_some());
    }

    #[test]
    fn placeholders_are_replaced() {
        let mut events = Events::read().unwrap();
        events.put("token", "secret-token");
        let event = events.event("auth/profile.v2").unwrap();
        assert_eq!(event["headers"]["authorization"], "Bearer secret-token");
    }
}

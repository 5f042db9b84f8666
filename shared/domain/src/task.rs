//! The task types that are known by name, as far as creating a job must know them.
//!
//! What a task does when it runs stands in the worker's `tasks` folder, one file a type. Here stands what must
//! be known before: its name, what is wrong with a payload, and how long its run message is held back.

use std::time::Duration;

use serde_json::Value;

use crate::input::Fault;
use crate::webhook_url::HttpUrl;

/// The type of a job that names none, and of one whose type nobody knows.
pub const DEFAULT: &str = "simulate";

/// A task type by name.
pub struct TaskType {
    /// As it stands in a job's `type`.
    pub name: &'static str,
    /// What is wrong with a payload, each fault with its place.
    pub check: fn(&Value) -> Vec<Fault>,
    /// Whether the run message is held back for the simulated length of the task.
    pub simulated: bool,
}

/// All of them.
pub const TYPES: &[TaskType] = &[
    TaskType { name: DEFAULT, check: |_| Vec::new(), simulated: true },
    TaskType { name: "http", check: check_http, simulated: false },
];

/// The type of that name.
pub fn find(name: &str) -> Option<&'static TaskType> {
    TYPES.iter().find(|known| known.name == name)
}

/// How long a run message of this type waits in its queue: the simulated task takes its time there and not in
/// a worker that is paid by the millisecond.
pub fn start_delay(name: &str, simulated: Duration) -> Duration {
    if find(name).is_none_or(|known| known.simulated) { simulated } else { Duration::ZERO }
}

fn check_http(payload: &Value) -> Vec<Fault> {
    let mut faults = Vec::new();
    match payload.get("url").and_then(Value::as_str) {
        None => faults.push(Fault::new("/payload/url", "an http task needs the url to call, as text")),
        Some(url) => {
            if let Err(refused) = HttpUrl::parse(url) {
                faults.push(Fault::new("/payload/url", refused.to_string()));
            }
        }
    }
    if let Some(method) = payload.get("method") {
        const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
        let known = method.as_str().is_some_and(|m| METHODS.contains(&m.to_ascii_uppercase().as_str()));
        if !known {
            faults.push(Fault::new("/payload/method", "must be one of GET, HEAD, POST, PUT, PATCH, DELETE"));
        }
    }
    if let Some(headers) = payload.get("headers") {
        let flat = headers.as_object().is_some_and(|map| map.values().all(Value::is_string));
        if !flat {
            faults.push(Fault::new("/payload/headers", "must be an object whose values are texts"));
        }
    }
    if let Some(expected) = payload.get("expectedStatus")
        && !expected.as_u64().is_some_and(|status| (100..600).contains(&status))
    {
        faults.push(Fault::new("/payload/expectedStatus", "must be an HTTP status from 100 to 599"));
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_http_task_needs_a_url_it_can_call() {
        let faults = |payload: Value| (find("http").unwrap().check)(&payload);
        assert!(
            faults(json!({"url": "https://example.com/x", "method": "post", "headers": {"a": "b"}}))
                .is_empty()
        );
        let all =
            faults(json!({"url": "ftp://x", "method": "BREW", "headers": {"a": 1}, "expectedStatus": 9}));
        let places: Vec<_> = all.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(
            places,
            ["/payload/url", "/payload/method", "/payload/headers", "/payload/expectedStatus"]
        );
        assert_eq!(faults(json!("text"))[0].pointer, "/payload/url");
    }

    #[test]
    fn only_simulated_work_waits_in_the_queue() {
        let three = Duration::from_secs(3);
        assert_eq!(start_delay("simulate", three), three);
        assert_eq!(start_delay("something unheard of", three), three);
        assert_eq!(start_delay("http", three), Duration::ZERO);
    }
}

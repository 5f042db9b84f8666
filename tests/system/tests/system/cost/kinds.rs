//! Jobs of each kind, from their creation to the end of all that follows.

use std::time::Duration;

use serde_json::{Value, json};

use super::cloud::{Book, Cloud};

/// A batch as large as an event source takes it.
pub(super) const FULL: usize = 10;
/// So long before an occurrence that the tick and not who wrote it announces it.
const AHEAD: Duration = Duration::from_secs(600);

/// What a client sends.
fn body(cloud: &Cloud, own: &Value) -> Value {
    let mut body = json!({
        "taskName": "send welcome mail",
        "priority": "high",
        "payload": {"to": "bob@example.com", "template": "welcome", "locale": "en"},
        "webhookUrl": format!("{}/hooks/nightjar", cloud.sink.base),
    });
    body.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
    body
}

/// Created with `run`, one by one; each tells one webhook.
pub(super) async fn one_by_one(cloud: &Cloud, jobs: usize, batch: usize) -> Book {
    measure(cloud, jobs, async |count| {
        for _ in 0..count / FULL {
            for _ in 0..FULL {
                cloud.call("jobs", "POST", "/jobs", &body(cloud, &json!({"run": true}))).await;
            }
            cloud.work_off(batch).await;
        }
    })
    .await
}

/// The same, up to a hundred a request.
pub(super) async fn at_once(cloud: &Cloud, jobs: usize) -> Book {
    measure(cloud, jobs, async |count| {
        let all = vec![body(cloud, &json!({"run": true})); count];
        cloud.call("jobs", "POST", "/jobs/batch", &json!({"jobs": all})).await;
        cloud.work_off(FULL).await;
    })
    .await
}

/// Created, and run by a second request.
pub(super) async fn by_hand(cloud: &Cloud, jobs: usize) -> Book {
    measure(cloud, jobs, async |count| {
        for _ in 0..count / FULL {
            for _ in 0..FULL {
                let made = cloud.call("jobs", "POST", "/jobs", &body(cloud, &json!({}))).await;
                let path = format!("/jobs/{}/run", made["jobId"].as_str().unwrap());
                cloud.call("run", "POST", &path, &Value::Null).await;
            }
            cloud.work_off(FULL).await;
        }
    })
    .await
}

/// Created for a moment, at which each calls a URL, and tells one webhook of it.
pub(super) async fn scheduled(cloud: &Cloud, jobs: usize) -> Book {
    measure(cloud, jobs, async |count| {
        let start = cloud.bed.now().plus(AHEAD).to_string();
        for _ in 0..count {
            let schedule = json!({"type": "one-time", "startTime": start});
            cloud.call("jobs", "POST", "/jobs", &body(cloud, &calling(cloud, &schedule))).await;
        }
        cloud.pass(AHEAD - Duration::from_secs(120));
        cloud.tick().await;
        cloud.work_off(FULL).await;
    })
    .await
}

/// One occurrence of recurring jobs that call a URL and tell one webhook. What it costs to create them is not in it.
pub(super) async fn recurring(cloud: &Cloud, jobs: usize) -> Book {
    let first = cloud.bed.now().plus(AHEAD).to_string();
    for _ in 0..jobs {
        let recurrence = json!({"interval": "PT10M", "maxRuns": 2});
        let schedule = json!({"type": "recurring", "startTime": first, "recurrence": recurrence});
        cloud.call("jobs", "POST", "/jobs", &body(cloud, &calling(cloud, &schedule))).await;
    }
    let occurrence = async || {
        cloud.pass(AHEAD - Duration::from_secs(120));
        cloud.tick().await;
        cloud.work_off(FULL).await;
    };
    // The second one puts the run of the first aside, as all after it do.
    occurrence().await;
    cloud.begin();
    occurrence().await;
    cloud.finish()
}

/// Created with `run`; three attempts fail and the fourth does not.
pub(super) async fn with_retries(cloud: &Cloud, jobs: usize) -> Book {
    measure(cloud, jobs, async |count| {
        for _ in 0..count / FULL {
            for _ in 0..FULL {
                let own = json!({"run": true, "payload": {"failTimes": 3}});
                cloud.call("jobs", "POST", "/jobs", &body(cloud, &own)).await;
            }
            cloud.work_off(FULL).await;
        }
    })
    .await
}

fn calling(cloud: &Cloud, schedule: &Value) -> Value {
    json!({"type": "http", "payload": {"url": format!("{}/called", cloud.sink.base)}, "schedule": schedule})
}

/// Some first, so that instances are warm and the receiver is known, and then those that are counted.
async fn measure(cloud: &Cloud, jobs: usize, make: impl AsyncFn(usize)) -> Book {
    make(FULL).await;
    cloud.begin();
    make(jobs).await;
    cloud.finish()
}

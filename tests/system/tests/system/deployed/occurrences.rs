//! Jobs that come by themselves.

use std::time::Duration;

use boot::clock::SystemClock;
use domain::time::{Clock, Moment};
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::{Api, until};

async fn runs(api: &Api, token: &str, job: &str) -> Vec<Value> {
    let answer = api.get(&format!("/jobs/{job}/runs"), token).await;
    answer.json["runs"].as_array().cloned().unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_occurrence_runs_once_and_none_early() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let first = SystemClock.now().plus(Duration::from_secs(3));
    let schedule = json!({ "startTime": first, "recurrence": { "interval": "PT4S", "maxRuns": 3 } });
    let job = api.job(&token, json!({ "taskName": "again", "priority": "high", "schedule": schedule })).await;
    api.until_status(&token, &job, "completed").await;
    let mut runs = runs(api, &token, &job).await;
    runs.sort_by_key(|run| run["scheduledFor"].as_str().unwrap().to_owned());
    assert_eq!(runs.len(), 3, "{runs:?}");
    for (number, run) in runs.iter().enumerate() {
        let moment = |member: &str| Moment::parse(run[member].as_str().unwrap()).unwrap();
        assert_eq!(moment("scheduledFor"), first.plus(Duration::from_secs(4 * number as u64)), "{run}");
        assert!(moment("startedAt") >= moment("scheduledFor"), "early: {run}");
        assert_eq!(run["outcome"], "completed", "{run}");
    }
}

/// It is due later than anybody but the tick looks ahead when it is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tick_announces_what_nobody_else_does() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let due = SystemClock.now().plus(Duration::from_secs(185));
    let made = json!({ "taskName": "later", "schedule": { "startTime": due } });
    let job = api.job(&token, made).await;
    let (path, end) = (format!("/jobs/{job}"), due.plus(Duration::from_secs(60)));
    // Three ticks come until then.
    let ended = loop {
        let read = api.get(&path, &token).await.json;
        if read["status"] == "completed" {
            break read;
        }
        assert!(SystemClock.now() < end, "it did not start: {read}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let started = Moment::parse(ended["startedAt"].as_str().unwrap()).unwrap();
    assert!(started >= due && started.since(due) < Duration::from_secs(10), "{ended}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schedule_rests_and_goes_on() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let schedule = json!({ "recurrence": { "interval": "PT3S" }, "missed": "skip" });
    let job = api.job(&token, json!({ "taskName": "again", "schedule": schedule })).await;
    until("it has run", || async { (!runs(api, &token, &job).await.is_empty()).then_some(()) }).await;
    let path = format!("/jobs/{job}");
    let rests = api.post(&format!("{path}/pause"), &token, Value::Null).await;
    assert_eq!((rests.status.as_u16(), &rests.json["nextRunAt"]), (200, &Value::Null), "{rests:?}");
    until("nothing of it is on", || async {
        (api.get(&path, &token).await.json["status"] == "pending").then_some(())
    })
    .await;
    let so_far = runs(api, &token, &job).await.len();
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(runs(api, &token, &job).await.len(), so_far, "it rests");
    let goes_on = api.post(&format!("{path}/resume"), &token, Value::Null).await;
    assert!(goes_on.json["nextRunAt"].is_string(), "{goes_on:?}");
    until("it runs again", || async { (runs(api, &token, &job).await.len() > so_far).then_some(()) }).await;
    let over = api.post(&format!("{path}/cancel"), &token, Value::Null).await;
    assert_eq!(over.json["status"], "cancelled", "{over:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_is_sent() {
    let deployment = Deployment::new().await;
    let api = &deployment.api;
    let token = api.person("ada").await.token;
    let mail = json!({ "to": "bob@example.com", "subject": "the rows", "body": "10 rows" });
    let job = api.job(&token, json!({ "type": "email", "payload": mail, "run": true })).await;
    let ended = api.until_status(&token, &job, "completed").await;
    assert!(ended["lastError"].is_null(), "{ended}");
}

//! What is too much at once, and how it is refused.

use http::StatusCode;
use serde_json::{Value, json};

use crate::house::until;
use crate::process::Process;
use crate::sink::Sink;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_more_than_is_left_is_refused_with_how_many_are() {
    let vars = [("SIMULATED_TASK_MS", "0"), ("RATE_LIMIT_MAX", "3")];
    let process = Process::start(&["--ephemeral"], &vars);
    let token = process.api.person("ada").await.token;
    let many = |count: usize| json!({ "jobs": vec![json!({ "taskName": "a", "run": true }); count] });
    let refused = process.api.post("/jobs/batch", &token, many(5)).await;
    assert_eq!(refused.status, 207, "{refused:?}");
    let results = refused.json["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert!(statuses.iter().all(|status| [201, 429].contains(status)), "{refused:?}");
    let begun = statuses.iter().filter(|status| **status == 201).count();
    assert!(begun <= 3, "{statuses:?}");
    let left = process.api.post("/jobs/batch", &token, many(3 - begun)).await;
    assert!([207, 400].contains(&left.status.as_u16()), "{left:?}");
    assert!(!left.json.to_string().contains("429"), "what is left may be used: {left:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_to_be_sent_again_than_is_left_is_refused_as_a_whole() {
    let sink = Sink::new(|_| StatusCode::OK).await;
    let vars = [("SIMULATED_TASK_MS", "0"), ("REDELIVER_RATE_MAX", "1")];
    let process = Process::start(&["--ephemeral"], &vars);
    let api = &process.api;
    let token = api.person("ada").await.token;
    for _ in 0..2 {
        let job = json!({ "taskName": "a", "webhookUrl": sink.base, "run": true });
        let job = api.job(&token, job).await;
        api.until_delivery(&token, &job, |row| row["state"] == "delivered").await;
    }
    let again = json!({ "since": "2020-01-01T00:00:00Z", "state": "delivered" });
    until("both are listed", || async {
        let mut dry = again.clone();
        dry["dryRun"] = json!(true);
        (api.post("/deliveries/redeliver", &token, dry).await.json["matched"] == 2).then_some(())
    })
    .await;
    let refused = api.post("/deliveries/redeliver", &token, again).await;
    refused.problem(429, "two of one");
    assert_eq!(sink.arrivals().len(), 2);
}

/// What was switched off by hand goes on with a clean slate.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_is_switched_on_again_begins_anew() {
    let process = Process::start(&["--ephemeral"], &[("SIMULATED_TASK_MS", "0")]);
    let api = &process.api;
    let token = api.person("ada").await.token;
    let made = api.post("/webhooks", &token, json!({ "url": format!("{}/webhook-test", api.base) })).await;
    let path = format!("/webhooks/{}", made.text("id"));
    for enabled in [false, true] {
        let changed = api.call(http::Method::PATCH, &path, &token, &json!({ "enabled": enabled })).await;
        assert_eq!(
            (changed.status.as_u16(), &changed.json["enabled"]),
            (200, &json!(enabled)),
            "{changed:?}"
        );
    }
    let read = api.get(&path, &token).await;
    assert_eq!(read.json["failingSince"], Value::Null, "{read:?}");
}

//! What an API key may do with jobs.

use std::time::Duration;

use domain::api_key::Scope;
use domain::job::{Priority, Status};
use serde_json::{Value, json};

use crate::house::{Guest, House};

async fn keyed(house: &House, ada: &Guest, scopes: &[Scope]) -> Guest {
    Guest { token: testkit::api_key(&house.bed, ada.id, scopes).await, ..ada.clone() }
}

fn lacks(reply: &crate::house::Reply, scope: &str) {
    let told = (reply.status.as_u16(), reply.text("detail").to_owned());
    assert_eq!(told, (403, format!("the API key lacks the scope {scope}")));
}

#[tokio::test]
async fn each_scope_opens_its_own_and_nothing_else() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let reads = keyed(&house, &ada, &[Scope::Read]).await;
    let writes = keyed(&house, &ada, &[Scope::Write]).await;
    let runs = keyed(&house, &ada, &[Scope::Run]).await;
    let id = house.created(&writes, json!({"taskName": "one"})).await;
    let path = format!("/jobs/{id}");
    for path in [path.as_str(), "/jobs", "/deliveries"] {
        assert_eq!(house.get(&reads, path).await.status, 200, "{path}");
        lacks(&house.get(&writes, path).await, "read");
        lacks(&house.get(&runs, path).await, "read");
    }
    for guest in [&reads, &runs] {
        lacks(&house.post(guest, "/jobs", json!({"taskName": "two"})).await, "write");
        lacks(&house.patch(guest, &id, json!({"taskName": "two"})).await, "write");
        lacks(&house.ask(guest, "DELETE", &path, &[], "").await, "write");
    }
    assert_eq!(house.patch(&writes, &id, json!({"taskName": "two"})).await.status, 200);
    assert_eq!(house.get(&ada, &path).await.text("taskName"), "two");
    assert_eq!(house.ask(&writes, "DELETE", &path, &[], "").await.status, 200);
}

#[tokio::test]
async fn to_create_a_job_that_runs_takes_both() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let writes = keyed(&house, &ada, &[Scope::Write]).await;
    let both = keyed(&house, &ada, &[Scope::Write, Scope::Run]).await;
    let body = json!({"taskName": "one", "run": true});
    lacks(&house.post(&writes, "/jobs", body.clone()).await, "run");
    lacks(&house.post(&writes, "/create-job", body.clone()).await, "run");
    let batch = json!({"jobs": [body, {"taskName": "two"}]});
    let reply = house.post(&writes, "/jobs/batch", batch.clone()).await;
    let statuses: Vec<_> =
        reply.body["results"].as_array().unwrap().iter().map(|one| &one["status"]).collect();
    assert_eq!(statuses, [403, 201]);
    assert_eq!(house.post(&both, "/jobs", body.clone()).await.status, 201);
    let reply = house.post(&both, "/jobs/batch", batch).await;
    assert_eq!(reply.body["created"], 2);
    // What was refused has left nothing.
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 4);
}

fn past() -> Value {
    json!({"startTime": "2020-01-01T00:00:00Z"})
}

#[tokio::test]
async fn to_give_a_job_a_schedule_or_to_move_it_takes_run_too() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let writes = keyed(&house, &ada, &[Scope::Read, Scope::Write]).await;
    let both = keyed(&house, &ada, &[Scope::Write, Scope::Run]).await;
    let hourly = json!({"recurrence": {"interval": "hourly"}});
    let mut rests = past();
    rests["paused"] = json!(true);
    for schedule in [past(), hourly.clone(), rests.clone(), json!({"startTime": "2030-01-01T00:00:00Z"})] {
        let body = json!({"taskName": "x", "schedule": schedule});
        lacks(&house.post(&writes, "/jobs", body.clone()).await, "run");
        let batch = house.post(&writes, "/jobs/batch", json!({"jobs": [body]})).await;
        assert_eq!(batch.body["results"][0]["status"], 403);
    }
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0, "nothing was created");

    let ended = house.put(&ada, Status::Failed, Priority::Low, "ended", "{}").await.id.to_string();
    lacks(&house.patch(&writes, &ended, json!({"schedule": past()})).await, "run");
    let asleep = house.created(&both, json!({"taskName": "x", "schedule": rests})).await;
    let awake = house.created(&both, json!({"taskName": "x", "schedule": hourly})).await;
    for (id, change) in [
        (&asleep, json!({"paused": false, "startTime": "2020-01-01T00:00:00Z"})),
        (&asleep, json!({"startTime": "2031-01-01T00:00:00Z"})),
        (&awake, json!({"paused": true, "recurrence": {"interval": "hourly"}})),
        (&awake, json!({"recurrence": {"interval": "minutely"}})),
        (&awake, Value::Null),
    ] {
        let before = house.get(&ada, &format!("/jobs/{id}")).await.body;
        lacks(&house.patch(&writes, id, json!({"schedule": change})).await, "run");
        assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.body, before, "{change}");
    }
    // What was read may be sent back, and everything else be changed.
    let mut read = house.get(&writes, &format!("/jobs/{awake}")).await.body;
    read["taskName"] = json!("y");
    let path = format!("/jobs/{awake}");
    assert_eq!(house.ask(&writes, "PUT", &path, &[], read.to_string()).await.status, 200);
    let quiet = json!({"schedule": {"paused": true, "recurrence": {"interval": "hourly"}}});
    assert_eq!(house.patch(&both, &awake, quiet).await.status, 200);
    assert_eq!(house.get(&ada, &path).await.body["schedule"]["paused"], true);
}

#[tokio::test]
async fn what_a_schedule_starts_at_once_counts_against_the_run_limit() {
    let house = House::with(&[("RATE_LIMIT_MAX", "3"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let ada = house.guest("ada").await;
    let job = |schedule: Value| json!({"taskName": "x", "schedule": schedule});
    // Neither what comes later nor what rests is a run.
    let mut rests = past();
    rests["paused"] = json!(true);
    let asleep = house.created(&ada, job(rests)).await;
    let later = house.created(&ada, job(json!({"startTime": "2030-01-01T00:00:00Z"}))).await;
    let ended = house.put(&ada, Status::Failed, Priority::Low, "ended", "{}").await.id.to_string();
    let batch = json!({"jobs": vec![job(past()); 10]});
    let reply = house.post(&ada, "/jobs/batch", batch).await;
    assert_eq!((&reply.body["created"], &reply.body["failed"]), (&json!(3), &json!(7)));
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 6);
    let mut wakes = past();
    wakes["paused"] = json!(false);
    let moves = [(&asleep, wakes), (&later, past()), (&ended, past())];
    for (id, schedule) in &moves {
        let before = house.get(&ada, &format!("/jobs/{id}")).await.body;
        let refused = house.patch(&ada, id, json!({"schedule": schedule})).await;
        assert_eq!(refused.status, 429, "{}", refused.body);
        assert!(refused.headers.contains_key("retry-after"));
        assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.body, before);
    }
    assert_eq!(house.post(&ada, "/jobs", json!({"taskName": "x", "run": true})).await.status, 429);
    assert_eq!(
        house.patch(&ada, &later, json!({"schedule": {"startTime": "2031-01-01T00:00:00Z"}})).await.status,
        200
    );
    house.bed.advance(Duration::from_secs(61));
    for (id, schedule) in &moves {
        assert_eq!(house.patch(&ada, id, json!({"schedule": schedule})).await.status, 200);
    }
    assert_eq!(house.post(&ada, "/jobs", job(past())).await.status, 429);
}

#[tokio::test]
async fn a_key_that_may_not_read_is_answered_a_receipt() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let writes = keyed(&house, &ada, &[Scope::Write, Scope::Run]).await;
    let sees = keyed(&house, &ada, &[Scope::Read, Scope::Write]).await;
    let body = json!({"taskName": "secret", "payload": "secret", "webhookUrl": "https://example.com/secret"});
    let receipt = |told: &Value| {
        let names: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(!told.to_string().contains("secret"), "{told}");
        assert_eq!(told["id"], told["jobId"]);
        names.into_iter().filter(|name| *name != "message").map(str::to_owned).collect::<Vec<_>>()
    };
    let all = ["id", "jobId", "status", "version"];
    let key = [("Idempotency-Key", "k")];
    let made = house.ask(&writes, "POST", "/jobs", &key, body.to_string()).await;
    assert_eq!((receipt(&made.body), made.text("status")), (all.map(str::to_owned).into(), "pending"));
    let again = house.ask(&writes, "POST", "/jobs", &key, body.to_string()).await;
    assert_eq!((again.headers["idempotent-replayed"].to_str().unwrap(), &again.body), ("true", &made.body));
    let id = made.text("jobId").to_owned();
    for change in [json!({}), json!({"maxRetries": 1})] {
        for method in ["PUT", "PATCH"] {
            let changed = house.ask(&writes, method, &format!("/jobs/{id}"), &[], change.to_string()).await;
            assert_eq!(
                (changed.status.as_u16(), receipt(&changed.body)),
                (200, all.map(str::to_owned).into())
            );
            assert_eq!(changed.headers["etag"], format!("\"{}\"", changed.body["version"]));
        }
    }
    let batch = house.post(&writes, "/jobs/batch", json!({"jobs": [body]})).await;
    assert_eq!(receipt(&batch.body["results"][0]["job"]), all);
    for guest in [&ada, &sees] {
        let whole = house.patch(guest, &id, json!({})).await.body;
        assert_eq!((&whole["payload"], &whole["taskName"]), (&json!("secret"), &json!("secret")));
    }
}

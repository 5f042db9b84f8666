//! What an API key may do with jobs.

use domain::api_key::Scope;
use serde_json::json;

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

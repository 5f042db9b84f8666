//! Creating jobs.

use domain::user::Role;
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn a_job_is_answered_whole_and_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for path in ["/jobs", "/create-job", "/api/jobs", "/api/create-job/"] {
        let made = house.post(&ada, path, json!({"taskName": " report ", "payload": {"rows": 1.50}})).await;
        assert_eq!(made.status, 201, "{}", made.body);
        let id = made.text("jobId").to_owned();
        assert_eq!(made.headers["location"], format!("/jobs/{id}"));
        assert_eq!(made.headers["etag"], "\"1\"");
        assert_eq!(made.text("message"), "Job created successfully");
        let read = house.get(&ada, &format!("/jobs/{id}")).await;
        assert_eq!(read.headers["etag"], "\"1\"");
        for (member, value) in [
            ("id", json!(id)),
            ("userId", json!(ada.id)),
            ("taskName", json!("report")),
            ("type", json!("simulate")),
            ("priority", json!("low")),
            ("status", json!("pending")),
            ("attempts", json!(0)),
            ("maxRetries", json!(3)),
            ("retryCount", json!(0)),
            ("version", json!(1)),
            ("schedule", Value::Null),
            ("webhookUrl", Value::Null),
        ] {
            assert_eq!(made.body[member], value, "{member}");
            assert_eq!(read.body[member], value, "{member}");
            assert_eq!(read.body["job"][member], value, "{member}");
        }
        assert_eq!(read.body["payload"].to_string(), r#"{"rows":1.5}"#);
        assert_eq!(read.body["parameters"], read.body["payload"]);
        assert_eq!(read.body["webhookLogs"], json!([]));
    }
}

#[tokio::test]
async fn each_member_has_a_default_and_another_name() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let made = house.post(&ada, "/jobs", json!({"type": "Report.Daily"})).await;
    assert_eq!((made.text("taskName"), made.text("type")), ("report.daily", "report.daily"));
    assert_eq!(made.body["payload"], json!({}));
    let body = json!({"taskName": "x", "parameters": [1], "priority": "HIGH", "status": "PENDING", "maxRetries": 25});
    let made = house.post(&ada, "/jobs", body).await;
    assert_eq!((made.text("priority"), &made.body["payload"]), ("high", &json!([1])));
    assert_eq!(made.body["maxRetries"], 25);
    let both = json!({"taskName": "x", "parameters": [1], "payload": [1]});
    assert_eq!(house.post(&ada, "/jobs", both).await.status, 201);
}

#[tokio::test]
async fn what_an_http_task_cannot_do_is_refused_where_it_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"type": "HTTP", "payload": {"url": "ftp://x", "method": "BREW"}});
    assert_eq!(house.post(&ada, "/jobs", body).await.places(), ["/payload/url", "/payload/method"]);
    let body = json!({"type": "http", "parameters": {}});
    assert_eq!(house.post(&ada, "/jobs", body).await.places(), ["/parameters/url"]);
    let body = json!({"type": "http", "payload": {"url": "https://example.com"}});
    assert_eq!(house.post(&ada, "/jobs", body).await.status, 201);
}

#[tokio::test]
async fn unknown_types_are_refused_where_that_is_set() {
    let house = House::with(&[("UNKNOWN_TASK_TYPE", "reject")]).await;
    let ada = house.guest("ada").await;
    let refused = house.post(&ada, "/jobs", json!({"type": "mystery"})).await;
    assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["/type"]));
    assert!(refused.text("detail").contains("simulate, http, email"));
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    assert_eq!(house.patch(&ada, &id, json!({"type": "mystery"})).await.places(), ["/type"]);
}

#[tokio::test]
async fn only_an_admin_creates_for_others() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let root = house.guest_as("root", Role::Admin).await;
    let body = |user: &str| json!({"taskName": "x", "userId": user});
    let own = house.post(&ada, "/jobs", body(&ada.id.to_string())).await;
    assert_eq!(own.status, 201);
    let refused = house.post(&ada, "/jobs", body(&bob.id.to_string())).await;
    assert_eq!((refused.status.as_u16(), refused.places()), (403, vec!["/userId"]));
    let given = house.post(&root, "/jobs", body(&bob.id.to_string())).await;
    assert_eq!((given.status.as_u16(), given.text("userId")), (201, bob.id.to_string().as_str()));
    assert_eq!(house.get(&bob, &format!("/jobs/{}", given.text("jobId"))).await.status, 200);
    let nobody = house.post(&root, "/jobs", body("usr_018bcfe568007abcabababababababab")).await;
    assert_eq!((nobody.status.as_u16(), nobody.places()), (400, vec!["/userId"]));
    assert_eq!(house.post(&ada, "/jobs", body("me")).await.places(), ["/userId"]);
}

#[tokio::test]
async fn the_log_tells_of_the_creation() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x", "run": true})).await;
    let log = house.get(&ada, &format!("/jobs/{id}/logs")).await;
    let told: Vec<_> = log.body.as_array().unwrap().iter().map(|entry| entry["message"].clone()).collect();
    assert_eq!(told, ["created", "queued"]);
    assert_eq!(log.body[1]["status"], "running");
    assert_eq!(log.body[0]["logId"], format!("{id}-1"));
}

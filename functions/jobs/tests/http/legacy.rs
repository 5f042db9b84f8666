//! The bodies that older clients send, as they stand, and the members that they read.

use serde_json::{Value, json};

use crate::house::{Guest, House};

fn body(subject: &str) -> Value {
    json!({
        "type": "email",
        "parameters": {"to": "user@example.com", "subject": subject, "body": "This is a reminder."},
        "schedule": {
            "type": "recurring",
            "startTime": "2026-03-10T09:00:00Z",
            "recurrence": {"interval": "daily", "endTime": "2026-12-31T09:00:00Z"}
        }
    })
}

async fn ask(house: &House, guest: &Guest, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = house.ask(guest, method, path, &[("content-type", "application/json")], body).await;
    (reply.status.as_u16(), reply.body)
}

#[tokio::test]
async fn a_recurring_mail_is_created_read_changed_and_deleted() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (status, made) = ask(&house, &ada, "POST", "/jobs", &body("Reminder")).await;
    assert_eq!(status, 201, "{made}");
    assert!(made["message"].is_string());
    let id = made["jobId"].as_str().unwrap();
    let path = format!("/jobs/{id}");

    let (status, read) = ask(&house, &ada, "GET", &path, &Value::Null).await;
    assert_eq!(status, 200);
    for (member, value) in [
        ("jobId", json!(id)),
        ("type", json!("email")),
        ("status", json!("pending")),
        ("retryCount", json!(0)),
        ("maxRetries", json!(3)),
        ("parameters", body("Reminder")["parameters"].clone()),
    ] {
        assert_eq!(read[member], value, "{member}");
    }
    for time in ["createdAt", "updatedAt", "nextRunAt"] {
        assert!(read[time].is_string(), "{time}");
    }
    let schedule = &read["schedule"];
    assert_eq!(
        (&schedule["type"], &schedule["recurrence"]["interval"]),
        (&json!("recurring"), &json!("daily"))
    );
    assert_eq!(schedule["startTime"], "2026-03-10T09:00:00.000Z");
    assert_eq!(schedule["recurrence"]["endTime"], "2026-12-31T09:00:00.000Z");

    let (status, same) = ask(&house, &ada, "PUT", &path, &body("Reminder")).await;
    assert_eq!((status, &same["version"]), (200, &json!(1)), "{same}");
    let mut change = body("Another");
    change["schedule"]["recurrence"]["interval"] = json!("weekly");
    let (status, changed) = ask(&house, &ada, "PUT", &path, &change).await;
    assert_eq!(
        (status, &changed["schedule"]["recurrence"]["interval"]),
        (200, &json!("weekly")),
        "{changed}"
    );
    assert_eq!(changed["message"], "Job updated successfully");
    assert_eq!(changed["payload"]["subject"], "Another");

    let (status, logs) = ask(&house, &ada, "GET", &format!("{path}/logs"), &Value::Null).await;
    assert_eq!(status, 200);
    for entry in logs.as_array().unwrap() {
        for member in ["logId", "timestamp", "status", "message"] {
            assert!(entry[member].is_string(), "{member}: {entry}");
        }
    }
    let (status, listed) = ask(&house, &ada, "GET", "/jobs?status=pending&type=email", &Value::Null).await;
    assert_eq!((status, &listed["jobs"][0]["jobId"]), (200, &json!(id)));
    assert_eq!(listed["jobs"][0]["schedule"]["recurrence"]["interval"], "weekly");

    let (status, gone) = ask(&house, &ada, "DELETE", &path, &Value::Null).await;
    assert_eq!((status, &gone["message"]), (200, &json!("Job deleted successfully")));
    assert_eq!(ask(&house, &ada, "GET", &path, &Value::Null).await.0, 404);
}

#[tokio::test]
async fn a_mail_at_one_time_is_created_under_every_path() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mut once = body("Once");
    once["schedule"] = json!({"type": "one-time", "startTime": "2026-03-10T09:00:00Z"});
    for path in ["/jobs", "/create-job", "/api/jobs"] {
        let (status, made) = ask(&house, &ada, "POST", path, &once).await;
        assert_eq!((status, &made["nextRunAt"]), (201, &json!("2026-03-10T09:00:00.000Z")), "{made}");
        assert_eq!(made["taskName"], "email");
    }
    once["schedule"]["recurrence"] = Value::Null;
    assert_eq!(ask(&house, &ada, "POST", "/jobs", &once).await.0, 201);
    once["parameters"] = json!({"to": "nobody", "subject": "s", "body": "b"});
    let (status, refused) = ask(&house, &ada, "POST", "/jobs", &once).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (400, &json!("/parameters/to")), "{refused}");
}

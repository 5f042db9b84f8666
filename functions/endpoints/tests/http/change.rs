//! Changing endpoints.

use std::time::Duration;

use courier::HIDDEN;
use domain::endpoint::Told;
use domain::health::{Showing, Subject};
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::house::{Guest, House};

async fn headers(house: &House, guest: &Guest, id: &str) -> String {
    let stored = house.stored(guest, id).await.unwrap();
    stored.headers.map_or_else(String::new, |sealed| house.bed.seal_key().open(&sealed, id).unwrap())
}

#[tokio::test]
async fn what_is_named_changes_and_the_rest_stays() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let made =
        house.made(&ada, json!({"description": "x", "ratePerSecond": 7, "events": ["job.failed"]})).await;
    let id = made.text("id").to_owned();
    let mut expected = house.get(&ada, &format!("/webhooks/{id}")).await.body;
    for (n, (name, value)) in [
        ("url", json!("https://example.com/moved")),
        ("events", json!(["job.completed", "job.cancelled"])),
        ("description", json!("y")),
        ("enabled", json!(false)),
        ("retrySchedule", json!("none")),
        ("ratePerSecond", json!(1000)),
        ("headers", json!({"x-team": HIDDEN})),
    ]
    .into_iter()
    .enumerate()
    {
        house.bed.advance(Duration::from_millis(5));
        let sent = if name == "headers" { json!({"X-Team": "red"}) } else { value.clone() };
        let reply = house.patch(&ada, &id, json!({name: sent})).await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.body);
        expected[name] = value;
        expected["version"] = json!(n + 2);
        expected["updatedAt"] = json!(house.bed.now());
        if name == "enabled" {
            expected["disabledReason"] = json!("owner");
        }
        let mut told = reply.body.clone();
        assert!(told.as_object_mut().unwrap().remove("message").is_some());
        assert_eq!(told, expected, "{name}");
        assert_eq!(reply.headers["etag"], format!("\"{}\"", n + 2));
        assert_eq!(house.get(&ada, &format!("/webhooks/{id}")).await.body, expected, "{name}");
    }
    let stored = house.stored(&ada, &id).await.unwrap();
    assert_eq!(house.secret_of(&stored), made.text("secret"), "the secret is not touched");
}

#[tokio::test]
async fn null_takes_away() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let more =
        json!({"description": "x", "retrySchedule": "1s", "ratePerSecond": 7, "headers": {"x-team": "red"}});
    let id = house.endpoint(&ada, more).await;
    let nulls = json!({"description": null, "retrySchedule": null, "ratePerSecond": null, "headers": null,
        "url": null, "events": null, "enabled": null});
    let body = house.patch(&ada, &id, nulls).await.body;
    assert_eq!((&body["description"], &body["retrySchedule"]), (&json!(""), &Value::Null));
    assert_eq!((&body["ratePerSecond"], &body["headers"]), (&Value::Null, &json!({})));
    assert_eq!((&body["url"], &body["enabled"]), (&json!("https://example.com/hooks"), &json!(true)));
    assert_eq!(headers(&house, &ada, &id).await, "");
}

#[tokio::test]
async fn what_changes_nothing_writes_nothing() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({"headers": {"x-team": "red"}, "retrySchedule": "60s"})).await;
    let before = house.stored(&ada, &id).await.unwrap();
    house.bed.advance(Duration::from_secs(1));
    let read = house.get(&ada, &format!("/webhooks/{id}")).await.body;
    for body in [
        json!({}),
        read.clone(),
        json!({"headers": {"X-Team": "red"}, "retrySchedule": "1m", "enabled": true}),
        json!({"description": null, "ratePerSecond": null}),
    ] {
        let reply = house.patch(&ada, &id, body.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.body["version"]), (200, &json!(1)), "{body}");
        assert_eq!(house.stored(&ada, &id).await.unwrap(), before, "{body}");
    }
}

#[tokio::test]
async fn headers_are_replaced_as_a_whole_and_a_hidden_value_is_kept() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id =
        house.endpoint(&ada, json!({"headers": {"authorization": "Bearer t0ken", "x-team": "red"}})).await;
    let reply = house.patch(&ada, &id, json!({"headers": {"Authorization": HIDDEN, "x-new": "1"}})).await;
    assert_eq!(reply.body["headers"], json!({"authorization": HIDDEN, "x-new": HIDDEN}));
    assert_eq!(headers(&house, &ada, &id).await, r#"[["authorization","Bearer t0ken"],["x-new","1"]]"#);
    let refused = house.patch(&ada, &id, json!({"headers": {"x-team": HIDDEN}})).await;
    assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["/headers/x-team"]));
    let none = house.patch(&ada, &id, json!({"headers": {}})).await;
    assert_eq!((none.body["headers"].clone(), headers(&house, &ada, &id).await), (json!({}), String::new()));
}

#[tokio::test]
async fn a_secret_is_not_changed_here() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let made = house.made(&ada, json!({})).await;
    let refused = house.patch(&ada, made.text("id"), json!({"secret": made.text("secret")})).await;
    assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["/secret"]));
    assert!(refused.text("detail").contains("rotate"), "{}", refused.body);
}

#[tokio::test]
async fn to_switch_it_on_forgets_what_it_was_switched_off_for() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for told in [Told::Gone, Told::Failing] {
        let id = house.endpoint(&ada, json!({})).await;
        let subject = Subject::endpoint(id.parse().unwrap());
        let (store, now) = (house.bed.store(), house.bed.now());
        store.note_showing(&subject, Showing { latency: 4, taken: false }, now).await.unwrap();
        house.switch_off(&id, told).await;
        // Who sends back what was read wishes nothing.
        let read = house.get(&ada, &format!("/webhooks/{id}")).await.body;
        assert_eq!(house.patch(&ada, &id, read).await.body["disabledReason"], json!(told));
        let on = house.patch(&ada, &id, json!({"enabled": true})).await.body;
        assert_eq!(
            (&on["enabled"], &on["disabledReason"], &on["failingSince"]),
            (&json!(true), &Value::Null, &Value::Null)
        );
        let health = store.health(&subject, now).await.unwrap();
        assert_eq!((health.disabled_at, health.failing_since, health.latency), (None, None, Some(4)));
        assert_eq!(house.get(&ada, &format!("/webhooks/{id}")).await.body["enabled"], true);
    }
}

#[tokio::test]
async fn one_that_is_on_keeps_its_history() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let subject = Subject::endpoint(id.parse().unwrap());
    let (store, now) = (house.bed.store(), house.bed.now());
    store.note_showing(&subject, Showing { latency: 0, taken: false }, now).await.unwrap();
    assert_eq!(house.patch(&ada, &id, json!({"enabled": true})).await.body["failingSince"], json!(now));
    // Switched off and on by its owner, it begins anew.
    house.patch(&ada, &id, json!({"enabled": false})).await;
    assert_eq!(house.patch(&ada, &id, json!({"enabled": true})).await.body["failingSince"], Value::Null);
    assert_eq!(store.health(&subject, now).await.unwrap().failing_since, None);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_comes_before_a_version_that_has_passed() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let wrong = json!({"url": {}}).to_string();
    let reply = house.ask(&ada, "PATCH", &format!("/webhooks/{id}"), &[("if-match", "\"7\"")], wrong).await;
    assert_eq!((reply.status.as_u16(), reply.places()), (400, vec!["/url"]));
}

#[tokio::test]
async fn if_match_fences_a_change() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let path = format!("/webhooks/{id}");
    let body = json!({"description": "y"}).to_string();
    let stale = house.ask(&ada, "PATCH", &path, &[("if-match", "\"7\"")], body.clone()).await;
    assert_eq!(
        (stale.problem(), &stale.headers["etag"]),
        ((412, "version-mismatch"), &"\"1\"".parse().unwrap())
    );
    let fresh = house.ask(&ada, "PATCH", &path, &[("if-match", "\"1\"")], body.clone()).await;
    assert_eq!((fresh.status.as_u16(), &fresh.body["version"]), (200, &json!(2)));
    assert_eq!(house.ask(&ada, "PATCH", &path, &[("if-match", "\"1\"")], body.clone()).await.status, 412);
    assert_eq!(house.ask(&ada, "PATCH", &path, &[("if-match", "*")], body).await.status, 200);
}

#[tokio::test]
async fn of_changes_at_once_none_is_lost() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let (one, two, three) = tokio::join!(
        house.patch(&ada, &id, json!({"description": "y"})),
        house.patch(&ada, &id, json!({"ratePerSecond": 9})),
        house.patch(&ada, &id, json!({"retrySchedule": "5s"})),
    );
    assert!([&one, &two, &three].iter().all(|reply| reply.status == 200), "{one:?} {two:?} {three:?}");
    let body = house.get(&ada, &format!("/webhooks/{id}")).await.body;
    assert_eq!(
        (&body["description"], &body["ratePerSecond"], &body["retrySchedule"]),
        (&json!("y"), &json!(9), &json!("5s"))
    );
    assert_eq!(body["version"], 4);
}

#[tokio::test]
async fn who_loses_again_and_again_is_told_so() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let before = house.stored(&ada, &id).await.unwrap();
    house.bed.faults.plan(When::Always, Fault::ConditionFailed, Some("PutItem"));
    let reply = house.patch(&ada, &id, json!({"description": "y"})).await;
    assert_eq!(reply.problem(), (409, "conflict"));
    let rotated = house.post(&ada, &format!("/webhooks/{id}/rotate"), json!({})).await;
    assert_eq!(rotated.problem(), (409, "conflict"));
    house.bed.faults.clear();
    assert_eq!(house.stored(&ada, &id).await.unwrap(), before);
}

//! One key, one job.

use std::time::Duration;

use serde_json::json;
use testkit::{Fault, When};

use crate::house::House;

const KEY: &str = "order-17";

#[tokio::test]
async fn the_same_request_again_answers_with_the_same_job() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let large = "p".repeat(5_000);
    for (key, body) in [
        ("small", json!({"taskName": "x"})),
        ("large", json!({"taskName": "x", "payload": large})),
        ("run", json!({"taskName": "x", "run": true})),
    ] {
        let header = [("Idempotency-Key", key)];
        let first = house.ask(&ada, "POST", "/jobs", &header, body.to_string()).await;
        assert_eq!(first.status, 201, "{}", first.body);
        assert!(first.headers.get("idempotent-replayed").is_none());
        let again = house.ask(&ada, "POST", "/create-job", &header, body.to_string()).await;
        assert_eq!(
            (again.status.as_u16(), &again.headers["idempotent-replayed"]),
            (201, &"true".parse().unwrap())
        );
        assert_eq!(again.body, first.body);
        assert_eq!(again.headers["location"], first.headers["location"]);
    }
    assert_eq!(house.messages("jobs-low").await.len(), 1, "a replay sends nothing");
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 3);
}

#[tokio::test]
async fn another_body_under_the_key_is_refused_and_another_users_key_is_another() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let header = [("Idempotency-Key", KEY)];
    let (one, two) = (json!({"taskName": "one"}).to_string(), json!({"taskName": "two"}).to_string());
    assert_eq!(house.ask(&ada, "POST", "/jobs", &header, one.clone()).await.status, 201);
    let refused = house.ask(&ada, "POST", "/jobs", &header, two.clone()).await;
    assert_eq!((refused.status.as_u16(), refused.text("type")), (422, "/docs/errors/idempotency-key-reused"));
    assert_eq!(house.ask(&bob, "POST", "/jobs", &header, two.clone()).await.status, 201);
    house.bed.advance(Duration::from_secs(24 * 3_600 + 1));
    let ada = crate::house::Guest { token: house.guest("ada2").await.token, ..ada };
    assert_eq!(
        house.ask(&ada, "POST", "/jobs", &header, two).await.status,
        201,
        "a day later the key is free"
    );
}

#[tokio::test]
async fn a_key_must_be_visible_and_short() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for key in ["", "a b", &"x".repeat(256)] {
        let reply = house.ask(&ada, "POST", "/jobs", &[("Idempotency-Key", key)], "{\"type\":\"x\"}").await;
        assert_eq!((reply.status.as_u16(), reply.places()), (400, vec!["Idempotency-Key"]), "{key:?}");
    }
}

#[tokio::test]
async fn requests_that_race_create_one_job() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (key, body) in [("a", json!({"taskName": "x"})), ("b", json!({"taskName": "x", "run": true}))] {
        let header = [("Idempotency-Key", key)];
        let calls = (0..8).map(|_| house.ask(&ada, "POST", "/jobs", &header, body.to_string()));
        let replies = futures::future::join_all(calls).await;
        let first = replies[0].text("jobId");
        assert!(
            replies.iter().all(|reply| reply.status == 201 && reply.text("jobId") == first),
            "{replies:?}"
        );
        let made = replies.iter().filter(|reply| reply.headers.get("idempotent-replayed").is_none()).count();
        assert_eq!(made, 1);
    }
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 2);
}

#[tokio::test]
async fn a_conflict_of_transactions_and_a_lost_answer_are_no_failures() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (n, fault) in [Fault::Conflict, Fault::AnswerLost].into_iter().enumerate() {
        house.bed.faults.plan(When::NthAndRepeats(0), fault, Some("TransactWriteItems"));
        let key = format!("key-{n}");
        let header = [("Idempotency-Key", key.as_str())];
        let made = house.ask(&ada, "POST", "/jobs", &header, "{\"type\":\"x\"}").await;
        house.bed.faults.clear();
        assert!(matches!(made.status.as_u16(), 201 | 503), "{fault:?}: {}", made.body);
        let again = house.ask(&ada, "POST", "/jobs", &header, "{\"type\":\"x\"}").await;
        assert_eq!(again.status, 201, "{fault:?}");
        assert_eq!(house.get(&ada, "/jobs").await.ids().len(), n + 1);
    }
}

#[tokio::test]
async fn a_job_that_was_deleted_does_not_come_back() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let header = [("Idempotency-Key", KEY)];
    let made = house.ask(&ada, "POST", "/jobs", &header, "{\"type\":\"x\"}").await;
    let path = made.headers["location"].to_str().unwrap().to_owned();
    assert_eq!(house.ask(&ada, "DELETE", &path, &[], "").await.status, 200);
    assert_eq!(house.ask(&ada, "POST", "/jobs", &header, "{\"type\":\"x\"}").await.status, 409);
}

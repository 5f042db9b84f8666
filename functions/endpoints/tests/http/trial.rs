//! Trying an endpoint.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::receiver::Receiver;

#[tokio::test]
async fn a_sample_is_sent_as_a_real_event_would_be() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let receiver = Receiver::answering(200, "thanks").await;
    let more = json!({"url": receiver.url(), "headers": {"Authorization": "Bearer t0ken"}});
    let made = house.made(&ada, more).await;
    let path = format!("/webhooks/{}/test", made.text("id"));
    for (body, event) in [
        ("", "job.completed"),
        ("{}", "job.completed"),
        ("{\"event\":\"job.started\"}", "job.started"),
        ("{\"event\":\"JOB.FAILED\"}", "job.failed"),
        ("{\"event\":\"job.cancelled\"}", "job.cancelled"),
    ] {
        let tried = house.ask(&ada, "POST", &path, &[], body).await;
        assert_eq!(tried.status, 200, "{}", tried.body);
        let arrived = receiver.take().remove(0);
        assert!(arrived.verified_by(made.text("secret")));
        assert_eq!(arrived.header("authorization"), "Bearer t0ken");
        let sent: Value = serde_json::from_slice(&arrived.body).unwrap();
        assert_eq!((&sent["type"], &sent["test"]), (&json!(event), &json!(true)));
        let told = &tried.body;
        assert_eq!((&told["event"], &told["requestBody"]), (&json!(event), &sent));
        assert_eq!((&told["delivered"], &told["url"]), (&json!(true), &json!(receiver.url())));
        assert_eq!(told["webhookId"], arrived.header("webhook-id"));
        for name in [
            "webhook-id",
            "webhook-timestamp",
            "webhook-signature",
            "x-signature",
            "content-type",
            "user-agent",
        ] {
            assert_eq!(told["requestHeaders"][name], arrived.header(name), "{name}");
        }
        assert_eq!(told["requestHeaders"]["authorization"], "********");
        assert!(!told.to_string().contains("t0ken"));
        assert_eq!((&told["responseStatus"], &told["responseBody"]), (&json!(200), &json!("thanks")));
        assert_eq!(told["responseHeaders"]["x-request-id"], "theirs");
        assert_eq!((&told["error"], &told["errorClass"]), (&Value::Null, &Value::Null));
        assert!(told["durationMs"].is_u64());
        assert_eq!(told["sentAt"], json!(house.bed.now()));
    }
    // It is no delivery, and teaches nothing about the receiver.
    assert_eq!(house.messages().await, []);
    let calls = house.bed.faults.calls();
    assert!(!calls.iter().any(|call| call.operation.ends_with("PutItem") && call.body.contains("DELIVERY#")));
    assert!(
        !calls.iter().any(|call| call.operation.ends_with("UpdateItem") && call.body.contains("HEALTH#"))
    );
}

#[tokio::test]
async fn what_went_wrong_is_the_answer() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (broken, gone) = (Receiver::answering(500, "no").await, Receiver::answering(410, "").await);
    for (url, class, status) in [
        (broken.url(), "status", json!(500)),
        (gone.url(), "status", json!(410)),
        ("http://127.0.0.1:1/".to_owned(), "connect", Value::Null),
    ] {
        let id = house.endpoint(&ada, json!({"url": url})).await;
        let tried = house.post(&ada, &format!("/webhooks/{id}/test"), json!({})).await;
        assert_eq!(tried.status, 200, "{}", tried.body);
        assert_eq!(
            (&tried.body["delivered"], &tried.body["responseStatus"]),
            (&json!(false), &status),
            "{url}"
        );
        assert_eq!(tried.text("errorClass"), class, "{}", tried.body);
        assert!(!tried.text("error").is_empty());
    }
}

#[tokio::test]
async fn it_works_on_one_that_is_switched_off_and_leaves_it_so() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let receiver = Receiver::answering(200, "").await;
    let off = house.endpoint(&ada, json!({"url": receiver.url(), "enabled": false})).await;
    let gone = house.endpoint(&ada, json!({"url": receiver.url()})).await;
    house.gone(&gone).await;
    for id in [off, gone] {
        let tried = house.post(&ada, &format!("/webhooks/{id}/test"), json!({})).await;
        assert_eq!(tried.body["delivered"], true);
        assert_eq!(house.get(&ada, &format!("/webhooks/{id}")).await.body["enabled"], false);
    }
    assert_eq!(receiver.take().len(), 2);
}

#[tokio::test]
async fn an_address_that_is_not_called_is_not_called_here_either() {
    // What was allowed when the endpoint was made is not any more.
    let house = House::with(&[("EGRESS_ALLOW", "")]).await;
    let ada = house.guest("ada").await;
    let receiver = Receiver::answering(200, "").await;
    let id = house.endpoint(&ada, json!({})).await;
    let mut stored = house.stored(&ada, &id).await.unwrap();
    (stored.url, stored.version) = (receiver.url(), 2);
    assert!(house.bed.store().replace_endpoint(&stored).await.unwrap());
    let tried = house.post(&ada, &format!("/webhooks/{id}/test"), json!({})).await;
    assert_eq!((&tried.body["delivered"], tried.text("errorClass")), (&json!(false), "refused-address"));
    assert!(receiver.take().is_empty());
}

#[tokio::test]
async fn what_nothing_can_sign_is_not_sent() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let receiver = Receiver::answering(200, "").await;
    for member in ["current", "headers"] {
        let id = house.endpoint(&ada, json!({"url": receiver.url()})).await;
        let mut stored = house.stored(&ada, &id).await.unwrap();
        let unreadable = serde_json::from_value(json!("AAAA")).unwrap();
        match member {
            "current" => stored.signing.current = unreadable,
            _ => stored.headers = Some(unreadable),
        }
        stored.version += 1;
        assert!(house.bed.store().replace_endpoint(&stored).await.unwrap());
        let tried = house.post(&ada, &format!("/webhooks/{id}/test"), json!({})).await;
        assert_eq!((tried.status.as_u16(), tried.text("errorClass")), (200, "secret"), "{}", tried.body);
        assert_eq!((&tried.body["delivered"], &tried.body["requestHeaders"]), (&json!(false), &json!({})));
    }
    assert!(receiver.take().is_empty());
}

#[tokio::test]
async fn only_so_many_in_a_window() {
    let house = House::with(&[("RATE_LIMIT_MAX", "2"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let receiver = Receiver::answering(200, "").await;
    let path = format!("/webhooks/{}/test", house.endpoint(&ada, json!({"url": receiver.url()})).await);
    // What is not sent does not count.
    assert_eq!(house.post(&ada, &path, json!({"event": "x"})).await.places(), ["/event"]);
    assert_eq!(house.post(&bob, &path, json!({})).await.status, 404);
    let first = house.post(&ada, &path, json!({})).await;
    assert_eq!(first.headers["ratelimit"], "\"webhook-test\";r=1;t=60");
    assert_eq!(house.post(&ada, &path, json!({})).await.status, 200);
    let refused = house.post(&ada, &path, json!({})).await;
    assert_eq!(
        (refused.problem(), &refused.headers["retry-after"]),
        ((429, "rate-limited"), &"60".parse().unwrap())
    );
    assert_eq!(receiver.take().len(), 2);
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(house.post(&ada, &path, json!({})).await.status, 200);
}

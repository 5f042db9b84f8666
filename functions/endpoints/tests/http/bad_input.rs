//! What nobody should send, and what they are told.

use serde_json::{Value, json};

use crate::house::House;

/// What neither a new endpoint nor a change can take, and where that is.
fn members() -> Vec<(Value, &'static str)> {
    let many: serde_json::Map<_, _> = (0..21).map(|n| (format!("x-{n}"), json!("1"))).collect();
    vec![
        (json!({"url": "ftp://example.com"}), "/url"),
        (json!({"url": "/hooks"}), "/url"),
        (json!({"url": 7}), "/url"),
        (json!({"url": "https://a:b@example.com"}), "/url"),
        (json!({"url": format!("https://example.com/{}", "x".repeat(2_048))}), "/url"),
        (json!({"url": "http://169.254.169.254/"}), "/url"),
        (json!({"events": []}), "/events"),
        (json!({"events": "job.failed"}), "/events"),
        (json!({"events": [7]}), "/events"),
        (json!({"events": ["job.failed", "job.exploded"]}), "/events/1"),
        (json!({"description": "é".repeat(256)}), "/description"),
        (json!({"description": "a\u{0}b"}), "/description"),
        (json!({"description": ["x"]}), "/description"),
        (json!({"enabled": "yes"}), "/enabled"),
        (json!({"retrySchedule": "soon"}), "/retrySchedule"),
        (json!({"retrySchedule": ["1s"]}), "/retrySchedule"),
        (json!({"retrySchedule": "1s,25h"}), "/retrySchedule"),
        (json!({"retrySchedule": vec!["1s"; 20].join(",")}), "/retrySchedule"),
        (json!({"ratePerSecond": 0}), "/ratePerSecond"),
        (json!({"ratePerSecond": 1_001}), "/ratePerSecond"),
        (json!({"ratePerSecond": -1}), "/ratePerSecond"),
        (json!({"ratePerSecond": 1.5}), "/ratePerSecond"),
        (json!({"headers": ["x-team"]}), "/headers"),
        (json!({"headers": many}), "/headers"),
        (json!({"headers": {"x-team": 7}}), "/headers/x-team"),
        (json!({"headers": {"x-team": null}}), "/headers/x-team"),
        (json!({"headers": {"x-team": "a\nb"}}), "/headers/x-team"),
        (json!({"headers": {"x-team": ""}}), "/headers/x-team"),
        (json!({"headers": {"x-team": "x".repeat(1_025)}}), "/headers/x-team"),
        (json!({"headers": {"a b/c~d": "1"}}), "/headers/a b~1c~0d"),
        (json!({"headers": {"Host": "x"}}), "/headers/Host"),
        (json!({"headers": {"webhook-id": "x"}}), "/headers/webhook-id"),
        (json!({"headers": {"X-Signature": "x"}}), "/headers/X-Signature"),
        (json!({"headers": {"X-Team": "red", "x-team": "blue"}}), "/headers/x-team"),
        (json!({"headers": {"x-none": "********"}}), "/headers/x-none"),
        (json!({"secret": "whsec_AAAA"}), "/secret"),
        (json!({"urls": "https://example.com"}), "/urls"),
        (json!({"userId": "usr_018bcfe568007abcabababababababab"}), "/userId"),
    ]
}

#[tokio::test]
async fn each_fault_has_its_place_and_nothing_is_written() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let before = house.all(&ada).await;
    for (members, place) in members() {
        let mut whole = json!({"url": "https://example.com/hooks"});
        whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let new = house.post(&ada, "/webhooks", whole).await;
        assert_eq!((new.problem(), new.places()), ((400, "validation-failed"), vec![place]), "{members}");
        let change = house.patch(&ada, &id, members.clone()).await;
        assert_eq!(
            (change.problem(), change.places()),
            ((400, "validation-failed"), vec![place]),
            "{members}"
        );
    }
    assert_eq!(house.post(&ada, "/webhooks", json!({})).await.places(), ["/url"]);
    assert_eq!(house.post(&ada, "/webhooks", json!({"url": null})).await.places(), ["/url"]);
    // What an answer carries is no member of a new one.
    assert_eq!(
        house.post(&ada, "/webhooks", json!({"url": "https://example.com", "version": 1})).await.places(),
        ["/version"]
    );
    assert_eq!(house.all(&ada).await, before);
}

#[tokio::test]
async fn all_faults_are_told_at_once() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"events": ["x"], "enabled": 1, "ratePerSecond": 0, "headers": {"host": "x", "x-a": "********"}, "evnts": []});
    let reply = house.post(&ada, "/webhooks", body).await;
    let mut places = reply.places();
    places.sort_unstable();
    assert_eq!(
        places,
        ["/enabled", "/events/0", "/evnts", "/headers/host", "/headers/x-a", "/ratePerSecond", "/url"]
    );
}

#[tokio::test]
async fn limits_are_exact() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let twenty: serde_json::Map<_, _> =
        (0..20).map(|n| (format!("x-{n}"), json!("x".repeat(1_024)))).collect();
    let url = "https://example.com/";
    let made = house
        .made(
            &ada,
            json!({
                "url": format!("{url}{}", "x".repeat(2_048 - url.len())),
                "description": "é".repeat(255), "ratePerSecond": 1_000, "headers": twenty,
                "retrySchedule": vec!["24h"; 19].join(","),
            }),
        )
        .await;
    assert_eq!(made.body["headers"].as_object().unwrap().len(), 20);
}

#[tokio::test]
async fn bodies_that_are_no_json_object() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let path = format!("/webhooks/{}", house.endpoint(&ada, json!({})).await);
    for (method, path, may_be_empty) in [
        ("POST", "/webhooks".to_owned(), false),
        ("PATCH", path.clone(), false),
        ("POST", format!("{path}/rotate"), true),
        ("POST", format!("{path}/test"), true),
        ("POST", "/deliveries/redeliver".to_owned(), false),
    ] {
        for body in [&b"{"[..], b"[]", b"7", b"{\"url\":\"\xff\"}", b"{\"a\":1}}"] {
            let reply = house.ask(&ada, method, &path, &[], body.to_vec()).await;
            assert_eq!(reply.problem(), (400, "invalid-body"), "{method} {path}: {}", reply.body);
        }
        if !may_be_empty {
            assert_eq!(house.ask(&ada, method, &path, &[], "").await.problem(), (400, "invalid-body"));
        }
        let large = vec![b' '; 1024 * 1024 + 1];
        assert_eq!(house.ask(&ada, method, &path, &[], large).await.status, 413);
        let text = [("content-type", "text/plain")];
        assert_eq!(house.ask(&ada, method, &path, &text, "{}").await.status, 415);
        let unknown = house.ask(&ada, method, &path, &[], "{\"a/b\":1}").await;
        assert!(unknown.places().contains(&"/a~1b"), "{method} {path}: {}", unknown.body);
    }
}

#[tokio::test]
async fn what_cannot_be_asked_for_again() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let since = "2026-01-01T00:00:00Z";
    for (body, place) in [
        (json!({}), "/since"),
        (json!({"since": null}), "/since"),
        (json!({"since": "yesterday"}), "/since"),
        (json!({"since": since, "until": "soon"}), "/until"),
        (json!({"since": since, "until": "2025-12-31T00:00:00Z"}), "/until"),
        (json!({"since": since, "before": 7}), "/before"),
        (json!({"since": since, "state": "retrying"}), "/state"),
        (json!({"since": since, "state": ["dead", "pending"]}), "/state"),
        (json!({"since": since, "state": []}), "/state"),
        (json!({"since": since, "state": 7}), "/state"),
        (json!({"since": since, "endpointId": "me"}), "/endpointId"),
        (json!({"since": since, "limit": 0}), "/limit"),
        (json!({"since": since, "limit": 1_001}), "/limit"),
        (json!({"since": since, "dryRun": "yes"}), "/dryRun"),
        (json!({"since": since, "cursor": "forged"}), "/cursor"),
        (json!({"since": since, "userId": "ada"}), "/userId"),
        (json!({"since": since, "states": "dead"}), "/states"),
    ] {
        let reply = house.post(&ada, "/deliveries/redeliver", body.clone()).await;
        assert_eq!((reply.problem(), reply.places()), ((400, "validation-failed"), vec![place]), "{body}");
    }
}

#[tokio::test]
async fn ids_that_are_none_are_a_404_and_methods_that_are_none_a_405() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for id in [
        "x",
        "end_1",
        "usr_018bcfe568007abcabababababababab",
        "%00",
        "end_018BCFE568007ABCABABABABABABABAB",
        "secret",
    ] {
        assert_eq!(house.get(&ada, &format!("/webhooks/{id}")).await.problem(), (404, "not-found"), "{id}");
    }
    assert_eq!(
        house.ask(&ada, "PUT", "/webhooks/end_018bcfe568007abcabababababababab", &[], "{}").await.status,
        405
    );
    assert_eq!(house.get(&ada, "/deliveries/redeliver").await.status, 405);
}

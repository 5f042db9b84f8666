//! The table, the secrets or the queue fail in the middle: what was answered is true, nothing is half written, and
//! asking again is safe.

use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::health::Subject;
use domain::message::Target;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::house::{Guest, House, Reply};

/// The calls of one request, each with a fault of its own kind.
async fn each_call(
    fault: Fault,
    begin: impl AsyncFn(&House, &Guest) -> (&'static str, String, Value),
    check: impl AsyncFn(&House, &Guest, &Reply),
) {
    for n in 0.. {
        let house = House::new().await;
        let ada = house.guest("ada").await;
        let (method, path, body) = begin(&house, &ada).await;
        house.bed.faults.plan(When::NthAndRepeats(n), fault, None);
        let reply = house.ask(&ada, method, &path, &[], body.to_string()).await;
        let struck = house.bed.faults.strikes() > 0;
        house.bed.faults.clear();
        check(&house, &ada, &reply).await;
        if !struck {
            assert!(reply.status.is_success() && n > 1, "{method} {path} makes {n} calls: {}", reply.body);
            return;
        }
        assert!(
            reply.status.is_success() || reply.status == 503,
            "{method} {path} {n} {fault:?}: {}",
            reply.body
        );
        // Asked for again, it is done, or has been.
        let again = house.ask(&ada, method, &path, &[], body.to_string()).await;
        let gone = method == "DELETE" && again.status == 404;
        assert!(again.status.is_success() || gone, "{method} {path} {n} {fault:?}: {}", again.body);
        assert!(n < 30, "it ends");
    }
}

const FAULTS: [Fault; 3] = [Fault::Unreached, Fault::AnswerLost, Fault::Throttled];

/// Each endpoint in the table has its health beside it, and opens.
async fn all_whole(house: &House, ada: &Guest) {
    for endpoint in house.all(ada).await {
        let subject = Subject::endpoint(endpoint.id);
        let known = house.bed.store().healths(&[subject], house.bed.now()).await.unwrap();
        assert_eq!(known.len(), 1, "{}", endpoint.id);
        assert!(house.secret_of(&endpoint).starts_with("whsec_"));
    }
}

#[tokio::test]
async fn a_new_endpoint_is_there_as_a_whole_or_not_at_all() {
    for fault in FAULTS {
        each_call(
            fault,
            async |_, _| {
                (
                    "POST",
                    "/webhooks".to_owned(),
                    json!({"url": "https://example.com", "headers": {"x-a": "1"}}),
                )
            },
            async |house, ada, reply| {
                all_whole(house, ada).await;
                let all = house.all(ada).await;
                if reply.status == 201 {
                    assert_eq!((all.len(), house.secret_of(&all[0]).as_str()), (1, reply.text("secret")));
                } else if fault != Fault::AnswerLost {
                    assert_eq!(all, []);
                }
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_is_found_to_be_ours() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let lost = |operation| house.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some(operation));
    lost("TransactWriteItems");
    let made = house.post(&ada, "/webhooks", json!({"url": "https://example.com"})).await;
    assert_eq!((made.status.as_u16(), house.all(&ada).await.len()), (201, 1), "{}", made.body);
    let path = format!("/webhooks/{}", made.text("id"));
    lost("PutItem");
    let changed = house.patch(&ada, made.text("id"), json!({"description": "y"})).await;
    assert_eq!((changed.status.as_u16(), &changed.body["version"]), (200, &json!(2)));
    lost("PutItem");
    let rotated = house.post(&ada, &format!("{path}/rotate"), json!({})).await;
    let stored = house.all(&ada).await.remove(0);
    assert_eq!((rotated.status.as_u16(), stored.version), (200, 3));
    assert_eq!(house.secret_of(&stored), rotated.text("secret"));
    lost("TransactWriteItems");
    assert_eq!(house.ask(&ada, "DELETE", &path, &[], "").await.status, 200);
    assert_eq!(house.all(&ada).await, []);
}

#[tokio::test]
async fn a_change_is_made_as_a_whole_or_not_at_all() {
    for fault in FAULTS {
        each_call(
            fault,
            async |house, ada| {
                let id = house.endpoint(ada, json!({})).await;
                house.gone(&id).await;
                let body = json!({"enabled": true, "description": "y", "headers": {"x-a": "1"}});
                ("PATCH", format!("/webhooks/{id}"), body)
            },
            async |house, ada, reply| {
                all_whole(house, ada).await;
                let stored = house.all(ada).await.remove(0);
                let done = (stored.version, stored.description.as_str(), stored.headers.is_some());
                assert!(done == (1, "", false) || done == (2, "y", true), "{done:?}");
                assert!(!reply.status.is_success() || stored.version == 2);
                // What it was switched off for is forgotten before anything is said of it.
                let subject = Subject::endpoint(stored.id);
                let health = house.bed.store().health(&subject, house.bed.now()).await.unwrap();
                assert!(stored.version == 1 || health.disabled_at.is_none());
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_deletion_leaves_nothing_or_all() {
    for fault in FAULTS {
        each_call(
            fault,
            async |house, ada| {
                ("DELETE", format!("/webhooks/{}", house.endpoint(ada, json!({})).await), json!({}))
            },
            async |house, ada, reply| {
                all_whole(house, ada).await;
                assert!(!reply.status.is_success() || house.all(ada).await.is_empty());
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_secret_is_exchanged_as_a_whole_or_not_at_all() {
    for fault in FAULTS {
        each_call(
            fault,
            async |house, ada| {
                ("POST", format!("/webhooks/{}/rotate", house.endpoint(ada, json!({})).await), json!({}))
            },
            async |house, ada, reply| {
                all_whole(house, ada).await;
                let stored = house.all(ada).await.remove(0);
                assert_eq!(stored.version == 2, stored.signing.previous.is_some());
                if reply.status.is_success() {
                    assert_eq!(house.secret_of(&stored), reply.text("secret"));
                }
            },
        )
        .await;
    }
}

async fn dead(house: &House, ada: &Guest, count: usize) -> Vec<domain::delivery::Delivery> {
    let mut all = Vec::new();
    for _ in 0..count {
        let job = house.job(ada).await;
        all.push(house.delivery(&job, Target::Job, DeliveryState::Dead).await);
    }
    house.bed.advance(Duration::from_millis(1));
    all
}

#[tokio::test]
async fn what_is_sent_again_is_of_one_round_whatever_fails() {
    for fault in FAULTS {
        each_call(
            fault,
            async |house, ada| {
                let one = dead(house, ada, 1).await.remove(0);
                ("POST", format!("/jobs/{}/deliveries/{}/redeliver", one.job_id, one.id), json!({}))
            },
            async |house, _, reply| {
                let messages = house.messages().await;
                assert!(messages.iter().all(|message| message.round == 1));
                assert!(!reply.status.is_success() || !messages.is_empty());
                assert!(fault == Fault::AnswerLost || reply.status.is_success() || messages.is_empty());
            },
        )
        .await;
        each_call(
            fault,
            async |house, ada| {
                dead(house, ada, 3).await;
                ("POST", "/deliveries/redeliver".to_owned(), json!({"since": "2026-01-01T00:00:00Z"}))
            },
            async |house, _, reply| {
                let messages = house.messages().await;
                assert!(messages.iter().all(|message| message.round == 1));
                assert!(!reply.status.is_success() || reply.body["queued"] == 3 && messages.len() >= 3);
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_queue_that_fails_in_between_leaves_a_place_to_go_on_and_the_rest_uncounted() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    dead(&house, &ada, 25).await;
    house.bed.faults.plan(When::NthAndRepeats(1), Fault::Unreached, Some("SendMessageBatch"));
    let request = json!({"since": "2026-01-01T00:00:00Z"});
    let first = house.post(&ada, "/deliveries/redeliver", request.clone()).await;
    house.bed.faults.clear();
    assert_eq!(
        (first.status.as_u16(), &first.body["matched"], &first.body["queued"]),
        (202, &json!(10), &json!(10))
    );
    let sent = house.messages().await;
    assert_eq!(sent.len(), 10);
    let mut rest = request;
    rest["before"] = first.body["before"].clone();
    rest["cursor"] = first.body["nextCursor"].clone();
    let second = house.post(&ada, "/deliveries/redeliver", rest).await;
    assert_eq!(
        (&second.body["queued"], &second.body["nextCursor"]),
        (&json!(15), &Value::Null),
        "{}",
        second.body
    );
    assert!(second.headers["ratelimit"].to_str().unwrap().contains("r=975"), "the fifteen counted once");
    house.bed.advance(Duration::from_secs(5));
    let more = house.messages().await;
    assert!(
        more.len() == 15
            && more.iter().all(|message| !sent.iter().any(|one| one.webhook_id == message.webhook_id))
    );
}

#[tokio::test]
async fn a_queue_out_of_reach_sends_nothing_and_counts_nothing() {
    let house = House::with(&[("REDELIVER_RATE_MAX", "3")]).await;
    let ada = house.guest("ada").await;
    dead(&house, &ada, 3).await;
    for _ in 0..3 {
        house.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessageBatch"));
        let reply = house.post(&ada, "/deliveries/redeliver", json!({"since": "2026-01-01T00:00:00Z"})).await;
        assert_eq!(reply.problem(), (503, "unavailable"));
    }
    house.bed.faults.clear();
    let reply = house.post(&ada, "/deliveries/redeliver", json!({"since": "2026-01-01T00:00:00Z"})).await;
    assert_eq!((reply.status.as_u16(), &reply.body["queued"]), (202, &json!(3)));
}

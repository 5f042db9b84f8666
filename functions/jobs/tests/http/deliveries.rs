//! What became of the webhooks.

use std::collections::{BTreeMap, HashSet};

use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::event::EventType;
use domain::id::{JobId, RunId, WebhookId};
use domain::message::{Deliver, Target};
use domain::user::Role;
use serde_json::{Value, json};

use crate::house::{Guest, House};

/// A delivery of this job with so many attempts, of which the last succeeded.
async fn deliver(house: &House, owner: &Guest, job: &str, attempts: u32, body: &str) -> WebhookId {
    deliver_to(house, owner, job, (Target::Job, "https://example.com/hook"), attempts, body).await
}

/// The same to this receiver.
async fn deliver_to(
    house: &House,
    owner: &Guest,
    job: &str,
    (receiver, url): (Target, &str),
    attempts: u32,
    body: &str,
) -> WebhookId {
    house.bed.advance(std::time::Duration::from_millis(1));
    let now = house.bed.now();
    let run = RunId::fresh(now, house.bed.ambient.entropy());
    let message = Deliver {
        webhook_id: WebhookId::derive(run, EventType::Completed, now, &receiver.to_string()),
        job_id: job.parse::<JobId>().unwrap(),
        user_id: owner.id,
        run_id: run,
        endpoint_id: receiver,
        url: url.to_owned(),
        body: body.to_owned(),
        round: 0,
        cancel_id: None,
        turn: None,
    };
    let mut delivery = Delivery { version: 1, ..Delivery::new(&message, EventType::Completed, now) };
    for n in 1..=attempts {
        let last = n == attempts;
        let attempt = DeliveryAttempt {
            attempt: 0,
            sent_at: now,
            duration_ms: 5,
            response_status: Some(if last { 200 } else { 500 }),
            request_headers: BTreeMap::new(),
            response_headers: BTreeMap::new(),
            response_body: Some("answer".to_owned()),
            error: (!last).then(|| "the receiver answered 500".to_owned()),
            error_class: None,
            next_attempt_at: None,
        };
        let state = if last { DeliveryState::Delivered } else { DeliveryState::Retrying };
        delivery = Delivery { version: 1, ..delivery.attempted(attempt, state) };
    }
    assert!(house.bed.store().replace_delivery(&delivery, None).await.unwrap());
    delivery.id
}

fn rows(body: &Value) -> Vec<(String, u64, String)> {
    let rows = body.as_array().unwrap().iter();
    rows.map(|row| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("id"), row["attempt"].as_u64().unwrap(), text("state"))
    })
    .collect()
}

#[tokio::test]
async fn one_row_an_attempt_the_newest_first() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let first = deliver(&house, &ada, &id, 2, r#"{"jobId":"x"}"#).await.to_string();
    let second = deliver(&house, &ada, &id, 0, "{}").await.to_string();
    let expected = vec![
        (second, 0, "pending".to_owned()),
        (first.clone(), 2, "delivered".to_owned()),
        (first, 1, "retrying".to_owned()),
    ];
    for path in [
        "/jobs/ID/deliveries",
        "/get-logs/ID",
        "/get-logs?jobId=ID",
        "/api/get-logs/ID",
        "/deliveries",
        "/get-logs",
    ] {
        let reply = house.get(&ada, &path.replace("ID", &id)).await;
        assert_eq!(rows(&reply.body["deliveries"]), expected, "{path}");
        assert_eq!(reply.body["nextCursor"], Value::Null);
    }
    let read = house.get(&ada, &format!("/jobs/{id}")).await;
    assert_eq!(rows(&read.body["webhookLogs"]), expected);
    let row = &read.body["webhookLogs"][2];
    assert_eq!((&row["responseStatus"], &row["requestBody"]), (&json!(500), &json!({"jobId": "x"})));
    assert_eq!(
        (&row["error"], &read.body["webhookLogs"][1]["error"]),
        (&json!("the receiver answered 500"), &json!(""))
    );
    let delivered = house.get(&ada, "/deliveries?state=DELIVERED,dead").await;
    assert_eq!(delivered.body["deliveries"].as_array().unwrap().len(), 2);
    let other = house.guest("bob").await;
    assert_eq!(house.get(&other, "/deliveries").await.body["deliveries"], json!([]));
}

#[tokio::test]
async fn pages_of_deliveries() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (one, two) = (
        house.created(&ada, json!({"taskName": "x"})).await,
        house.created(&ada, json!({"taskName": "y"})).await,
    );
    let mut ids = Vec::new();
    for n in 0..23 {
        let job = if n % 2 == 0 { &one } else { &two };
        ids.push((job.clone(), deliver(&house, &ada, job, n % 3, "{}").await.to_string()));
    }
    ids.reverse();
    for base in [format!("/jobs/{one}/deliveries?limit=4"), "/deliveries?limit=4".to_owned()] {
        let (mut path, mut found) = (base.clone(), Vec::new());
        loop {
            let page = house.get(&ada, &path).await;
            found.extend(rows(&page.body["deliveries"]).into_iter().map(|(id, _, _)| id));
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            path = format!("{base}&cursor={cursor}");
            assert!(found.len() < 100, "it ends");
        }
        found.dedup();
        let wanted = ids.iter().filter(|(job, _)| base.starts_with("/deliveries") || *job == one);
        assert_eq!(found, wanted.map(|(_, id)| id.clone()).collect::<Vec<_>>(), "{base}");
    }
    let cursor =
        house.get(&ada, &format!("/jobs/{one}/deliveries?limit=4")).await.text("nextCursor").to_owned();
    for path in [format!("/jobs/{two}/deliveries?cursor={cursor}"), format!("/deliveries?cursor={cursor}")] {
        assert_eq!(house.get(&ada, &path).await.places(), ["cursor"], "{path}");
    }
}

#[tokio::test]
async fn deliveries_are_found_by_their_receiver_and_the_moment_of_their_event() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let early = deliver(&house, &ada, &id, 1, "{}").await.to_string();
    house.bed.advance(std::time::Duration::from_secs(60));
    let between = house.bed.now();
    let late = deliver(&house, &ada, &id, 1, "{}").await.to_string();
    let nobody = "end_018bcfe568007abcabababababababab";
    for (query, wanted) in [
        ("endpointId=job".to_owned(), vec![&late, &early]),
        ("endpointId=deployment".to_owned(), vec![]),
        (format!("endpointId={nobody}"), vec![]),
        (format!("since={between}"), vec![&late]),
        (format!("until={between}&state=delivered"), vec![&early]),
        (format!("since={between}&until={between}"), vec![]),
    ] {
        let reply = house.get(&ada, &format!("/deliveries?{query}")).await;
        let found: Vec<_> = rows(&reply.body["deliveries"]).into_iter().map(|(id, ..)| id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted, "{query}");
    }
    for (query, place) in [
        ("endpointId=end_1", "endpointId"),
        ("since=yesterday", "since"),
        ("until=2026-13-01T00:00:00Z", "until"),
        ("state=lost", "state"),
    ] {
        assert_eq!(house.get(&ada, &format!("/deliveries?{query}")).await.places(), [place], "{query}");
    }
    let first = house.get(&ada, "/deliveries?limit=1&endpointId=job").await.text("nextCursor").to_owned();
    let other = house.get(&ada, &format!("/deliveries?limit=1&cursor={first}")).await;
    assert_eq!(other.places(), ["cursor"], "a cursor goes on in its own list alone");
}

#[tokio::test]
async fn no_answer_grows_beyond_what_lambda_can_give() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x", "payload": "p".repeat(260_000)})).await;
    let body = json!({"padding": "b".repeat(16_000)}).to_string();
    let mut all = HashSet::new();
    for _ in 0..30 {
        all.insert(deliver(&house, &ada, &id, 20, &body).await.to_string());
    }
    let read = house.get(&ada, &format!("/jobs/{id}")).await;
    assert!(
        read.body.to_string().len() < 5_000_000 && !read.body["webhookLogs"].as_array().unwrap().is_empty()
    );
    for base in [format!("/jobs/{id}/deliveries?limit=100"), "/deliveries?limit=100".to_owned()] {
        let (mut path, mut found, mut pages) = (base.clone(), HashSet::new(), 0);
        loop {
            let page = house.get(&ada, &path).await;
            assert!(page.body.to_string().len() < 5_100_000);
            found.extend(rows(&page.body["deliveries"]).into_iter().map(|(id, _, _)| id));
            pages += 1;
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            path = format!("{base}&cursor={cursor}");
            assert!(pages < 20, "it ends");
        }
        assert_eq!(found, all, "{base}");
        assert!(pages > 1);
    }
}

#[tokio::test]
async fn the_url_of_a_receiver_is_shown_to_those_whose_receiver_it_is() {
    let house = House::new().await;
    let (ada, root) = (house.guest("ada").await, house.guest_as("root", Role::Admin).await);
    let job = house.created(&ada, json!({"taskName": "x"})).await;
    let endpoint = Target::Endpoint("end_018bcfe568007abcabababababababab".parse().unwrap());
    let url = "https://hooks.example.com/services/secret?key=secret";
    for receiver in [Target::Job, endpoint, Target::Deployment] {
        deliver_to(&house, &ada, &job, (receiver, url), 2, "{}").await;
    }
    let host = "https://hooks.example.com/***";
    let of_user = format!("/deliveries?userId={}", ada.id);
    for (guest, hidden) in [(&ada, "deployment"), (&root, "end_018bcfe568007abcabababababababab")] {
        for path in [
            &format!("/jobs/{job}"),
            &format!("/jobs/{job}/deliveries"),
            &format!("/get-logs/{job}"),
            &of_user,
        ] {
            let reply = house.get(guest, path).await;
            let rows = if reply.body["webhookLogs"].is_array() { "webhookLogs" } else { "deliveries" };
            let rows = reply.body[rows].as_array().unwrap_or_else(|| panic!("{path}: {}", reply.body));
            assert_eq!(rows.len(), 6, "{path}");
            for row in rows {
                let shown = if row["endpointId"] == hidden { host } else { url };
                assert_eq!(row["url"], shown, "{path}");
            }
        }
    }
}

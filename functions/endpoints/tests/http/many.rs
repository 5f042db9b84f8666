//! Many deliveries, sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use domain::delivery::{Delivery, DeliveryState};
use domain::message::Target;
use domain::user::Role;
use serde_json::{Value, json};

use crate::house::{Guest, House, Reply, target};

const SINCE: &str = "2026-01-01T00:00:00Z";

/// So many dead deliveries, each of a job of its own.
pub(crate) async fn dead(house: &House, owner: &Guest, to: Target, count: usize) -> Vec<Delivery> {
    let mut all = Vec::new();
    for _ in 0..count {
        let job = house.job(owner).await;
        all.push(house.delivery(&job, to, DeliveryState::Dead).await);
    }
    house.bed.advance(Duration::from_millis(1));
    all
}

pub(crate) async fn again(house: &House, guest: &Guest, more: Value) -> Reply {
    let mut body = json!({"since": SINCE});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    house.post(guest, "/deliveries/redeliver", body).await
}

pub(crate) fn counts(reply: &Reply) -> (u64, u64) {
    let count = |name: &str| reply.body[name].as_u64().unwrap_or_else(|| panic!("{}", reply.body));
    (count("matched"), count("queued"))
}

/// The deliveries whose messages can be received now.
async fn sent(house: &House) -> BTreeSet<String> {
    house.messages().await.into_iter().map(|message| message.webhook_id.to_string()).collect()
}

fn ids(deliveries: &[Delivery]) -> BTreeSet<String> {
    deliveries.iter().map(|delivery| delivery.id.to_string()).collect()
}

/// What the function that delivers leaves of each: tried once more, in the next round.
pub(crate) async fn tried(house: &House, deliveries: &[Delivery], state: DeliveryState) {
    for delivery in deliveries {
        let found = house.bed.store().delivery(delivery.job_id, delivery.id).await.unwrap().unwrap();
        let mut attempt = found.attempts.last().unwrap().clone();
        attempt.sent_at = house.bed.now();
        let next = Delivery { round: found.round + 1, ..found.attempted(attempt, state) };
        assert!(house.bed.store().replace_delivery(&next, None).await.unwrap());
    }
}

#[tokio::test]
async fn what_is_dead_or_was_skipped_is_sent_ten_a_second() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let all = dead(&house, &ada, target(&id), 25).await;
    let job = house.job(&ada).await;
    for (to, state) in [(target(&id), DeliveryState::Delivered), (Target::Job, DeliveryState::Retrying)] {
        house.delivery(&job, to, state).await;
    }
    house.bed.advance(Duration::from_millis(1));
    let reply = again(&house, &ada, json!({})).await;
    assert_eq!((reply.status.as_u16(), counts(&reply)), (202, (25, 25)), "{}", reply.body);
    let told = &reply.body;
    assert_eq!(
        (&told["notSent"], &told["dryRun"], &told["nextCursor"]),
        (&json!([]), &json!(false), &Value::Null)
    );
    assert_eq!((&told["ratePerSecond"], &told["before"]), (&json!(10), &json!(house.bed.now())));
    assert_eq!(reply.headers["ratelimit"].to_str().unwrap().split(';').nth(1), Some("r=975"));
    let mut arrived = BTreeSet::new();
    for wanted in [10, 10, 5] {
        let now = sent(&house).await;
        assert_eq!(now.len(), wanted);
        arrived.extend(now);
        house.bed.advance(Duration::from_secs(1));
    }
    assert_eq!(arrived, ids(&all));
    let skipped = house.delivery(&house.job(&ada).await, target(&id), DeliveryState::Skipped).await;
    house.bed.advance(Duration::from_millis(1));
    assert_eq!(counts(&again(&house, &ada, json!({"state": "skipped"})).await), (1, 1));
    assert_eq!(sent(&house).await, ids(&[skipped]));
}

#[tokio::test]
async fn a_dry_run_sends_nothing_and_counts_nothing() {
    let house = House::with(&[("REDELIVER_RATE_MAX", "3")]).await;
    let ada = house.guest("ada").await;
    dead(&house, &ada, Target::Job, 3).await;
    dead(&house, &ada, Target::Deployment, 2).await;
    for _ in 0..3 {
        let reply = again(&house, &ada, json!({"dryRun": true})).await;
        assert_eq!(
            (reply.status.as_u16(), counts(&reply), &reply.body["dryRun"]),
            (200, (5, 0), &json!(true))
        );
        let not_sent = json!([{"endpointId": "deployment", "reason": "the deployment has no WEBHOOK_URL any more", "count": 2}]);
        assert_eq!(reply.body["notSent"], not_sent);
    }
    assert!(sent(&house).await.is_empty());
    assert_eq!(counts(&again(&house, &ada, json!({})).await), (5, 3));
}

#[tokio::test]
async fn the_same_request_again_has_nothing_sent_twice() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let all = dead(&house, &ada, Target::Job, 4).await;
    let first = again(&house, &ada, json!({"state": ["dead", "delivered"]})).await;
    let before = first.body["before"].clone();
    let request = json!({"state": ["delivered", "dead"], "before": before});
    assert_eq!(sent(&house).await, ids(&all));
    // Two of them have been tried by now, one with success and one without.
    house.bed.advance(Duration::from_secs(1));
    tried(&house, &all[..1], DeliveryState::Delivered).await;
    tried(&house, &all[1..2], DeliveryState::Dead).await;
    let second = again(&house, &ada, request.clone()).await;
    assert_eq!((counts(&second), &second.body["before"]), ((2, 2), &before));
    // What was not tried yet goes out in the same round, of which all copies are one.
    let rounds: Vec<_> =
        house.messages().await.iter().map(|message| (message.webhook_id, message.round)).collect();
    assert!(rounds.iter().all(|(_, round)| *round == 1), "{rounds:?}");
    tried(&house, &all[2..], DeliveryState::Delivered).await;
    assert_eq!(counts(&again(&house, &ada, request).await), (0, 0));
    // Without `before` it is a new request.
    house.bed.advance(Duration::from_millis(1));
    assert_eq!(counts(&again(&house, &ada, json!({"state": ["delivered", "dead"]})).await), (4, 4));
}

#[tokio::test]
async fn what_is_to_come_is_no_bound() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    dead(&house, &ada, Target::Job, 1).await;
    let reply = again(&house, &ada, json!({"before": "2099-01-01T00:00:00Z"})).await;
    assert_eq!((counts(&reply), &reply.body["before"]), ((1, 1), &json!(house.bed.now())));
}

#[tokio::test]
async fn only_what_the_request_names() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let early = dead(&house, &ada, target(&id), 2).await;
    house.bed.advance(Duration::from_secs(60));
    let noon = house.bed.now();
    let late = dead(&house, &ada, Target::Job, 3).await;
    let both =
        |some: &[Delivery], more: &[Delivery]| ids(some).union(&ids(more)).cloned().collect::<BTreeSet<_>>();
    for (more, wanted) in [
        (json!({"since": noon}), ids(&late)),
        (json!({"until": noon}), ids(&early)),
        (json!({"endpointId": id}), ids(&early)),
        (json!({"endpointId": "job"}), ids(&late)),
        (json!({"endpointId": "deployment"}), BTreeSet::new()),
        (json!({"state": "skipped"}), BTreeSet::new()),
        (json!({"state": "DEAD"}), both(&early, &late)),
    ] {
        let reply = again(&house, &ada, more.clone()).await;
        assert_eq!(counts(&reply), (wanted.len() as u64, wanted.len() as u64), "{more}: {}", reply.body);
        assert_eq!(sent(&house).await, wanted, "{more}");
    }
}

#[tokio::test]
async fn pages_have_all_of_them_once_the_newest_first() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let all = dead(&house, &ada, Target::Job, 7).await;
    let (mut cursor, mut pages, mut arrived, mut before) =
        (Value::Null, Vec::new(), BTreeSet::new(), Value::Null);
    loop {
        let reply = again(&house, &ada, json!({"limit": 3, "cursor": cursor, "before": before})).await;
        pages.push(counts(&reply));
        let now = sent(&house).await;
        assert!(now.is_disjoint(&arrived));
        if arrived.is_empty() {
            assert_eq!(now, ids(&all[4..]));
        }
        arrived.extend(now);
        (cursor, before) = (reply.body["nextCursor"].clone(), reply.body["before"].clone());
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!((pages, arrived), (vec![(3, 3), (3, 3), (1, 1)], ids(&all)));
    // A cursor fits the request that it was made for.
    let first = again(&house, &ada, json!({"limit": 3, "dryRun": true})).await.body["nextCursor"].clone();
    let other = again(&house, &ada, json!({"limit": 3, "state": "dead", "cursor": first})).await;
    assert_eq!((other.status.as_u16(), other.places()), (400, vec!["/cursor"]));
}

#[tokio::test]
async fn what_cannot_be_sent_is_told_by_receiver_and_reason() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let on = house.endpoint(&ada, json!({})).await;
    let off = house.endpoint(&ada, json!({"enabled": false})).await;
    let gone = house.endpoint(&ada, json!({})).await;
    house.gone(&gone).await;
    let deleted = house.endpoint(&ada, json!({})).await;
    house.ask(&ada, "DELETE", &format!("/webhooks/{deleted}"), &[], "").await;
    let mut good = dead(&house, &ada, target(&on), 2).await;
    for (id, count) in [(&off, 3), (&gone, 1), (&deleted, 2)] {
        dead(&house, &ada, target(id), count).await;
    }
    good.extend(dead(&house, &ada, Target::Job, 1).await);
    let reply = again(&house, &ada, json!({})).await;
    assert_eq!(counts(&reply), (9, 3), "{}", reply.body);
    let told = reply.body["notSent"].as_array().unwrap();
    let count = |id: &str, part: &str| {
        let one =
            told.iter().find(|one| one["endpointId"] == id && one["reason"].as_str().unwrap().contains(part));
        one.unwrap_or_else(|| panic!("{told:?}"))["count"].clone()
    };
    assert_eq!(told.len(), 3);
    assert_eq!(
        (count(&off, "switched off"), count(&gone, "410"), count(&deleted, "deleted")),
        (json!(3), json!(1), json!(2))
    );
    assert_eq!(sent(&house).await, ids(&good));
    // Only what is sent counts.
    assert!(reply.headers["ratelimit"].to_str().unwrap().contains("r=997"));
}

#[tokio::test]
async fn where_there_is_no_room_for_all_none_is_sent() {
    let house = House::with(&[("REDELIVER_RATE_MAX", "4"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let (ada, root) = (house.guest("ada").await, house.guest_as("root", Role::Admin).await);
    dead(&house, &ada, Target::Job, 5).await;
    let refused = again(&house, &ada, json!({})).await;
    assert_eq!(refused.problem(), (429, "rate-limited"));
    assert!(refused.text("detail").contains("ask for fewer"), "{}", refused.body);
    assert_eq!(
        (&refused.headers["retry-after"], &refused.headers["ratelimit"]),
        (&"60".parse().unwrap(), &"\"redeliver\";r=4;t=60".parse().unwrap())
    );
    assert!(sent(&house).await.is_empty());
    let some = again(&house, &ada, json!({"limit": 3})).await;
    assert_eq!(counts(&some), (3, 3));
    assert_eq!(again(&house, &ada, json!({"limit": 2})).await.problem(), (429, "rate-limited"));
    assert_eq!(counts(&again(&house, &ada, json!({"limit": 1})).await), (1, 1));
    // It is the limit of who asks, not of whose they are.
    assert_eq!(counts(&again(&house, &root, json!({"limit": 2, "userId": ada.id})).await), (2, 2));
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(counts(&again(&house, &ada, json!({"limit": 4})).await), (4, 4));
    let free = House::with(&[("REDELIVER_RATE_MAX", "0")]).await;
    let bob = free.guest("bob").await;
    dead(&free, &bob, Target::Job, 5).await;
    assert_eq!(counts(&again(&free, &bob, json!({})).await), (5, 5));
}

#[tokio::test]
async fn only_an_admin_names_another_user() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let root = house.guest_as("root", Role::Admin).await;
    let id = house.endpoint(&ada, json!({"url": "https://example.com/hers"})).await;
    let all = dead(&house, &ada, target(&id), 2).await;
    assert_eq!(counts(&again(&house, &bob, json!({})).await), (0, 0));
    assert_eq!(counts(&again(&house, &root, json!({})).await), (0, 0));
    let refused = again(&house, &bob, json!({"userId": ada.id})).await;
    assert_eq!((refused.problem(), refused.places()), ((403, "forbidden"), vec!["/userId"]));
    assert_eq!(counts(&again(&house, &ada, json!({"userId": ada.id, "dryRun": true})).await), (2, 0));
    assert_eq!(counts(&again(&house, &root, json!({"userId": ada.id})).await), (2, 2));
    let messages = house.messages().await;
    assert!(
        messages.iter().all(|message| message.user_id == ada.id && message.url == "https://example.com/hers")
    );
    assert_eq!(messages.len(), all.len());
}

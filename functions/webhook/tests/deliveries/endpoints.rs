//! Deliveries to endpoints: whose secret signs, what goes with them, and what becomes of those that are switched off.

use std::time::Duration;

use courier::{HIDDEN, Header};
use domain::delivery::DeliveryState;
use domain::message::Deliver;
use domain::user::Signing;

use crate::faults::Fails::Before;
use crate::house::{ENDPOINT_SECRET, House, OWNER_SECRET};
use crate::sink::answer;

#[tokio::test]
async fn the_endpoints_own_secret_signs() {
    let house = House::build().await;
    let (endpoint, message) = house.heard_by(|_| {}).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let request = &house.sink.take()[0];
    assert!(request.verified_by(ENDPOINT_SECRET) && !request.verified_by(OWNER_SECRET));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.endpoint_id), (DeliveryState::Delivered, message.endpoint_id));
    assert_eq!(record.url, endpoint.url);
    // What follows from the rest of the record is not kept again.
    let kept: Vec<_> = record.attempts[0].request_headers.keys().map(String::as_str).collect();
    assert_eq!(kept, ["user-agent", "webhook-signature", "x-signature"]);
    assert_eq!(record.attempts[0].request_headers["webhook-signature"], request.header("webhook-signature"));
}

#[tokio::test]
async fn both_secrets_sign_while_a_rotation_lasts() {
    const NEW: &str = "whsec_bmV3IHNlY3JldA==";
    let house = House::build().await;
    let (endpoint, _) = house.heard_by(|_| {}).await;
    let until = house.now().plus(Duration::from_secs(3_600));
    let now = house.now();
    let rotated = |signing: Signing| signing.rotated(house.sealed(NEW, &endpoint.id.to_string()), until, now);
    let endpoint = house.change(&endpoint, |next| next.signing = rotated(next.signing.clone())).await;
    for (old_signs, wait) in [(true, 3_600), (false, 0)] {
        house.send(&house.owed_to(&endpoint).await).await;
        assert_eq!(house.step().await, (1, 0));
        let request = &house.sink.take()[0];
        assert!(request.verified_by(NEW));
        assert_eq!(request.verified_by(ENDPOINT_SECRET), old_signs);
        house.pass_seconds(wait);
    }
}

#[tokio::test]
async fn its_owners_headers_go_along_and_are_not_shown() {
    let house = House::build().await;
    let header = |name: &str, value: &str| Header::parse(name, value).unwrap();
    let text = Header::write(&[header("Authorization", "Bearer abc"), header("X-Team", "blue")]);
    let (_, message) = house
        .heard_by(|endpoint| endpoint.headers = Some(house.sealed(&text, &endpoint.id.to_string())))
        .await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let request = &house.sink.take()[0];
    assert_eq!((request.header("authorization"), request.header("x-team")), ("Bearer abc", "blue"));
    assert!(request.verified_by(ENDPOINT_SECRET));
    let record = house.record(&message).await;
    let kept = &record.attempts[0].request_headers;
    assert_eq!((kept["authorization"].as_str(), kept["x-team"].as_str()), (HIDDEN, HIDDEN));
}

#[tokio::test]
async fn headers_or_a_secret_that_cannot_be_opened_are_told() {
    for headers in [true, false] {
        let house = House::build().await;
        let spoil = house.sealed("[]", "somebody else");
        let (endpoint, message) = house
            .heard_by(|endpoint| match headers {
                true => endpoint.headers = Some(spoil),
                false => endpoint.signing = Signing::of(spoil),
            })
            .await;
        house.send(&message).await;
        assert_eq!(house.step().await, (0, 1));
        assert_eq!(house.sink.arrivals(), 0);
        let attempt = house.record(&message).await.attempts[0].clone();
        assert_eq!(attempt.error_class.as_deref(), Some("secret"));
        assert!(attempt.error.unwrap().contains("cannot be opened"));
        // Nobody was asked, so nothing is held against the receiver.
        assert_eq!(house.health(&endpoint).await.failing_since, None);
    }
}

#[tokio::test]
async fn its_own_steps_take_the_place_of_the_deployments() {
    let house = House::build().await;
    for (steps, attempts) in [("1s,1s", 3), ("none", 1)] {
        let (_, message) = house.heard_by(|endpoint| endpoint.steps = Some(steps.parse().unwrap())).await;
        house.sink.will((0..attempts).map(|_| answer(500)));
        house.send(&message).await;
        for _ in 1..attempts {
            assert_eq!(house.step().await, (0, 1));
            house.pass_step(&message).await;
        }
        assert_eq!(house.step().await, (1, 0));
        let record = house.record(&message).await;
        assert_eq!((record.state, record.attempt_count), (DeliveryState::Dead, attempts));
        assert_eq!(house.exhume().await.len(), 1);
    }
}

#[tokio::test]
async fn what_is_on_its_way_goes_where_the_endpoint_is_now() {
    let house = House::build().await;
    let (endpoint, message) =
        house.heard_by(|endpoint| endpoint.url = "http://127.0.0.1:1/".to_owned()).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.record(&message).await.attempts[0].error_class.as_deref(), Some("connect"));
    house.change(&endpoint, |next| next.url = house.sink.url()).await;
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.url), (DeliveryState::Delivered, house.sink.url()));
}

#[tokio::test]
async fn an_event_for_an_endpoint_that_is_off_is_kept_and_can_be_sent_later() {
    let house = House::build().await;
    let (endpoint, message) = house.heard_by(|endpoint| endpoint.enabled = false).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    let why = record.skipped.unwrap().why;
    assert_eq!((record.state, why.as_str()), (DeliveryState::Skipped, "the endpoint is switched off"));
    assert_eq!((house.sink.arrivals(), record.attempt_count, house.is_idle()), (0, 0, true));
    // A second copy of the message sends nothing either, even once the endpoint is on.
    house.change(&endpoint, |next| next.enabled = true).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.sink.arrivals(), 0);
    house.send(&Deliver { round: 1, ..message.clone() }).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.attempt_count, record.skipped), (DeliveryState::Delivered, 1, None));
    assert_eq!(house.sink.take()[0].header("webhook-id"), message.webhook_id.to_string());
}

#[tokio::test]
async fn what_is_tried_again_stops_when_the_endpoint_is_switched_off() {
    let house = House::build().await;
    let (endpoint, message) = house.heard_by(|_| {}).await;
    house.sink.will([answer(500)]);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    house.change(&endpoint, |next| next.enabled = false).await;
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!(
        (record.state, record.attempt_count, record.next_attempt_at),
        (DeliveryState::Skipped, 1, None)
    );
    assert_eq!((house.sink.arrivals(), house.is_idle()), (1, true));
}

#[tokio::test]
async fn what_was_for_a_deleted_endpoint_is_dropped_and_what_was_tried_is_kept() {
    let house = House::build().await;
    let (endpoint, tried) = house.heard_by(|_| {}).await;
    house.sink.will([answer(500)]);
    house.send(&tried).await;
    assert_eq!(house.step().await, (0, 1));
    let fresh = house.owed_to(&endpoint).await;
    house.store.delete_endpoint(endpoint.user_id, endpoint.id).await.unwrap();
    house.send(&fresh).await;
    house.pass_step(&tried).await;
    assert_eq!(house.step().await, (2, 0));
    assert_eq!((house.found(&fresh).await, house.sink.arrivals()), (None, 1));
    let record = house.record(&tried).await;
    let why = record.skipped.unwrap().why;
    assert_eq!((record.state, why.as_str()), (DeliveryState::Skipped, "the endpoint was deleted"));
    assert!(house.is_idle());
}

#[tokio::test]
async fn that_it_was_skipped_is_written_or_the_message_comes_again() {
    let house = House::build().await;
    let (_, message) = house.heard_by(|endpoint| endpoint.enabled = false).await;
    house.send(&message).await;
    (0..3).for_each(|_| house.faults.next("PutItem", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.found(&message).await, None);
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Skipped);
}

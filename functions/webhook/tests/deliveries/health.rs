//! What deliveries tell of their receivers: who only fails is switched off after a warning, who is gone at once.

use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::endpoint::{Endpoint, Told};
use domain::message::{Deliver, JobMessage, Target};

use crate::faults::Fails::{After, Before};
use crate::house::House;
use crate::sink::answer;

const DAY: u64 = 86_400;
/// As often as the SDK tries.
const EVERY_TRY: usize = 3;

/// A new delivery, which is answered like this.
async fn deliver(house: &House, endpoint: &Endpoint, status: u16) -> Deliver {
    let message = house.owed_to(endpoint).await;
    house.sink.will([answer(status)]);
    house.send(&message).await;
    house.step().await;
    message
}

fn notices(told: &[JobMessage]) -> Vec<(Told, i64)> {
    let one = |message: &JobMessage| match message {
        JobMessage::EndpointNotice { told, at, .. } => (*told, at.as_millis()),
        other => panic!("{other:?}"),
    };
    told.iter().map(one).collect()
}

async fn single(house: &House) -> Endpoint {
    house.heard_by(|endpoint| endpoint.steps = Some("none".parse().unwrap())).await.0
}

#[tokio::test]
async fn failures_are_counted_from_the_first_and_forgotten_with_a_success() {
    let house = House::build().await;
    let endpoint = single(&house).await;
    let first = house.now();
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(DAY);
    deliver(&house, &endpoint, 404).await;
    assert_eq!(house.health(&endpoint).await.failing_since, Some(first));
    deliver(&house, &endpoint, 204).await;
    let health = house.health(&endpoint).await;
    assert_eq!((health.failing_since, health.latency), (None, Some(0)));
}

#[tokio::test]
async fn who_only_fails_is_warned_of_and_then_switched_off() {
    let house = House::build().await;
    let endpoint = single(&house).await;
    let since = house.now().as_millis();
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(DAY * 5 / 2 - 1);
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(5);
    assert!(house.told().await.is_empty());

    deliver(&house, &endpoint, 500).await;
    assert!(house.told().await.is_empty(), "it waits until the record shows what it tells");
    house.pass_seconds(5);
    assert_eq!(notices(&house.told().await), [(Told::Warning, since)]);
    assert!(house.health(&endpoint).await.warned_at.is_some());
    house.pass_seconds(DAY);
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(5);
    assert!(house.told().await.is_empty(), "one warning is enough");

    house.pass_seconds(DAY * 3 / 2);
    let off = house.now().as_millis();
    let last = deliver(&house, &endpoint, 500).await;
    assert_eq!(house.record(&last).await.state, DeliveryState::Dead);
    house.pass_seconds(5);
    assert_eq!(notices(&house.told().await), [(Told::Failing, off)]);
    let health = house.health(&endpoint).await;
    assert_eq!(
        (health.disabled_for, health.disabled_at.map(|at| at.as_millis())),
        (Some(Told::Failing), Some(off))
    );

    let kept = deliver(&house, &endpoint, 200).await;
    let record = house.record(&kept).await;
    assert_eq!((record.state, record.attempt_count), (DeliveryState::Skipped, 0));
    assert!(record.skipped.unwrap().why.contains("nothing but fail"));

    house.store.switch_on(&domain::health::Subject::endpoint(endpoint.id)).await.unwrap();
    house.send(&Deliver { round: 1, ..kept.clone() }).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&kept).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn who_is_seldom_used_is_warned_a_day_before_too() {
    let house = House::build().await;
    let endpoint = single(&house).await;
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(30 * DAY);
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(DAY - 1);
    deliver(&house, &endpoint, 500).await;
    assert_eq!(house.health(&endpoint).await.disabled_at, None);
    house.pass_seconds(1);
    deliver(&house, &endpoint, 500).await;
    assert_eq!(house.health(&endpoint).await.disabled_for, Some(Told::Failing));
}

#[tokio::test]
async fn nobody_is_switched_off_if_so_set() {
    let house = House::with(&[("WEBHOOK_DISABLE_DAYS", "0")]).await;
    let endpoint = single(&house).await;
    for _ in 0..3 {
        deliver(&house, &endpoint, 500).await;
        house.pass_seconds(100 * DAY);
    }
    assert_eq!(house.health(&endpoint).await.disabled_at, None);
    assert!(house.told().await.is_empty());
}

#[tokio::test]
async fn who_is_gone_is_switched_off_at_once() {
    let house = House::build().await;
    let endpoint = house.heard_by(|_| {}).await.0;
    let off = house.now().as_millis();
    let gone = deliver(&house, &endpoint, 410).await;
    let record = house.record(&gone).await;
    assert_eq!((record.state, record.attempt_count), (DeliveryState::Dead, 1));
    assert_eq!(house.exhume().await.len(), 1);
    assert_eq!(house.health(&endpoint).await.disabled_for, Some(Told::Gone));
    house.pass_seconds(5);
    assert_eq!(notices(&house.told().await), [(Told::Gone, off)]);
    let next = deliver(&house, &endpoint, 200).await;
    let record = house.record(&next).await;
    assert_eq!(record.state, DeliveryState::Skipped);
    assert!(record.skipped.unwrap().why.contains("410 Gone"));
}

#[tokio::test]
async fn a_jobs_own_receiver_and_the_deployments_are_not_switched_off() {
    for target in [Target::Job, Target::Deployment] {
        let house = House::build().await;
        let (_, message) = house.owing(target).await;
        house.sink.will([answer(410)]);
        house.send(&message).await;
        assert_eq!(house.step().await, (1, 0));
        house.pass_seconds(5);
        assert!(house.told().await.is_empty());
        let (_, next) = house.owing(target).await;
        house.send(&next).await;
        assert_eq!(house.step().await, (1, 0));
        assert_eq!(house.record(&next).await.state, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn no_delivery_fails_because_its_receivers_health_cannot_be_noted() {
    for fails in [Before, After] {
        let house = House::build().await;
        let endpoint = house.heard_by(|_| {}).await.0;
        deliver(&house, &endpoint, 200).await;
        let message = house.owed_to(&endpoint).await;
        house.sink.will([answer(500)]);
        (0..EVERY_TRY).for_each(|_| house.faults.next("UpdateItem", fails));
        house.send(&message).await;
        assert_eq!(house.step().await, (0, 1));
        assert_eq!(house.record(&message).await.attempt_count, 1);
    }
}

#[tokio::test]
async fn nobody_is_switched_off_whose_owner_cannot_be_told() {
    let house = House::build().await;
    let endpoint = single(&house).await;
    deliver(&house, &endpoint, 500).await;
    house.pass_seconds(3 * DAY);
    (0..EVERY_TRY).for_each(|_| house.faults.next("SendMessage", Before));
    // The letter of the dead delivery is sent by the same call, and tried again: its message comes once more.
    deliver(&house, &endpoint, 500).await;
    assert_eq!(house.health(&endpoint).await.warned_at, None);
    house.pass(Duration::from_secs(10));
    deliver(&house, &endpoint, 500).await;
    assert!(house.health(&endpoint).await.warned_at.is_some());
}

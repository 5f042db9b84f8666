//! The same message twice.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::message::{Deliver, Target};
use tokio::sync::Barrier;

use crate::house::House;
use crate::sink::answer;

#[tokio::test]
async fn a_duplicate_of_a_delivered_message_sends_nothing() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    for _ in 0..2 {
        house.send(&message).await;
        assert_eq!(house.step().await, (1, 0));
    }
    assert_eq!(house.sink.arrivals(), 1);
    assert_eq!(house.record(&message).await.attempt_count, 1);
    house.send(&Deliver { round: 1, ..message.clone() }).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.sink.arrivals(), 2);
    assert_eq!(house.record(&message).await.attempt_count, 2);
}

#[tokio::test]
async fn a_duplicate_that_comes_early_waits_for_the_next_attempt() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(503).header("retry-after", "30")]);
    house.send(&message).await;
    house.step().await;
    house.pass_seconds(5);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.sink.arrivals(), 1);
    house.pass_seconds(24);
    assert_eq!(house.step().await, (0, 0));
}

/// Sends the message twice in one batch; both copies reach the receiver before either is answered.
async fn race(house: &House, message: &Deliver, statuses: [u16; 2]) {
    let barrier = Arc::new(Barrier::new(2));
    let told = ["one", "two"].into_iter().zip(statuses);
    house.sink.will(told.map(|(body, status)| answer(status).body(body).meeting(&barrier)));
    house.send(message).await;
    house.send(message).await;
}

#[tokio::test]
async fn two_at_once_are_both_recorded_and_one_success_is_enough() {
    for statuses in [[200, 200], [500, 200], [200, 410]] {
        let house = House::build().await;
        let (_, message) = house.owing(Target::Job).await;
        race(&house, &message, statuses).await;
        let (done, again) = house.step().await;
        assert_eq!(done + again, 2);
        assert_eq!(house.sink.arrivals(), 2);
        house.pass_seconds(2);
        house.step().await;
        let record = house.record(&message).await;
        assert_eq!((record.attempt_count, record.version), (2, 2), "{statuses:?}");
        assert_eq!(record.state, DeliveryState::Delivered, "{statuses:?}");
        assert_eq!([record.attempts[0].attempt, record.attempts[1].attempt], [1, 2]);
        assert_eq!((house.sink.arrivals(), house.is_idle()), (2, true), "{statuses:?}");
    }
}

#[tokio::test]
async fn two_at_once_use_up_one_step_and_do_not_meet_again() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1s,10s")]).await;
    let (_, message) = house.owing(Target::Job).await;
    race(&house, &message, [500, 500]).await;
    assert_eq!(house.step().await, (0, 2));
    let record = house.record(&message).await;
    assert_eq!((record.attempt_count, record.round_attempts), (2, 1));
    assert_eq!(record.state, DeliveryState::Retrying);
    house.sink.will([answer(500)]);
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.record(&message).await.round_attempts, 2);
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    house.pass(Duration::from_secs(30));
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.sink.arrivals(), 4);
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
    assert!(house.is_idle());
}

//! Faults of our own: the table, the queues, the secrets, and messages that are none.

use domain::delivery::DeliveryState;
use domain::message::{Deliver, Target};

use crate::faults::Fails::{After, Before, Overtaken, Refused};
use crate::house::House;
use crate::sink::answer;

/// As often as the SDK tries.
const EVERY_TRY: usize = 3;

#[tokio::test]
async fn while_the_table_is_out_of_reach_nothing_is_sent_and_nothing_is_lost() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    (0..EVERY_TRY).for_each(|_| house.faults.next("BatchGetItem", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn while_a_secret_is_out_of_reach_nothing_is_counted_against_the_receiver() {
    for endpoint in [Target::Job, Target::Deployment] {
        let house = House::build().await;
        let (_, message) = house.owing(endpoint).await;
        house.send(&message).await;
        (0..EVERY_TRY).for_each(|_| house.faults.next("GetSecretValue", Before));
        assert_eq!(house.step().await, (0, 1));
        assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
        house.pass_seconds(5);
        assert_eq!(house.step().await, (1, 0));
        assert_eq!(house.record(&message).await.attempt_count, 1);
    }
}

#[tokio::test]
async fn an_attempt_that_could_not_be_written_is_made_again_under_the_same_id() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    (0..EVERY_TRY).for_each(|_| house.faults.next("PutItem", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.found(&message).await, None);
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.state, record.attempts[0].attempt), (DeliveryState::Delivered, 1));
    let arrived = house.sink.take();
    assert_eq!(arrived.len(), 2);
    assert_eq!(arrived[0].header("webhook-id"), arrived[1].header("webhook-id"));
}

#[tokio::test]
async fn a_write_whose_answer_is_lost_counts_once() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    house.faults.next("PutItem", After);
    assert_eq!(house.step().await, (1, 0));
    let record = house.record(&message).await;
    assert_eq!((record.attempt_count, record.state), (1, DeliveryState::Delivered));
    assert_eq!(house.sink.arrivals(), 1);
}

#[tokio::test]
async fn a_write_that_nobody_confirms_is_found_when_the_message_comes_again() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(503).header("retry-after", "30")]);
    house.send(&message).await;
    // The first write takes effect; neither it nor the question after it is answered.
    house.faults.next("PutItem", After);
    (0..EVERY_TRY).for_each(|_| house.faults.next("GetItem", Before));
    assert_eq!(house.step().await, (0, 1));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.sink.arrivals(), 1);
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.attempt_count, 2);
}

#[tokio::test]
async fn a_write_that_was_written_over_before_it_was_confirmed_counts_once() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    let barrier = std::sync::Arc::new(tokio::sync::Barrier::new(2));
    house.sink.will(["one", "two"].map(|body| answer(500).body(body).meeting(&barrier)));
    house.send(&message).await;
    house.send(&message).await;
    // Whoever writes first is not told so, and asks only after the other has lost the race and written over it.
    house.faults.next("PutItem", Overtaken);
    assert_eq!(house.step().await, (0, 2));
    let record = house.record(&message).await;
    assert_eq!((record.attempt_count, record.round_attempts), (2, 1));
    assert_ne!(record.attempts[0].response_body, record.attempts[1].response_body);
}

#[tokio::test]
async fn an_attempt_that_loses_every_race_leaves_its_message_in_the_queue() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    (0..5).for_each(|_| house.faults.next("PutItem", Refused));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (1, None));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.attempt_count, 1);
}

#[tokio::test]
async fn a_copy_that_cannot_be_sent_leaves_the_message_where_it_is() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1h")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(500)]);
    house.send(&message).await;
    (0..EVERY_TRY).for_each(|_| house.faults.next("SendMessageBatch", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.depth("webhooks"), (0, 1, 0));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.depth("webhooks"), (0, 0, 1));
    assert_eq!(house.sink.arrivals(), 1);
}

#[tokio::test]
async fn a_crash_between_the_last_write_and_the_burial_ends_in_the_burial() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([answer(410)]);
    house.send(&message).await;
    (0..EVERY_TRY).for_each(|_| house.faults.next("SendMessage", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.record(&message).await.state, DeliveryState::Dead);
    assert_eq!(house.depth("webhooks-dlq"), (0, 0, 0));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.depth("webhooks-dlq"), (1, 0, 0));
    assert_eq!(house.sink.arrivals(), 1);
}

#[tokio::test]
async fn what_is_no_message_fails_alone() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send_text("webhooks", "{").await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 1));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn a_message_whose_body_is_no_event_is_buried() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&Deliver { body: "{}".to_owned(), ..message }).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.depth("webhooks-dlq"), (1, 0, 0));
    assert_eq!(house.sink.arrivals(), 0);
}

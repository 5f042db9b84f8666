//! How many deliveries go to one receiver at once: few to who is slow or unknown, so many a second to who wants that.

use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::endpoint::Endpoint;
use domain::health::Subject;
use domain::message::Deliver;

use crate::faults::Fails::Before;
use crate::house::House;
use crate::sink::answer;

async fn queue_up(house: &House, endpoint: &Endpoint, count: usize) -> Vec<Deliver> {
    let mut messages = Vec::new();
    for _ in 0..count {
        messages.push(house.owed_to(endpoint).await);
        house.send(messages.last().unwrap()).await;
    }
    messages
}

async fn deliver_rest(house: &House, messages: &[Deliver], seconds: u64) -> Vec<usize> {
    let mut each_second = Vec::new();
    for _ in 0..seconds {
        while house.step().await != (0, 0) {}
        each_second.push(house.sink.take().len());
        house.pass_seconds(1);
    }
    for message in messages {
        assert_eq!(house.record(message).await.state, DeliveryState::Delivered);
        assert_eq!(house.record(message).await.attempt_count, 1);
    }
    assert!(house.is_idle());
    each_second
}

#[tokio::test]
async fn to_who_is_unknown_go_five_first_and_to_who_was_quick_all_the_others() {
    let house = House::build().await;
    let (endpoint, _) = house.heard_by(|_| {}).await;
    let messages = queue_up(&house, &endpoint, 10).await;
    assert_eq!(house.step().await, (5, 5));
    assert_eq!(house.sink.take().len(), 5);
    house.pass_seconds(1);
    assert_eq!(house.step().await, (5, 0));
    assert_eq!(house.sink.take().len(), 5);
    for message in &messages {
        assert_eq!(house.record(message).await.state, DeliveryState::Delivered);
    }
}

#[tokio::test]
async fn to_who_is_slow_go_three_in_the_time_that_it_takes() {
    let house = House::build().await;
    let (endpoint, _) = house.heard_by(|_| {}).await;
    house.store.note_slow(&Subject::endpoint(endpoint.id), 15, house.now()).await.unwrap();
    let messages = queue_up(&house, &endpoint, 10).await;
    house.sink.will([answer(200).late(Duration::from_millis(2_100))]);
    assert_eq!(house.step().await, (1, 9), "one is on its way");
    assert_eq!(house.health(&endpoint).await.latency, Some(4), "as it has shown itself");
    // The next turn is a third of the time away that it was known to take; then it is quick, and all go.
    let each_second = deliver_rest(&house, &messages, 80).await;
    assert_eq!((each_second[0], &each_second[1..5]), (1, &[0; 4][..]), "{each_second:?}");
    assert_eq!(each_second.iter().sum::<usize>(), 10, "{each_second:?}");
}

#[tokio::test]
async fn who_takes_long_is_slow_while_it_still_does() {
    let house = House::build().await;
    let (endpoint, message) = house.heard_by(|_| {}).await;
    house.sink.will([answer(200).late(Duration::from_millis(3_000))]);
    house.send(&message).await;
    let meanwhile = async {
        tokio::time::sleep(Duration::from_millis(2_600)).await;
        house.health(&endpoint).await.latency
    };
    let (stepped, known) = tokio::join!(house.step(), meanwhile);
    assert_eq!((stepped, known), ((1, 0), Some(15)));
    assert_eq!(house.health(&endpoint).await.latency, Some(4));
}

#[tokio::test]
async fn so_many_a_second_go_to_who_wants_no_more() {
    let house = House::build().await;
    let (endpoint, first) = house.heard_by(|endpoint| endpoint.rate = Some(2)).await;
    house.send(&first).await;
    assert_eq!(house.step().await, (1, 0));
    house.sink.take();
    house.pass_seconds(10);
    let messages = queue_up(&house, &endpoint, 20).await;
    let each_second = deliver_rest(&house, &messages, 12).await;
    assert_eq!(each_second.iter().sum::<usize>(), 20);
    assert!(each_second.iter().all(|sent| *sent <= 3), "{each_second:?}");
    assert!(each_second[..9].iter().all(|sent| *sent >= 1), "nobody waits without need: {each_second:?}");
}

#[tokio::test]
async fn a_turn_that_cannot_be_taken_keeps_the_message() {
    let house = House::build().await;
    let (_, message) = house.heard_by(|_| {}).await;
    house.send(&message).await;
    (0..3).for_each(|_| house.faults.next("UpdateItem", Before));
    assert_eq!(house.step().await, (0, 1));
    assert_eq!((house.sink.arrivals(), house.found(&message).await), (0, None));
    house.pass_seconds(5);
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.attempt_count, 1);
}

#[tokio::test]
async fn a_copy_that_cannot_be_sent_leaves_the_message() {
    let house = House::build().await;
    let (endpoint, first) = house.heard_by(|endpoint| endpoint.rate = Some(1)).await;
    house.send(&first).await;
    assert_eq!(house.step().await, (1, 0));
    let second = house.owed_to(&endpoint).await;
    house.send(&second).await;
    (0..3).for_each(|_| house.faults.next("SendMessageBatch", Before));
    assert_eq!(house.step().await, (0, 1));
    house.pass_seconds(5);
    assert_eq!(deliver_rest(&house, &[second], 5).await.iter().sum::<usize>(), 2);
}

#[tokio::test]
async fn who_has_no_more_turns_to_give_out_is_asked_again_later() {
    let house = House::build().await;
    let (endpoint, first) = house.heard_by(|endpoint| endpoint.rate = Some(1)).await;
    house.send(&first).await;
    assert_eq!(house.step().await, (1, 0));
    // Turns are given out for a quarter of an hour.
    let subject = Subject::endpoint(endpoint.id);
    let pace = house.health(&endpoint).await.pace(Some(1)).unwrap();
    while house
        .store
        .take_turn(&subject, house.health(&endpoint).await.turn, pace, house.now())
        .await
        .unwrap()
        != store::Turn::Later
    {}
    let message = house.owed_to(&endpoint).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(house.found(&message).await, None);
    house.pass_seconds(1_000);
    house.sink.take();
    deliver_rest(&house, &[message], 5).await;
}

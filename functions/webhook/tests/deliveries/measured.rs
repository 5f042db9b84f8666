//! What is measured of a delivery.

use std::collections::BTreeMap;

use domain::delivery::DeliveryState;
use domain::message::Target;
use testkit::Recorded;

use crate::house::House;
use crate::sink::answer;

fn measured(of: &[(&str, u64)]) -> BTreeMap<String, Vec<u64>> {
    of.iter().map(|(name, value)| ((*name).to_owned(), vec![*value])).collect()
}

#[tokio::test]
async fn each_attempt_counts_the_first_is_timed_and_the_last_that_fails_is_the_end() {
    let house = House::with(&[("WEBHOOK_RETRY_SCHEDULE", "1s")]).await;
    let (_, message) = house.owing(Target::Job).await;
    house.sink.will([500, 500].map(answer));
    let recorded = Recorded::start();
    house.pass_seconds(3);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    assert_eq!(recorded.take(), measured(&[("DeliveryAttempts", 1), ("DeliveryLatency", 3_000)]));
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Dead);
    assert_eq!(recorded.take(), measured(&[("DeliveryAttempts", 1), ("DeliveriesDead", 1)]));
    // The same message once more is buried once more, but has died once.
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(recorded.take(), BTreeMap::new());
}

#[tokio::test]
async fn what_is_delivered_already_is_not_counted() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    let recorded = Recorded::start();
    for wanted in [measured(&[("DeliveryAttempts", 1), ("DeliveryLatency", 0)]), BTreeMap::new()] {
        house.send(&message).await;
        assert_eq!(house.step().await, (1, 0));
        assert_eq!(recorded.take(), wanted);
    }
}

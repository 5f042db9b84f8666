//! Deliveries whose records or jobs are not any more what the list says.

use std::time::Duration;

use domain::delivery::DeliveryState;
use domain::message::Target;
use domain::time::Moment;
use serde_json::json;

use crate::house::House;
use crate::many::{again, counts, dead, tried};

#[tokio::test]
async fn a_job_that_is_gone_is_told_of_no_more() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let one = dead(&house, &ada, Target::Job, 1).await.remove(0);
    let job = house.bed.store().job(one.job_id, house.bed.now()).await.unwrap().unwrap();
    let mark = domain::life::delete(&job, house.bed.now(), Duration::from_secs(60));
    house.bed.store().replace_job(&mark).await.unwrap();
    let reply = again(&house, &ada, json!({})).await;
    assert_eq!(counts(&reply), (1, 0));
    assert!(
        reply.body["notSent"][0]["reason"].as_str().unwrap().contains("job was deleted"),
        "{}",
        reply.body
    );
}

#[tokio::test]
async fn a_record_that_has_moved_on_since_it_was_listed_is_not_sent() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let one = dead(&house, &ada, Target::Job, 1).await.remove(0);
    let path = format!("/jobs/{}/deliveries/{}/redeliver", one.job_id, one.id);
    tried(&house, &[one], DeliveryState::Retrying).await;
    house.bed.advance(Duration::from_millis(1));
    assert_eq!(counts(&again(&house, &ada, json!({})).await), (0, 0));
    assert_eq!(house.post(&ada, &path, json!({})).await.status, 409);
    let since: Moment = house.bed.now();
    assert_eq!(again(&house, &ada, json!({"since": since, "until": since})).await.places(), ["/until"]);
}

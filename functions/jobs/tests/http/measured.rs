//! What is counted.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::Recorded;

use crate::house::House;

#[tokio::test]
async fn a_job_that_was_made_counts_once_under_its_priority() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let recorded = Recorded::start();
    let header = [("Idempotency-Key", "order-17")];
    let body = json!({"taskName": "x", "priority": "high"}).to_string();
    for _ in 0..2 {
        assert_eq!(house.ask(&ada, "POST", "/jobs", &header, body.clone()).await.status, 201);
    }
    assert_eq!(house.post(&ada, "/jobs", json!({"priority": "low"})).await.status, 400);
    house.get(&ada, "/jobs").await;
    assert_eq!(recorded.take(), BTreeMap::from([("JobsCreated high".to_owned(), vec![1])]));

    let jobs = json!({"jobs": [{"taskName": "one"}, {"taskName": "two"}, {}, {"taskName": "three", "priority": "medium"}]});
    assert_eq!(house.post(&ada, "/jobs/batch", jobs).await.status, 207);
    let counted = [("JobsCreated low".to_owned(), vec![2]), ("JobsCreated medium".to_owned(), vec![1])];
    assert_eq!(recorded.take(), BTreeMap::from(counted));
}

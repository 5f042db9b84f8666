//! Reading endpoints.

use std::time::Duration;

use domain::endpoint::Told;
use domain::health::{Showing, Subject};
use serde_json::{Value, json};

use crate::house::House;

#[tokio::test]
async fn a_list_of_all_the_oldest_first() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    assert_eq!(house.get(&ada, "/webhooks").await.body, json!({"endpoints": []}));
    let mut ids = Vec::new();
    for n in 0..3 {
        house.bed.advance(Duration::from_millis(1));
        ids.push(house.endpoint(&ada, json!({"description": n.to_string()})).await);
    }
    let list = house.get(&ada, "/api/webhooks").await;
    let listed = list.body["endpoints"].as_array().unwrap();
    assert_eq!(listed.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>(), ids);
    for (one, id) in listed.iter().zip(&ids) {
        assert_eq!(*one, house.get(&ada, &format!("/webhooks/{id}")).await.body);
        assert!(one.get("secret").is_none());
    }
}

#[tokio::test]
async fn what_is_known_of_it_is_told() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (failing, gone) = (house.endpoint(&ada, json!({})).await, house.endpoint(&ada, json!({})).await);
    let subject = Subject::endpoint(failing.parse().unwrap());
    let store = house.bed.store();
    let since = house.bed.now();
    store.note_showing(&subject, Showing { latency: 0, taken: false }, since).await.unwrap();
    house.bed.advance(Duration::from_secs(60));
    let warned = house.bed.now();
    assert!(store.note_warned(&subject, since, warned).await.unwrap());
    let read = async |id: &str| house.get(&ada, &format!("/webhooks/{id}")).await.body;
    let body = read(&failing).await;
    assert_eq!((&body["failingSince"], &body["warnedAt"]), (&json!(since), &json!(warned)));
    assert_eq!((&body["enabled"], &body["disabledReason"]), (&json!(true), &Value::Null));
    house.switch_off(&failing, Told::Failing).await;
    house.gone(&gone).await;
    for (id, reason) in [(&failing, "failing"), (&gone, "gone")] {
        let body = read(id).await;
        assert_eq!((&body["enabled"], body["disabledReason"].as_str()), (&json!(false), Some(reason)));
        assert_eq!(body["disabledAt"], json!(warned));
    }
    // What its owner wants counts first.
    house.patch(&ada, &gone, json!({"enabled": true})).await;
    house.patch(&ada, &gone, json!({"enabled": false})).await;
    house.gone(&gone).await;
    let body = read(&gone).await;
    assert_eq!((body["disabledReason"].as_str(), &body["disabledAt"]), (Some("owner"), &Value::Null));
}

#[tokio::test]
async fn headers_that_cannot_be_opened_hide_nothing_else() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({"headers": {"x-team": "red"}})).await;
    let mut stored = house.stored(&ada, &id).await.unwrap();
    stored.headers = Some(serde_json::from_value(json!("AAAA")).unwrap());
    stored.version += 1;
    assert!(house.bed.store().replace_endpoint(&stored).await.unwrap());
    let read = house.get(&ada, &format!("/webhooks/{id}")).await;
    assert_eq!((read.status.as_u16(), &read.body["headers"]), (200, &Value::Null));
    assert_eq!(house.get(&ada, "/webhooks").await.body["endpoints"][0]["headers"], Value::Null);
    let mended = house.patch(&ada, &id, json!({"headers": {"x-team": "blue"}})).await;
    assert_eq!(mended.body["headers"], json!({"x-team": "********"}));
}

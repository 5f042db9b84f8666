//! Deleting endpoints.

use domain::health::Subject;
use serde_json::json;

use crate::house::House;

#[tokio::test]
async fn it_is_gone_with_what_is_known_of_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (id, other) = (house.endpoint(&ada, json!({})).await, house.endpoint(&ada, json!({})).await);
    let path = format!("/webhooks/{id}");
    let gone = house.ask(&ada, "DELETE", &path, &[], "").await;
    assert_eq!((gone.status.as_u16(), gone.text("id")), (200, id.as_str()));
    assert_eq!(gone.text("message"), "Webhook endpoint deleted successfully");
    for (method, path) in [
        ("DELETE", path.clone()),
        ("GET", path.clone()),
        ("PATCH", path.clone()),
        ("POST", format!("{path}/rotate")),
        ("POST", format!("{path}/test")),
    ] {
        assert_eq!(
            house.ask(&ada, method, &path, &[], "{}").await.problem(),
            (404, "not-found"),
            "{method} {path}"
        );
    }
    let subject = Subject::endpoint(id.parse().unwrap());
    let known = house.bed.store().healths(&[subject], house.bed.now()).await.unwrap();
    assert!(known.is_empty() && house.stored(&ada, &other).await.is_some());
}

#[tokio::test]
async fn if_match_fences_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let path = format!("/webhooks/{}", house.endpoint(&ada, json!({})).await);
    let stale = house.ask(&ada, "DELETE", &path, &[("if-match", "\"2\"")], "").await;
    assert_eq!(stale.problem(), (412, "version-mismatch"));
    assert_eq!(house.ask(&ada, "DELETE", &path, &[("if-match", "\"1\"")], "").await.status, 200);
}

#[tokio::test]
async fn of_a_change_and_a_deletion_at_once_the_deletion_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let path = format!("/webhooks/{id}");
    let (changed, gone) = tokio::join!(
        house.patch(&ada, &id, json!({"description": "y", "enabled": true})),
        house.ask(&ada, "DELETE", &path, &[], "")
    );
    assert_eq!(gone.status, 200);
    assert!([200, 404].contains(&changed.status.as_u16()), "{}", changed.body);
    assert_eq!(house.stored(&ada, &id).await, None);
}

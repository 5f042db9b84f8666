//! What an API key may do with endpoints and deliveries.

use domain::api_key::Scope;
use domain::delivery::DeliveryState;
use domain::message::Target;
use serde_json::json;

use crate::house::{Guest, House, Reply};

async fn keyed(house: &House, ada: &Guest, scopes: &[Scope]) -> Guest {
    Guest { token: testkit::api_key(&house.bed, ada.id, scopes).await, ..ada.clone() }
}

fn lacks(reply: &Reply, scope: &str) {
    let told = (reply.status.as_u16(), reply.text("detail").to_owned());
    assert_eq!(told, (403, format!("the API key lacks the scope {scope}")));
}

#[tokio::test]
async fn what_shows_or_uses_a_secret_takes_both() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let reads = keyed(&house, &ada, &[Scope::Read, Scope::Run]).await;
    let writes = keyed(&house, &ada, &[Scope::Write, Scope::Run]).await;
    let both = keyed(&house, &ada, &[Scope::Read, Scope::Write]).await;
    let id = house.endpoint(&ada, json!({})).await;
    let path = format!("/webhooks/{id}");
    let before = house.stored(&ada, &id).await;
    for (method, path, status) in [
        ("POST", "/webhooks".to_owned(), 201),
        ("PATCH", path.clone(), 200),
        ("POST", format!("{path}/rotate"), 200),
        ("POST", format!("{path}/test"), 200),
    ] {
        let body = if path.ends_with("test") || path.ends_with("rotate") {
            json!({})
        } else {
            json!({"url": "http://127.0.0.1:1/"})
        };
        lacks(&house.ask(&reads, method, &path, &[], body.to_string()).await, "write");
        lacks(&house.ask(&writes, method, &path, &[], body.to_string()).await, "read");
        lacks(&house.ask(&writes, method, &path, &[], "no JSON").await, "read");
        if method != "PATCH" && path == "/webhooks" {
            assert_eq!(house.all(&ada).await.len(), 1);
            assert_eq!(house.stored(&ada, &id).await, before);
        }
        let done = house.ask(&both, method, &path, &[], body.to_string()).await;
        assert_eq!(done.status.as_u16(), status, "{method} {path}: {}", done.body);
    }
}

#[tokio::test]
async fn to_read_takes_read_and_to_delete_write() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let reads = keyed(&house, &ada, &[Scope::Read]).await;
    let writes = keyed(&house, &ada, &[Scope::Write]).await;
    let path = format!("/webhooks/{}", house.endpoint(&ada, json!({})).await);
    for path in ["/webhooks", &path] {
        assert_eq!(house.get(&reads, path).await.status, 200);
        lacks(&house.get(&writes, path).await, "read");
    }
    lacks(&house.ask(&reads, "DELETE", &path, &[], "").await, "write");
    assert_eq!(house.ask(&writes, "DELETE", &path, &[], "").await.status, 200);
}

#[tokio::test]
async fn to_send_again_takes_write_and_no_other() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let others = keyed(&house, &ada, &[Scope::Read, Scope::Run]).await;
    let writes = keyed(&house, &ada, &[Scope::Write]).await;
    let job = house.job(&ada).await;
    let record = house.delivery(&job, Target::Job, DeliveryState::Dead).await;
    house.bed.advance(std::time::Duration::from_millis(1));
    let one = format!("/jobs/{}/deliveries/{}/redeliver", job.id, record.id);
    for path in [one.as_str(), "/deliveries/redeliver"] {
        let body = json!({"since": "2026-01-01T00:00:00Z"});
        lacks(&house.post(&others, path, body.clone()).await, "write");
        assert_eq!(house.messages().await, []);
        let done = house.post(&writes, path, body).await;
        assert_eq!(done.status, 202, "{path}: {}", done.body);
        assert_eq!(house.messages().await.len(), 1);
    }
}

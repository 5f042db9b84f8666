//! The caller's own signing secret.

use std::time::Duration;

use serde_json::json;

use crate::house::{Guest, House};

#[tokio::test]
async fn it_is_made_on_first_use_and_stays() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let asked = futures::future::join_all((0..4).map(|_| house.get(&ada, "/webhooks/secret"))).await;
    let secret = asked[0].text("secret");
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    assert!(asked.iter().all(|reply| reply.text("secret") == secret), "all are given the same one");
    assert_ne!(house.get(&bob, "/webhooks/secret").await.text("secret"), secret);
    let user = house.bed.store().user(ada.id).await.unwrap().unwrap();
    let sealed = user.signing.unwrap().current;
    assert_eq!(house.bed.seal_key().open(&sealed, &ada.id.to_string()).unwrap(), secret);
}

#[tokio::test]
async fn a_job_with_a_webhook_makes_it_and_one_with_its_own_secret_does_not() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let signing = async || house.bed.store().user(ada.id).await.unwrap().unwrap().signing;
    let own =
        json!({"taskName": "x", "webhookUrl": "https://example.com", "webhookSecret": "a secret of the job"});
    house.created(&ada, own).await;
    assert_eq!(signing().await, None);
    house.created(&ada, json!({"taskName": "x", "webhookUrl": "https://example.com"})).await;
    let made = signing().await;
    assert!(made.is_some());
    house.created(&ada, json!({"taskName": "x", "webhookUrl": "https://example.com"})).await;
    assert_eq!(signing().await, made);
}

async fn rotate(house: &House, guest: &Guest, body: &str) -> crate::house::Reply {
    house.ask(guest, "POST", "/webhooks/secret/rotate", &[], body.to_owned()).await
}

#[tokio::test]
async fn a_rotation_keeps_the_old_one_for_a_while() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let first = house.get(&ada, "/webhooks/secret").await.text("secret").to_owned();
    let rotated = rotate(&house, &ada, "").await;
    assert_eq!((rotated.status.as_u16(), rotated.text("previousSecret")), (200, first.as_str()));
    assert_eq!(
        rotated.text("previousValidUntil"),
        house.bed.now().plus(Duration::from_secs(86_400)).to_string()
    );
    let second = rotated.text("secret").to_owned();
    assert_ne!(second, first);
    assert_eq!(house.get(&ada, "/webhooks/secret").await.body, rotated.body);
    assert_eq!(rotate(&house, &ada, "null").await.status, 200);
    let short = rotate(&house, &ada, "{\"overlapHours\":0}").await;
    assert!(short.body.get("previousSecret").is_none() && short.body.get("previousValidUntil").is_none());
    rotate(&house, &ada, "{\"overlapHours\":1}").await;
    house.bed.advance(Duration::from_secs(3_000));
    assert!(house.get(&ada, "/webhooks/secret").await.body.get("previousSecret").is_some());
    house.bed.advance(Duration::from_secs(599));
    assert!(house.get(&ada, "/webhooks/secret").await.body.get("previousSecret").is_some());
    house.bed.advance(Duration::from_secs(1));
    assert!(house.get(&ada, "/webhooks/secret").await.body.get("previousSecret").is_none());
}

#[tokio::test]
async fn what_a_rotation_cannot_take() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (body, place) in [
        ("{\"overlapHours\":169}", "/overlapHours"),
        ("{\"overlapHours\":-1}", "/overlapHours"),
        ("{\"overlap\":1}", "/overlap"),
    ] {
        assert_eq!(rotate(&house, &ada, body).await.places(), [place], "{body}");
    }
    assert_eq!(rotate(&house, &ada, "[]").await.status, 400);
    assert_eq!(rotate(&house, &ada, "{\"overlapHours\":168}").await.status, 200);
}

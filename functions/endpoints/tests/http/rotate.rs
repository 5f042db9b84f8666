//! Exchanging an endpoint's secret.

use std::time::Duration;

use serde_json::json;

use crate::house::{Guest, House, Reply};
use crate::receiver::Receiver;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn rotate(house: &House, guest: &Guest, id: &str, body: &str) -> Reply {
    house.ask(guest, "POST", &format!("/webhooks/{id}/rotate"), &[], body.to_owned()).await
}

#[tokio::test]
async fn a_body_of_null_is_none() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    assert_eq!(rotate(&house, &ada, &id, "null").await.status, 200);
    assert_eq!(rotate(&house, &ada, &id, "[null]").await.problem(), (400, "invalid-body"));
}

#[tokio::test]
async fn both_sign_for_a_while() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let receiver = Receiver::answering(200, "").await;
    let made = house.made(&ada, json!({"url": receiver.url()})).await;
    let (id, first) = (made.text("id").to_owned(), made.text("secret").to_owned());
    let rotated = rotate(&house, &ada, &id, "").await;
    assert_eq!(rotated.status, 200, "{}", rotated.body);
    let second = rotated.text("secret").to_owned();
    assert_ne!(second, first);
    let until = house.bed.now().plus(Duration::from_secs(24 * 3_600));
    assert_eq!(rotated.text("previousValidUntil"), until.to_string());
    let read = house.get(&ada, &format!("/webhooks/{id}")).await.body;
    assert_eq!((&read["previousSecretValidUntil"], &read["version"]), (&json!(until), &json!(2)));
    let signed_by = async |guest: &Guest| {
        house.post(guest, &format!("/webhooks/{id}/test"), json!({})).await;
        let arrived = receiver.take().remove(0);
        (arrived.verified_by(&first), arrived.verified_by(&second))
    };
    assert_eq!(signed_by(&ada).await, (true, true));
    house.bed.advance(Duration::from_secs(24 * 3_600));
    let ada = house.back(&ada).await;
    assert_eq!(signed_by(&ada).await, (false, true));
    let read = house.get(&ada, &format!("/webhooks/{id}")).await.body;
    assert!(read["previousSecretValidUntil"].is_null());
}

#[tokio::test]
async fn without_an_overlap_only_the_new_one_signs_and_it_may_be_given() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let body = json!({"overlapHours": 0, "secret": SECRET}).to_string();
    let rotated = rotate(&house, &ada, &id, &body).await;
    assert_eq!((rotated.status.as_u16(), rotated.text("secret")), (200, SECRET));
    assert!(rotated.body.get("previousValidUntil").is_none(), "{}", rotated.body);
    let stored = house.stored(&ada, &id).await.unwrap();
    assert_eq!((house.secret_of(&stored).as_str(), stored.signing.previous), (SECRET, None));
}

#[tokio::test]
async fn what_a_rotation_cannot_take() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let before = house.stored(&ada, &id).await.unwrap();
    for (body, place) in [
        ("{\"overlapHours\":169}", "/overlapHours"),
        ("{\"overlapHours\":-1}", "/overlapHours"),
        ("{\"overlapHours\":\"1\"}", "/overlapHours"),
        ("{\"secret\":\"whsec_AAAA\"}", "/secret"),
        ("{\"secret\":\"sixteen letters or more\"}", "/secret"),
        ("{\"overlap\":1}", "/overlap"),
    ] {
        let refused = rotate(&house, &ada, &id, body).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec![place]), "{body}");
    }
    assert_eq!(rotate(&house, &ada, &id, "[]").await.status, 400);
    assert_eq!(house.stored(&ada, &id).await.unwrap(), before);
    assert_eq!(rotate(&house, &ada, &id, " {\"overlapHours\":168}").await.status, 200);
}

#[tokio::test]
async fn of_two_at_once_both_have_made_one_and_the_last_stands() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    let (one, two) = tokio::join!(rotate(&house, &ada, &id, ""), rotate(&house, &ada, &id, ""));
    assert_eq!((one.status.as_u16(), two.status.as_u16()), (200, 200));
    let stored = house.stored(&ada, &id).await.unwrap();
    let open = |sealed| house.bed.seal_key().open(sealed, &id).unwrap();
    let mut both = [open(&stored.signing.current), open(stored.signing.previous.as_ref().unwrap())];
    let mut told = [one.text("secret"), two.text("secret")];
    both.sort();
    told.sort_unstable();
    assert_eq!((both[0].as_str(), both[1].as_str(), stored.version), (told[0], told[1], 3));
}

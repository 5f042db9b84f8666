//! The receiver that checks signatures.

use domain::signature::{hex_of_body, standard};
use http::Request;
use serde_json::json;

use crate::house::{House, Reply};

const OWN: &str = "a secret of the job";

async fn receive(house: &House, headers: &[(&str, &str)], body: &str) -> Reply {
    let mut request = Request::builder().method("POST").uri("/webhook-test");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    house.send(request.body(body.to_owned().into()).unwrap()).await
}

async fn standard_of(house: &House, secret: &str, body: &str, age: i64) -> Reply {
    let stamp = house.bed.now().as_millis() / 1_000 - age;
    let signature = standard(&[secret.to_owned()], "msg_1", stamp, body.as_bytes());
    let stamp = stamp.to_string();
    let headers = [("webhook-id", "msg_1"), ("webhook-timestamp", &stamp), ("webhook-signature", &signature)];
    receive(house, &headers, body).await
}

async fn hex_of(house: &House, secret: &str, body: &str) -> Reply {
    receive(house, &[("x-signature", &hex_of_body(secret, body.as_bytes()))], body).await
}

#[tokio::test]
async fn believes_the_secrets_that_may_sign_for_the_job() {
    let house = House::with(&[("WEBHOOK_SECRET", "the deployment's secret")]).await;
    let ada = house.guest("ada").await;
    let hook = "https://example.com";
    let plain = house.created(&ada, json!({"taskName": "x", "webhookUrl": hook})).await;
    let own = house.created(&ada, json!({"taskName": "x", "webhookUrl": hook, "webhookSecret": OWN})).await;
    let first = house.get(&ada, "/webhooks/secret").await.text("secret").to_owned();
    house.ask(&ada, "POST", "/webhooks/secret/rotate", &[], "").await;
    let second = house.get(&ada, "/webhooks/secret").await.text("secret").to_owned();
    let body = |id: &str| format!("{{\"jobId\":\"{id}\",\"n\":1}}");
    for (secret, id) in [
        (first.as_str(), &plain),
        (second.as_str(), &plain),
        (OWN, &own),
        ("the deployment's secret", &plain),
        ("the deployment's secret", &"nothing".to_owned()),
    ] {
        let known = standard_of(&house, secret, &body(id), 0).await;
        assert_eq!(known.status, 200, "{secret}: {}", known.body);
        assert_eq!((&known.body["verified"], known.text("scheme")), (&json!(true), "standard-webhooks"));
        let older = hex_of(&house, secret, &body(id)).await;
        assert_eq!((older.status.as_u16(), older.text("scheme")), (200, "x-signature"), "{secret}");
    }
    assert_eq!(standard_of(&house, OWN, &body(&plain), 0).await.status, 401);
    assert_eq!(standard_of(&house, &first, &body(&own), 0).await.status, 401);
}

#[tokio::test]
async fn believes_both_secrets_of_the_deployment_while_it_has_two() {
    let house = House::with(&[("WEBHOOK_SECRET_ID", "hooks")]).await;
    // Nothing is believed while nobody knows what to believe.
    assert_eq!(hex_of(&house, "the new one", "{}").await.status, 503);
    let record = r#"{"current":"the new one","previous":"the old one"}"#;
    assert!(house.bed.engine.set_secret_if_absent("hooks", record).await.unwrap());
    for (secret, status) in [("the new one", 200), ("the old one", 200), ("another", 401)] {
        assert_eq!(standard_of(&house, secret, "{}", 0).await.status, status, "{secret}");
        assert_eq!(hex_of(&house, secret, "{}").await.status, status, "{secret}");
    }
    let none = House::with(&[("WEBHOOK_SECRET_ID", "")]).await;
    assert_eq!(hex_of(&none, "the new one", "{}").await.status, 401);
}

#[tokio::test]
async fn tells_nothing_but_that_it_is_wrong() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let hook = json!({"taskName": "x", "webhookUrl": "https://example.com", "webhookSecret": OWN});
    let id = house.created(&ada, hook).await;
    let body = format!("{{\"jobId\":\"{id}\"}}");
    assert_eq!(standard_of(&house, OWN, &body, 299).await.status, 200);
    let absent = body.replace(&id, "job_018bcfe568007abcabababababababab");
    let wrong = [
        standard_of(&house, OWN, &body, 301).await,
        standard_of(&house, OWN, &body, -302).await,
        standard_of(&house, "another secret for it", &body, 0).await,
        standard_of(&house, OWN, &absent, 0).await,
        standard_of(&house, OWN, "no json", 0).await,
        hex_of(&house, "another secret for it", &body).await,
        hex_of(&house, OWN, &absent).await,
        receive(
            &house,
            &[("webhook-signature", "v1,x"), ("x-signature", &hex_of_body(OWN, body.as_bytes()))],
            &body,
        )
        .await,
        receive(&house, &[("x-signature", "\u{e9}")], &body).await,
    ];
    let told: Vec<_> = wrong.iter().map(|reply| (reply.status.as_u16(), reply.text("detail"))).collect();
    assert!(told.iter().all(|told| *told == (401, "the signature is not right for this body")), "{told:?}");
    assert_eq!(receive(&house, &[], &body).await.status, 401);
}

#[tokio::test]
async fn a_body_of_one_and_a_half_megabytes_is_read_and_no_larger() {
    let house = House::with(&[("WEBHOOK_SECRET", OWN)]).await;
    let body = |bytes: usize| format!("\"{}\"", "b".repeat(bytes - 2));
    assert_eq!(hex_of(&house, OWN, &body(1_536 * 1024)).await.status, 200);
    assert_eq!(hex_of(&house, OWN, &body(1_536 * 1024 + 1)).await.status, 413);
}

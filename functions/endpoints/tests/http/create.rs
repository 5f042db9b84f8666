//! Creating endpoints.

use domain::endpoint::{Events, MOST_ENDPOINTS};
use domain::event::EventType;
use domain::health::{Health, Subject};
use serde_json::{Value, json};

use crate::house::House;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[tokio::test]
async fn the_least_that_it_takes_and_what_follows_from_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let reply = house.made(&ada, json!({})).await;
    let id = reply.text("id").to_owned();
    assert!(id.starts_with("end_"));
    assert_eq!(reply.headers["location"], format!("/webhooks/{id}"));
    assert_eq!(reply.headers["etag"], "\"1\"");
    let secret = reply.text("secret").to_owned();
    assert!(secret.starts_with("whsec_") && secret.len() > 40, "{secret}");
    let now = house.bed.now().to_string();
    let view = json!({
        "id": id, "endpointId": id, "url": "https://example.com/hooks", "description": "", "events": ["*"],
        "enabled": true, "disabledReason": null, "disabledAt": null, "failingSince": null, "warnedAt": null,
        "retrySchedule": null, "ratePerSecond": null, "headers": {}, "previousSecretValidUntil": null,
        "createdAt": now, "updatedAt": now, "version": 1,
    });
    let mut told = reply.body.clone();
    let members = told.as_object_mut().unwrap();
    assert!(members.remove("message").is_some() && members.remove("secret").is_some());
    assert_eq!(told, view);
    // The secret is shown once.
    let read = house.get(&ada, &format!("/webhooks/{id}")).await;
    assert_eq!((read.body, &read.headers["etag"]), (view, &reply.headers["etag"]));
    let stored = house.stored(&ada, &id).await.unwrap();
    assert_eq!((house.secret_of(&stored), stored.user_id, stored.headers), (secret, ada.id, None));
    let subject = Subject::endpoint(stored.id);
    let health = house.bed.store().healths(std::slice::from_ref(&subject), house.bed.now()).await.unwrap();
    assert_eq!(health, [(id, Health::default())], "what is known of it is made with it");
}

#[tokio::test]
async fn all_that_may_be_said_of_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({
        "url": "https://example.com/hooks?x=1", "events": ["job.failed", "JOB.started"], "enabled": false,
        "description": " of the night shift ", "retrySchedule": "1s,60s,24h", "ratePerSecond": 5,
        "headers": {"Authorization": "Bearer t0ken", "x-team": "red"}, "secret": SECRET,
    });
    let reply = house.post(&ada, "/webhooks", body).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    assert_eq!(reply.text("secret"), SECRET);
    for (name, value) in [
        ("events", json!(["job.started", "job.failed"])),
        ("enabled", json!(false)),
        ("disabledReason", json!("owner")),
        ("description", json!("of the night shift")),
        ("retrySchedule", json!("1s,1m,24h")),
        ("ratePerSecond", json!(5)),
        ("headers", json!({"authorization": "********", "x-team": "********"})),
    ] {
        assert_eq!(reply.body[name], value, "{name}");
    }
    assert!(!reply.body.to_string().contains("t0ken"));
    let stored = house.stored(&ada, reply.text("id")).await.unwrap();
    assert_eq!(stored.events, Events::Only(vec![EventType::Started, EventType::Failed]));
    assert_eq!((house.secret_of(&stored).as_str(), stored.enabled, stored.rate), (SECRET, false, Some(5)));
    let headers = house.bed.seal_key().open(&stored.headers.unwrap(), &stored.id.to_string()).unwrap();
    assert_eq!(headers, r#"[["authorization","Bearer t0ken"],["x-team","red"]]"#);
}

#[tokio::test]
async fn null_is_as_good_as_nothing() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let names = ["events", "description", "enabled", "retrySchedule", "ratePerSecond", "headers", "secret"];
    let nulls: serde_json::Map<_, _> = names.iter().map(|name| ((*name).to_owned(), Value::Null)).collect();
    let reply = house.made(&ada, Value::Object(nulls)).await;
    assert_eq!((&reply.body["events"], &reply.body["enabled"]), (&json!(["*"]), &json!(true)));
}

#[tokio::test]
async fn an_address_is_refused_that_is_not_called_and_the_setting_is_named() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for url in ["http://169.254.169.254/", "http://10.0.0.1/hook", "http://[::1]/", "http://0x0a000001/"] {
        let reply = house.post(&ada, "/webhooks", json!({"url": url})).await;
        assert_eq!((reply.status.as_u16(), reply.places()), (400, vec!["/url"]), "{url}");
        assert!(reply.text("detail").contains("EGRESS_ALLOW"), "{}", reply.body);
    }
    // A name is judged when it is called, and what is allowed is allowed.
    for url in ["http://localhost/hook", "http://127.0.0.1:9/hook"] {
        assert_eq!(house.post(&ada, "/webhooks", json!({"url": url})).await.status, 201, "{url}");
    }
}

#[tokio::test]
async fn there_may_be_twenty_however_many_are_asked_for_at_once() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    for _ in 0..MOST_ENDPOINTS - 1 {
        house.endpoint(&ada, json!({})).await;
    }
    let body = json!({"url": "https://example.com"});
    let asked = futures::future::join_all((0..4).map(|_| house.post(&ada, "/webhooks", body.clone()))).await;
    let mut told: Vec<_> = asked.iter().map(|reply| reply.status.as_u16()).collect();
    told.sort_unstable();
    assert_eq!(told, [201, 409, 409, 409], "{asked:?}");
    assert_eq!(house.all(&ada).await.len(), MOST_ENDPOINTS);
    let refused = house.post(&ada, "/webhooks", body).await;
    assert_eq!(refused.problem(), (409, "conflict"));
    assert!(refused.text("detail").contains("20 webhook endpoints"), "{}", refused.body);
    // Another user's places are another user's, and a place that is given up is free.
    house.endpoint(&bob, json!({})).await;
    let id = house.all(&ada).await[0].id.to_string();
    assert_eq!(house.ask(&ada, "DELETE", &format!("/webhooks/{id}"), &[], "").await.status, 200);
    house.endpoint(&ada, json!({})).await;
}

#[tokio::test]
async fn of_three_at_once_all_are_made() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"url": "https://example.com"});
    let asked = futures::future::join_all((0..3).map(|_| house.post(&ada, "/webhooks", body.clone()))).await;
    assert!(
        asked.iter().all(|reply| reply.status == 201),
        "a lost race for the user is run again: {asked:?}"
    );
    assert_eq!(house.all(&ada).await.len(), 3);
}

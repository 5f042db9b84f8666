//! One delivery, sent again.

use domain::delivery::DeliveryState;
use domain::endpoint::Told;
use domain::id::{JobId, WebhookId};
use domain::message::{Deliver, Target};
use serde_json::json;

use crate::house::{House, target};

fn path(job: JobId, delivery: WebhookId) -> String {
    format!("/jobs/{job}/deliveries/{delivery}/redeliver")
}

#[tokio::test]
async fn it_is_a_new_round_of_the_same_delivery() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    for state in [DeliveryState::Delivered, DeliveryState::Dead, DeliveryState::Skipped] {
        let job = house.job(&ada).await;
        let record = house.delivery(&job, target(&id), state).await;
        let reply = house.post(&ada, &path(job.id, record.id), json!({})).await;
        assert_eq!(reply.status, 202, "{}", reply.body);
        assert_eq!(
            (reply.text("deliveryId"), &reply.body["round"]),
            (record.id.to_string().as_str(), &json!(1))
        );
        assert!(!reply.text("message").is_empty());
        let wanted = Deliver {
            webhook_id: record.id,
            job_id: job.id,
            user_id: ada.id,
            run_id: record.run_id,
            endpoint_id: target(&id),
            url: "https://example.com/hooks".to_owned(),
            body: record.request_body.clone(),
            round: 1,
            cancel_id: None,
            turn: None,
        };
        assert_eq!(house.messages().await, std::slice::from_ref(&wanted));
        // The record is the business of whoever receives the message; until then it is the same round.
        assert_eq!(house.bed.store().delivery(job.id, record.id).await.unwrap(), Some(record.clone()));
        let again = house.post(&ada, &path(job.id, record.id), json!({})).await;
        assert_eq!((again.status.as_u16(), &again.body["round"]), (202, &json!(1)));
        assert_eq!(house.messages().await, [wanted]);
    }
}

#[tokio::test]
async fn it_goes_to_where_its_receiver_is_now() {
    let house = House::with(&[("WEBHOOK_URL", "https://example.com/deployment")]).await;
    let ada = house.guest("ada").await;
    let id = house.endpoint(&ada, json!({})).await;
    house.patch(&ada, &id, json!({"url": "https://example.com/moved"})).await;
    let job = house.job(&ada).await;
    for (to, url) in [
        (target(&id), "https://example.com/moved"),
        (Target::Job, "https://example.com/of-the-job"),
        (Target::Deployment, "https://example.com/deployment"),
    ] {
        let record = house.delivery(&job, to, DeliveryState::Dead).await;
        assert_eq!(house.post(&ada, &path(job.id, record.id), json!({})).await.status, 202);
        let sent = house.messages().await.remove(0);
        assert_eq!((sent.endpoint_id, sent.url.as_str()), (to, url));
    }
}

#[tokio::test]
async fn what_is_still_tried_is_not_sent_again() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for state in [DeliveryState::Pending, DeliveryState::Retrying] {
        let job = house.job(&ada).await;
        let record = house.delivery(&job, Target::Job, state).await;
        let reply = house.post(&ada, &path(job.id, record.id), json!({})).await;
        assert_eq!(reply.problem(), (409, "conflict"));
        assert!(reply.text("detail").contains("still being tried"), "{}", reply.body);
    }
    assert_eq!(house.messages().await, []);
}

#[tokio::test]
async fn it_is_told_what_keeps_it_from_being_sent() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let off = house.endpoint(&ada, json!({"enabled": false})).await;
    let gone = house.endpoint(&ada, json!({})).await;
    house.gone(&gone).await;
    let failing = house.endpoint(&ada, json!({})).await;
    house.switch_off(&failing, Told::Failing).await;
    let deleted = house.endpoint(&ada, json!({})).await;
    house.ask(&ada, "DELETE", &format!("/webhooks/{deleted}"), &[], "").await;
    let job = house.job_with(&ada, None, "{}").await;
    for (to, told) in [
        (target(&off), "is switched off"),
        (target(&gone), "410 Gone"),
        (target(&failing), "nothing but fail"),
        (target(&deleted), "was deleted"),
        (Target::Job, "no webhookUrl"),
        (Target::Deployment, "no WEBHOOK_URL"),
    ] {
        let record = house.delivery(&job, to, DeliveryState::Skipped).await;
        let reply = house.post(&ada, &path(job.id, record.id), json!({})).await;
        assert_eq!(reply.problem(), (409, "conflict"), "{told}");
        assert!(reply.text("detail").contains(told), "{}", reply.body);
    }
    assert_eq!(house.messages().await, []);
    // Switched on again, it is sent.
    house.patch(&ada, &gone, json!({"enabled": true})).await;
    let job = house.job(&ada).await;
    let record = house.delivery(&job, target(&gone), DeliveryState::Skipped).await;
    assert_eq!(house.post(&ada, &path(job.id, record.id), json!({})).await.status, 202);
}

#[tokio::test]
async fn what_is_not_there_is_a_404() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, other) = (house.job(&ada).await, house.job(&ada).await);
    let record = house.delivery(&job, Target::Job, DeliveryState::Dead).await;
    let nowhere = "job_018bcfe568007abcabababababababab".parse().unwrap();
    let nothing = "msg_018bcfe568007abcabababababababab".parse().unwrap();
    for path in [path(job.id, nothing), path(other.id, record.id), path(nowhere, record.id)] {
        assert_eq!(house.post(&ada, &path, json!({})).await.problem(), (404, "not-found"), "{path}");
    }
    for path in [
        format!("/jobs/{}/deliveries/x/redeliver", job.id),
        format!("/jobs/x/deliveries/{}/redeliver", record.id),
    ] {
        assert_eq!(house.post(&ada, &path, json!({})).await.problem(), (404, "not-found"), "{path}");
    }
}

#[tokio::test]
async fn it_counts_against_the_limit() {
    let house = House::with(&[("REDELIVER_RATE_MAX", "2"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let ada = house.guest("ada").await;
    let job = house.job(&ada).await;
    let record = house.delivery(&job, Target::Job, DeliveryState::Dead).await;
    let pending = house.delivery(&job, Target::Deployment, DeliveryState::Pending).await;
    assert_eq!(house.post(&ada, &path(job.id, pending.id), json!({})).await.status, 409);
    for left in [1, 0] {
        let reply = house.post(&ada, &path(job.id, record.id), json!({})).await;
        assert_eq!(reply.headers["ratelimit"], format!("\"redeliver\";r={left};t=60"));
    }
    let refused = house.post(&ada, &path(job.id, record.id), json!({})).await;
    assert_eq!(refused.problem(), (429, "rate-limited"));
    assert_eq!(house.messages().await.len(), 2);
}

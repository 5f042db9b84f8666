//! What arrives, and who signed it.

use std::time::Duration;

use boot::clients::Clients;
use domain::delivery::DeliveryState;
use domain::message::Target;
use domain::seal::SealKey;
use domain::signature::{fresh_secret, hex_of_body};
use domain::user::{Signing, User};

use crate::house::{DATA_KEY, DEPLOYMENT_SECRET, House, OWNER_SECRET};

#[tokio::test]
async fn a_delivery_carries_both_signatures_and_is_recorded() {
    let house = House::build().await;
    let (_, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    assert_eq!(house.step().await, (1, 0));

    let arrived = house.sink.take();
    let [request] = arrived.as_slice() else { panic!("{} requests", arrived.len()) };
    assert_eq!(request.body, message.body.as_bytes());
    assert!(request.verified_by(OWNER_SECRET) && !request.verified_by(DEPLOYMENT_SECRET));
    assert_eq!(request.header("x-signature"), hex_of_body(OWNER_SECRET, &request.body));
    assert_eq!(request.header("webhook-id"), message.webhook_id.to_string());
    assert_eq!(request.header("webhook-timestamp"), "1800000000");
    assert_eq!(request.header("content-type"), "application/json");
    assert!(request.header("user-agent").starts_with("Nightjar-Webhooks/"));

    let record = house.record(&message).await;
    assert_eq!((record.state, record.attempt_count, record.version), (DeliveryState::Delivered, 1, 1));
    assert_eq!((record.url, record.request_body), (message.url, message.body));
    let attempt = &record.attempts[0];
    assert_eq!((attempt.attempt, attempt.sent_at, attempt.response_status), (1, house.now(), Some(200)));
    assert_eq!(
        (attempt.response_body.as_deref(), &attempt.error, &attempt.error_class),
        (Some("ok"), &None, &None)
    );
    assert!(house.is_idle());
}

#[tokio::test]
async fn the_happy_path_reads_at_one_moment_and_writes_once_when_the_receiver_is_known() {
    let house = House::build().await;
    let (job, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    house.step().await;
    // A turn at a receiver that nobody knows, and what it has shown.
    let first = ["BatchGetItem", "Query", "UpdateItem", "GetSecretValue", "UpdateItem", "PutItem"];
    assert_eq!(house.faults.calls(), first);
    let next = house.job(job.user_id, None).await;
    house.send(&house.message(&next, Target::Job)).await;
    house.step().await;
    assert_eq!(house.faults.calls(), ["BatchGetItem", "Query", "PutItem"]);
    assert_eq!(house.sink.arrivals(), 2);
}

#[tokio::test]
async fn the_deployments_own_webhook_has_its_own_secret() {
    let from_record = House::build().await;
    let (_, message) = from_record.owing(Target::Deployment).await;
    from_record.send(&message).await;
    from_record.step().await;
    let request = &from_record.sink.take()[0];
    assert!(request.verified_by(DEPLOYMENT_SECRET));
    assert_eq!(request.header("x-signature"), hex_of_body(DEPLOYMENT_SECRET, &request.body));
    // The data secret has no part in it.
    let calls = ["BatchGetItem", "Query", "UpdateItem", "GetSecretValue", "UpdateItem", "PutItem"];
    assert_eq!(from_record.faults.calls(), calls);

    let from_variable = House::with(&[("WEBHOOK_SECRET", "plain text")]).await;
    let (_, message) = from_variable.owing(Target::Deployment).await;
    from_variable.send(&message).await;
    from_variable.step().await;
    let request = &from_variable.sink.take()[0];
    assert_eq!(request.header("x-signature"), hex_of_body("plain text", message.body.as_bytes()));
    assert!(!request.verified_by(DEPLOYMENT_SECRET));
}

#[tokio::test]
async fn both_secrets_of_the_deployment_sign_while_it_has_two() {
    let house = House::build().await;
    let fresh = fresh_secret(house.ambient.entropy());
    let signers = async |record: String| {
        let secrets = Clients::from_config(&house.engine.sdk_config()).secrets_manager();
        secrets.put_secret_value().secret_id("hooks").secret_string(record).send().await.unwrap();
        house.pass(boot::secrets::TTL);
        let (_, message) = house.owing(Target::Deployment).await;
        house.send(&message).await;
        assert_eq!(house.step().await, (1, 0));
        let request = house.sink.take().remove(0);
        assert_eq!(request.header("x-signature"), hex_of_body(&fresh, &request.body));
        (request.verified_by(&fresh), request.verified_by(DEPLOYMENT_SECRET))
    };
    let both = format!(r#"{{"current":"{fresh}","previous":"{DEPLOYMENT_SECRET}"}}"#);
    assert_eq!(signers(both).await, (true, true));
    assert_eq!(signers(format!(r#"{{"current":"{fresh}"}}"#)).await, (true, false));
}

#[tokio::test]
async fn a_secret_given_with_the_job_goes_before_the_owners() {
    let house = House::build().await;
    let owner = house.user(Some(house.seal(OWNER_SECRET))).await;
    let given = "whsec_Z2l2ZW4=";
    let seal = |job: domain::id::JobId| {
        SealKey::from_secret(DATA_KEY).seal(given, &job.to_string(), house.ambient.entropy())
    };
    let job = house.job(owner.id, Some(&seal)).await;
    house.send(&house.message(&job, Target::Job)).await;
    house.step().await;
    let request = &house.sink.take()[0];
    assert!(request.verified_by(given) && !request.verified_by(OWNER_SECRET));
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_until_the_old_one_has_had_its_time() {
    let house = House::build().await;
    let key = SealKey::from_secret(DATA_KEY);
    let (fresh, hour) = (fresh_secret(house.ambient.entropy()), Duration::from_secs(3_600));
    let rotated = |owner: domain::id::UserId| Signing {
        current: key.seal(&fresh, &owner.to_string(), house.ambient.entropy()),
        previous: Some(key.seal(OWNER_SECRET, &owner.to_string(), house.ambient.entropy())),
        previous_until: Some(house.now().plus(hour)),
    };
    let owner = house.user(Some(rotated)).await;
    for both in [true, false] {
        let job = house.job(owner.id, None).await;
        house.send(&house.message(&job, Target::Job)).await;
        house.step().await;
        let request = &house.sink.take()[0];
        assert!(request.verified_by(&fresh));
        assert_eq!(request.verified_by(OWNER_SECRET), both);
        assert_eq!(request.header("x-signature"), hex_of_body(&fresh, &request.body));
        house.pass(hour);
    }
}

#[tokio::test]
async fn a_rotation_is_seen_within_a_minute() {
    let house = House::build().await;
    let (job, message) = house.owing(Target::Job).await;
    house.send(&message).await;
    house.step().await;
    let owner = house.store.user(job.user_id).await.unwrap().unwrap();
    let fresh = fresh_secret(house.ambient.entropy());
    let signing = Some(house.seal(&fresh)(owner.id));
    let rotated = User { signing, version: owner.version + 1, ..owner };
    assert!(house.store.replace_user(&rotated).await.unwrap());
    for (seconds, secret) in [(59, OWNER_SECRET), (1, &fresh)] {
        house.sink.take();
        house.pass_seconds(seconds);
        let job = house.job(rotated.id, None).await;
        house.send(&house.message(&job, Target::Job)).await;
        house.step().await;
        assert!(house.sink.take()[0].verified_by(secret), "after {seconds} s more");
    }
}

#[tokio::test]
async fn a_secret_that_cannot_be_opened_is_a_failed_attempt_that_its_owner_sees() {
    let house = House::build().await;
    let signing = |owner: domain::id::UserId| {
        let current = SealKey::from_secret("lost").seal("x", &owner.to_string(), house.ambient.entropy());
        Signing { current, previous: None, previous_until: None }
    };
    let owner = house.user(Some(signing)).await;
    let job = house.job(owner.id, None).await;
    let message = house.message(&job, Target::Job);
    house.send(&message).await;
    assert_eq!(house.step().await, (0, 1));
    let record = house.record(&message).await;
    assert_eq!(record.state, DeliveryState::Retrying);
    assert_eq!(record.attempts[0].error_class.as_deref(), Some("secret"));
    assert!(record.attempts[0].error.as_deref().unwrap().contains("signing secret"));

    // Once the owner has a new one, the next attempt arrives.
    let signing = Some(house.seal(OWNER_SECRET)(owner.id));
    let repaired = User { signing, version: owner.version + 1, ..owner };
    assert!(house.store.replace_user(&repaired).await.unwrap());
    house.pass_step(&message).await;
    assert_eq!(house.step().await, (1, 0));
    assert_eq!(house.record(&message).await.state, DeliveryState::Delivered);
}

#[tokio::test]
async fn without_any_secret_nothing_is_sent_and_the_record_says_which_is_missing() {
    let house = House::build().await;
    let nobody = domain::id::UserId::fresh(house.now(), house.ambient.entropy());
    let of_nobody = house.job(nobody, None).await;
    let seal = |job: domain::id::JobId| {
        SealKey::from_secret("lost").seal("x", &job.to_string(), house.ambient.entropy())
    };
    let sealed_away = house.job(nobody, Some(&seal)).await;
    let bare_owner = house.user(None::<fn(domain::id::UserId) -> Signing>).await;
    let unsigned = house.job(bare_owner.id, None).await;
    let cases =
        [(of_nobody, "owner is gone"), (sealed_away, "webhookSecret"), (unsigned, "no signing secret")];
    for (job, tells) in cases {
        let message = house.message(&job, Target::Job);
        house.send(&message).await;
        assert_eq!(house.step().await, (0, 1));
        let attempt = &house.record(&message).await.attempts[0];
        assert_eq!(attempt.error_class.as_deref(), Some("secret"));
        assert!(attempt.error.as_deref().unwrap().contains(tells), "{attempt:?}");
    }

    let bare = House::with(&[("WEBHOOK_SECRET_ID", "")]).await;
    let (_, message) = bare.owing(Target::Deployment).await;
    bare.send(&message).await;
    assert_eq!(bare.step().await, (0, 1));
    let attempt = &bare.record(&message).await.attempts[0];
    assert!(attempt.error.as_deref().unwrap().contains("WEBHOOK_SECRET_ID"), "{attempt:?}");
    assert_eq!((house.sink.arrivals(), bare.sink.arrivals()), (0, 0));
}

//! The end of an account.

use std::time::Duration;

use domain::message::JobMessage;
use serde_json::json;
use testkit::{Fault, When};

use crate::profile::NEXT;
use crate::{PASSWORD, Stage, registration};

impl Stage {
    /// The messages about deleted users that can be received now.
    async fn purges(&self) -> Vec<JobMessage> {
        let (sqs, url) = (self.bed.sound_clients().sqs(), self.bed.queue(queue::topology::JOBS_LOW.name));
        let received = sqs.receive_message().queue_url(url).max_number_of_messages(10).send().await.unwrap();
        let bodies = received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body);
        bodies.map(|body| serde_json::from_str(&body).unwrap()).collect()
    }
}

#[tokio::test]
async fn a_deleted_account_is_gone_at_once_and_its_address_and_name_are_free() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    let id = stage.with_token("GET", "/profile", &session).await.body["id"].clone();
    let key =
        stage.ask("POST", "/keys", &session, json!({"name": "ci", "scopes": ["read"]})).await.body["key"]
            .clone();
    let got = stage.farewell(&session, "wrong horse battery").await;
    assert_eq!((got.fault(), got.kind()), ((403, "/password"), "forbidden"));
    assert!(stage.lives(&session).await);
    let got = stage.farewell(&session, PASSWORD).await;
    assert_eq!((got.status.as_u16(), &got.body), (200, &json!({"message": "account deleted"})));
    for credential in [session.as_str(), key.as_str().unwrap()] {
        let got = stage.with_token("GET", "/profile", credential).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"));
        assert!(got.detail().contains("does not exist any more"), "{}", got.detail());
    }
    assert_eq!(stage.farewell(&session, PASSWORD).await.status, 401);
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 401);
    // What removes the rest comes when every write that had begun is over.
    assert_eq!(stage.purges().await, []);
    stage.bed.advance(Duration::from_secs(75));
    let purge = JobMessage::PurgeUser { user_id: id.as_str().unwrap().parse().unwrap(), round: 0 };
    assert_eq!(stage.purges().await, [purge]);
    let again = stage.register("Ada", "ADA@example.com").await;
    assert_eq!(again.status, 201);
    assert_ne!(again.body["id"], id);
    let body = json!({"userName": "Ada", "password": PASSWORD}).to_string();
    assert_eq!(stage.post("/login", body).await.body["userId"], again.body["id"]);
    assert!(!stage.lives(&session).await && !stage.lives(key.as_str().unwrap()).await);
}

#[tokio::test]
async fn a_farewell_needs_the_password_and_nothing_else() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    for (body, place) in [
        (json!({}), "/password"),
        (json!({"password": null}), "/password"),
        (json!({"password": true}), "/password"),
        (json!({"password": PASSWORD, "userId": "usr_018bcfe568007abcabababababababab"}), "/userId"),
    ] {
        assert_eq!(stage.ask("DELETE", "/profile", &session, body).await.fault(), (400, place));
    }
    let got = stage.with_token("DELETE", "/profile", &session).await;
    assert_eq!((got.status.as_u16(), got.kind()), (400, "invalid-body"));
    assert!(stage.lives(&session).await);
}

/// Whatever call fails, either all of it is done or nothing, and what was answered is true.
#[tokio::test]
async fn nothing_is_half_done_whichever_call_fails() {
    for deleting in [false, true] {
        for fault in [Fault::Unreached, Fault::AnswerLost] {
            let mut n = 0;
            loop {
                let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "0")]).await;
                let session = stage.token().await;
                stage.bed.faults.plan(When::NthAndRepeats(n), fault, None);
                let got = if deleting {
                    stage.farewell(&session, PASSWORD).await
                } else {
                    stage.change(&session, PASSWORD, NEXT).await
                };
                let strikes = stage.bed.faults.strikes();
                stage.bed.faults.clear();
                let (old, new) = (
                    stage.login("ada@example.com", PASSWORD).await.status == 200,
                    stage.login("ada@example.com", NEXT).await.status == 200,
                );
                let free =
                    stage.post("/register", registration("Ada", "ada@example.com")).await.status == 201;
                let alive = stage.lives(&session).await;
                let done = if deleting { (false, false, true, false) } else { (false, true, false, false) };
                let undone = (true, false, false, true);
                let state = (old, new, free, alive);
                if strikes == 0 {
                    assert_eq!((got.status.as_u16(), state), (200, done), "{deleting} {fault:?} {n}");
                    assert!(n >= 2, "{n}");
                    break;
                }
                assert!(state == done || state == undone, "{deleting} {fault:?} {n}: {state:?} {got:?}");
                if got.status == 200 {
                    assert_eq!(state, done, "{deleting} {fault:?} {n}");
                } else {
                    assert_eq!(got.status, 503, "{deleting} {fault:?} {n}: {got:?}");
                }
                if fault == Fault::Unreached {
                    assert_eq!(state, undone, "{deleting} {n}");
                }
                n += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_deletion_that_cannot_be_announced_is_not_done() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    stage.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    assert_eq!(stage.farewell(&session, PASSWORD).await.status, 503);
    stage.bed.faults.clear();
    assert!(stage.lives(&session).await);
    assert_eq!(stage.farewell(&session, PASSWORD).await.status, 200);
}

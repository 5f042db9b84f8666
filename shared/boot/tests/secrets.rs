//! The cache of secrets against Secrets Manager inside the process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use boot::Vars;
use boot::secrets::{PAUSE, SecretCache, SecretError, Secrets, TTL, WebhookSecret};
use testkit::{Bed, Fault, When};

const NAME: &str = "auth";

async fn bed() -> (Bed, SecretCache) {
    let bed = Bed::new().await;
    assert!(bed.engine.set_secret_if_absent(NAME, r#"{"current":"one"}"#).await.unwrap());
    let cache = SecretCache::new(bed.clients().secrets_manager(), NAME, bed.clock.clone());
    bed.faults.clear();
    (bed, cache)
}

async fn put(bed: &Bed, text: &str) {
    let client = bed.sound_clients().secrets_manager();
    client.put_secret_value().secret_id(NAME).secret_string(text).send().await.unwrap();
}

fn current(secrets: &Secrets) -> &str {
    secrets.current().expose()
}

#[tokio::test]
async fn many_who_need_it_at_once_cause_one_read() {
    let (bed, cache) = bed().await;
    let all = futures::future::join_all((0..32).map(|_| cache.get())).await;
    assert!(all.iter().all(|secrets| current(secrets.as_ref().unwrap()) == "one"));
    assert_eq!(bed.faults.calls().len(), 1);
}

#[tokio::test]
async fn is_read_again_when_it_is_old() {
    let (bed, cache) = bed().await;
    cache.get().await.unwrap();
    put(&bed, r#"{"current":"two","previous":"one"}"#).await;
    bed.advance(TTL - Duration::from_millis(1));
    assert_eq!(current(&cache.get().await.unwrap()), "one");
    bed.advance(Duration::from_millis(1));
    let renewed = cache.get().await.unwrap();
    assert_eq!((current(&renewed), renewed.previous().unwrap().expose()), ("two", "one"));
}

#[tokio::test]
async fn a_refresh_reads_at_most_once_in_a_while() {
    let (bed, cache) = bed().await;
    cache.get().await.unwrap();
    put(&bed, r#"{"current":"two"}"#).await;
    assert_eq!(current(&cache.refresh().await.unwrap()), "one");
    bed.advance(PAUSE);
    assert_eq!(current(&cache.refresh().await.unwrap()), "two");
    for _ in 0..10 {
        cache.refresh().await.unwrap();
    }
    assert_eq!(bed.faults.calls().len(), 2);
}

#[tokio::test]
async fn an_old_secret_serves_on_while_it_cannot_be_renewed() {
    let (bed, cache) = bed().await;
    cache.get().await.unwrap();
    for text in ["not json", r#"{"current":""}"#, r#"{"previous":"x"}"#] {
        put(&bed, text).await;
        bed.advance(TTL);
        assert_eq!(current(&cache.get().await.unwrap()), "one", "{text}");
    }
    put(&bed, r#"{"current":"two"}"#).await;
    // The failed attempt is not repeated by every request.
    assert_eq!(current(&cache.get().await.unwrap()), "one");
    bed.advance(PAUSE);
    assert_eq!(current(&cache.get().await.unwrap()), "two");
}

#[tokio::test(start_paused = true)]
async fn the_first_read_has_nothing_to_fall_back_on() {
    let (bed, cache) = bed().await;
    bed.faults.plan(When::Always, Fault::ServerError, None);
    assert!(matches!(cache.get().await, Err(SecretError::Unreachable(_))));
    bed.faults.clear();
    put(&bed, "{}").await;
    assert!(matches!(cache.get().await, Err(SecretError::Malformed)));
    put(&bed, r#"{"current":"one"}"#).await;
    assert_eq!(current(&cache.get().await.unwrap()), "one");
}

#[tokio::test]
async fn the_webhook_secret_is_a_text_or_else_a_record() {
    let bed = Bed::new().await;
    assert!(bed.engine.set_secret_if_absent(NAME, r#"{"current":"two","previous":"one"}"#).await.unwrap());
    let said = |values: &[(&str, &str)]| {
        let mut vars = Vars::new(values.iter().copied());
        let found = WebhookSecret::read(&mut vars);
        assert_eq!(vars.names(), ["WEBHOOK_SECRET", "WEBHOOK_SECRET_ID"]);
        assert!(!format!("{found:?}").contains("whsec_x"));
        found.map(|found| found.cache(&bed.clients(), bed.clock.clone()))
    };
    let (text, record) = (("WEBHOOK_SECRET", "whsec_x"), ("WEBHOOK_SECRET_ID", NAME));
    for (values, wanted) in [
        (&[text][..], &["whsec_x"][..]),
        (&[text, record], &["whsec_x"]),
        (&[("WEBHOOK_SECRET", " "), record], &["two", "one"]),
    ] {
        let secrets = said(values).unwrap().get().await.unwrap();
        assert_eq!(secrets.all().map(|secret| secret.expose()).collect::<Vec<_>>(), wanted);
    }
    assert!(said(&[]).is_none() && said(&[("WEBHOOK_SECRET_ID", "")]).is_none());
}

//! What is known of receivers: since when they fail, that they are off, and whose turn it is.

use std::time::Duration;

use domain::endpoint::Told;
use domain::event::EventType;
use domain::health::{Health, Pace, Showing, Subject};
use domain::id::WebhookId;
use domain::message::{Deliver, Target};
use futures::future::join_all;
use store::Turn;

use crate::desk::Desk;
use crate::endpoints::{made, owner};

const TAKEN: Showing = Showing { latency: 0, taken: true };
const FAILED: Showing = Showing { latency: 0, taken: false };

/// Whatever the owner's jobs name at that URL.
fn other(desk: &Desk, url: &str) -> Subject {
    let run = desk.run_id();
    Subject::of(&Deliver {
        webhook_id: WebhookId::derive(run, EventType::Completed, desk.now(), "job"),
        job_id: desk.draft().id,
        user_id: desk.owner,
        run_id: run,
        endpoint_id: Target::Job,
        url: url.to_owned(),
        body: "{}".to_owned(),
        round: 0,
        cancel_id: None,
        turn: None,
    })
}

#[tokio::test]
async fn an_endpoint_is_switched_off_once_and_only_while_it_fails() {
    let desk = Desk::new().await;
    let subject = Subject::endpoint(made(&desk, &owner(&desk, "ann").await).await.0.id);
    let (store, since) = (&desk.sound, desk.now());
    assert!(!store.note_warned(&subject, since, since).await.unwrap(), "it does not fail");
    store.note_showing(&subject, FAILED, since).await.unwrap();
    desk.pass(9);
    store.note_showing(&subject, FAILED, desk.now()).await.unwrap();
    assert!(!store.note_warned(&subject, desk.now(), desk.now()).await.unwrap(), "other failures");
    assert!(store.note_warned(&subject, since, desk.now()).await.unwrap());
    assert!(!store.note_warned(&subject, since, desk.now()).await.unwrap(), "it was warned of");
    let warned = store.health(&subject, desk.now()).await.unwrap();
    assert_eq!((warned.failing_since, warned.warned_at), (Some(since), Some(desk.now())));
    // It works again: what has failed before counts no more.
    store.note_showing(&subject, TAKEN, desk.now()).await.unwrap();
    assert!(!store.switch_off(&subject, Told::Failing, Some(since), desk.now()).await.unwrap());
    assert_eq!(
        store.health(&subject, desk.now()).await.unwrap(),
        Health { latency: Some(0), ..Health::default() }
    );
    assert!(store.switch_off(&subject, Told::Gone, None, desk.now()).await.unwrap());
    assert!(!store.switch_off(&subject, Told::Gone, None, desk.now()).await.unwrap(), "it is off");
    let off = store.health(&subject, desk.now()).await.unwrap();
    assert_eq!((off.disabled_at, off.disabled_for), (Some(desk.now()), Some(Told::Gone)));
    store.switch_on(&subject).await.unwrap();
    assert_eq!(store.health(&subject, desk.now()).await.unwrap().disabled_at, None);
}

#[tokio::test]
async fn what_nobody_deletes_is_forgotten_after_a_month() {
    let desk = Desk::new().await;
    let subject = other(&desk, "https://example.com/a");
    desk.sound.note_slow(&subject, 15, desk.now()).await.unwrap();
    assert_eq!(desk.sound.health(&subject, desk.now()).await.unwrap().latency, Some(15));
    // One origin is one receiver, and another is another.
    let there = desk.sound.health(&other(&desk, "https://example.com/b?c"), desk.now()).await.unwrap();
    assert_eq!(there.latency, Some(15));
    let elsewhere = desk.sound.health(&other(&desk, "https://example.com:8443/a"), desk.now()).await.unwrap();
    assert_eq!(elsewhere, Health::default());
    desk.pass(30 * 86_400 + 1);
    assert_eq!(desk.sound.health(&subject, desk.now()).await.unwrap(), Health::default());
}

#[tokio::test]
async fn turns_are_given_out_once_each_however_many_ask() {
    let desk = Desk::new().await;
    let subject = Subject::endpoint(made(&desk, &owner(&desk, "ann").await).await.0.id);
    let second = Duration::from_secs(1);
    let pace = Pace { interval: second, burst: 2 * second, ahead: 6 * second };
    let mut given = Vec::new();
    for _ in 0..4 {
        let seen = desk.sound.health(&subject, desk.now()).await.unwrap().turn;
        let some = join_all((0..3).map(|_| desk.sound.take_turn(&subject, seen, pace, desk.now()))).await;
        given.extend(some.into_iter().map(Result::unwrap));
    }
    let now = given.iter().filter(|turn| **turn == Turn::Now).count();
    let mut later: Vec<_> = given
        .iter()
        .filter_map(|turn| match turn {
            Turn::At(at) => Some(at.since(desk.now())),
            Turn::Now | Turn::Later => None,
        })
        .collect();
    later.sort();
    assert_eq!(
        (now, &later[..]),
        (3, &[second, 2 * second, 3 * second, 4 * second, 5 * second, 6 * second][..])
    );
    assert_eq!(given.iter().filter(|turn| **turn == Turn::Later).count(), 3);
    // What has lapsed is not saved up.
    desk.pass(3_600);
    let mut given = Vec::new();
    for _ in 0..5 {
        let seen = desk.sound.health(&subject, desk.now()).await.unwrap().turn;
        given.push(desk.sound.take_turn(&subject, seen, pace, desk.now()).await.unwrap());
    }
    assert_eq!(given[..3], [Turn::Now; 3]);
    assert_eq!(given[3], Turn::At(desk.now().plus(second)));
}

#[tokio::test]
async fn a_turn_at_an_endpoint_that_is_gone_brings_nothing_back() {
    let desk = Desk::new().await;
    let (endpoint, ann) = made(&desk, &owner(&desk, "ann").await).await;
    desk.sound.delete_endpoint(ann.id, endpoint.id).await.unwrap();
    let subject = Subject::endpoint(endpoint.id);
    let pace = Health::default().pace(None).unwrap();
    assert_eq!(desk.sound.take_turn(&subject, None, pace, desk.now()).await.unwrap(), Turn::Later);
    assert!(desk.sound.healths(&[subject], desk.now()).await.unwrap().is_empty());
}

//! API keys: made, found, used, revoked.

use std::time::Duration;

use domain::api_key::{ApiKey, KeyText, MOST_KEYS, Scope, Scopes};
use domain::id::KeyId;
use domain::user::User;
use futures::future::join_all;
use store::{KeyMade, StoreError};
use testkit::{Fault, When};

use crate::desk::Desk;

async fn owner(desk: &Desk, name: &str) -> User {
    let persona = testkit::user(&desk.bed, name);
    desk.sound.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    persona.user
}

pub(crate) fn draft(desk: &Desk, owner: &User) -> (ApiKey, String) {
    let text = KeyText::fresh(desk.bed.ambient.entropy());
    let key = ApiKey {
        id: KeyId::fresh(desk.now(), desk.bed.ambient.entropy()),
        user_id: owner.id,
        name: "ci".to_owned(),
        scopes: Scopes::of([Scope::Read, Scope::Run]).unwrap(),
        prefix: text.prefix(),
        created_at: desk.now(),
        expires_at: None,
        generation: None,
        last_used_at: None,
    };
    (key, text.digest())
}

/// A key in the table, and its owner as that leaves it.
async fn made(desk: &Desk, owner: &User) -> (ApiKey, String, User) {
    let (key, digest) = draft(desk, owner);
    assert_eq!(desk.sound.create_key(&key, &digest, owner, desk.now()).await.unwrap(), KeyMade::Made);
    (key, digest, User { version: owner.version + 1, ..owner.clone() })
}

#[tokio::test]
async fn a_key_is_found_by_its_digest_listed_and_revoked() {
    let desk = Desk::new().await;
    let (ann, bob) = (owner(&desk, "ann").await, owner(&desk, "bob").await);
    let (first, digest, ann) = made(&desk, &ann).await;
    desk.pass(1);
    let (second, other, _) = made(&desk, &ann).await;
    assert_eq!(desk.sound.api_key(&digest).await.unwrap().as_ref(), Some(&first));
    assert_eq!(desk.sound.api_key("nothing").await.unwrap(), None);
    assert_eq!(desk.sound.keys_of(&ann, desk.now()).await.unwrap(), [second.clone(), first.clone()]);
    assert_eq!(desk.sound.keys_of(&bob, desk.now()).await.unwrap(), []);
    assert!(!desk.sound.revoke_key(&bob, first.id, desk.now()).await.unwrap());
    assert!(desk.sound.revoke_key(&ann, first.id, desk.now()).await.unwrap());
    assert!(!desk.sound.revoke_key(&ann, first.id, desk.now()).await.unwrap());
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
    assert_eq!(desk.sound.api_key(&other).await.unwrap(), Some(second));
}

#[tokio::test]
async fn the_table_forgets_an_expired_key_and_so_do_its_lists() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let (key, digest) = draft(&desk, &ann);
    let key = ApiKey { expires_at: Some(desk.now().plus(Duration::from_secs(60))), ..key };
    desk.sound.create_key(&key, &digest, &ann, desk.now()).await.unwrap();
    let ann = User { version: 2, ..ann };
    desk.pass(59);
    assert_eq!(desk.bed.engine.sweep_ttl().unwrap(), 0);
    assert_eq!(desk.sound.keys_of(&ann, desk.now()).await.unwrap().len(), 1);
    desk.pass(1);
    assert_eq!(desk.sound.keys_of(&ann, desk.now()).await.unwrap(), []);
    assert!(!desk.sound.revoke_key(&ann, key.id, desk.now()).await.unwrap());
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), Some(key), "TTL lags");
    // The next key clears it away before the table does.
    made(&desk, &ann).await;
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn of_many_at_once_no_more_are_made_than_are_allowed() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    for _ in 0..MOST_KEYS - 1 {
        let now = desk.sound.user(ann.id).await.unwrap().unwrap();
        made(&desk, &now).await;
    }
    let all: Vec<_> = (0..6).map(|_| draft(&desk, &ann)).collect();
    let told = join_all(all.iter().map(|(key, digest)| async {
        for _ in 0..10 {
            let ann = desk.sound.user(ann.id).await.unwrap().unwrap();
            let told = desk.sound.create_key(key, digest, &ann, desk.now()).await;
            match told {
                Ok(KeyMade::Lost) | Err(StoreError::Busy(_)) => {}
                told => return told.unwrap(),
            }
        }
        panic!("ten races were lost");
    }))
    .await;
    assert_eq!(told.iter().filter(|told| **told == KeyMade::Made).count(), 1, "{told:?}");
    assert_eq!(told.iter().filter(|told| **told == KeyMade::TooMany).count(), 5, "{told:?}");
    assert_eq!(desk.sound.keys_of(&ann, desk.now()).await.unwrap().len(), MOST_KEYS);
}

#[tokio::test]
async fn no_key_is_made_for_who_changed_or_is_gone() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let (key, digest) = draft(&desk, &ann);
    let older = User { version: 7, ..ann.clone() };
    assert_eq!(desk.sound.create_key(&key, &digest, &older, desk.now()).await.unwrap(), KeyMade::Lost);
    let mark = User { deleted_at: Some(desk.now()), version: 2, ..ann };
    assert!(desk.sound.delete_user(&mark).await.unwrap());
    assert_eq!(desk.sound.create_key(&key, &digest, &mark, desk.now()).await.unwrap(), KeyMade::Lost);
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn its_last_use_is_noted_now_and_then_and_does_not_revive_it() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let (key, digest, ann) = made(&desk, &ann).await;
    let first = desk.now();
    let pause = Duration::from_secs(300);
    let before = |desk: &Desk| domain::time::Moment::from_millis(desk.now().as_millis() - 300_000);
    desk.sound.touch_key(&digest, first, before(&desk)).await.unwrap();
    desk.bed.advance(pause - Duration::from_millis(1));
    desk.sound.touch_key(&digest, desk.now(), before(&desk)).await.unwrap();
    assert_eq!(desk.sound.api_key(&digest).await.unwrap().unwrap().last_used_at, Some(first));
    desk.bed.advance(Duration::from_millis(1));
    desk.sound.touch_key(&digest, desk.now(), before(&desk)).await.unwrap();
    assert_eq!(desk.sound.api_key(&digest).await.unwrap().unwrap().last_used_at, Some(desk.now()));
    desk.sound.revoke_key(&ann, key.id, desk.now()).await.unwrap();
    desk.sound.touch_key(&digest, desk.now(), desk.now()).await.unwrap();
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn keys_of_an_earlier_generation_are_dead_wherever_they_stand() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let (first, digest, ann) = made(&desk, &ann).await;
    let (late, other) = draft(&desk, &ann);
    let next = User { version: ann.version + 1, ..ann.clone() }.without_keys(desk.now());
    assert!(desk.sound.replace_user(&next).await.unwrap());
    assert_eq!(desk.sound.create_key(&late, &other, &ann, desk.now()).await.unwrap(), KeyMade::Lost);
    let stood = desk.sound.api_key(&digest).await.unwrap().unwrap();
    assert!(stood.is_live(&ann, desk.now()) && !stood.is_live(&next, desk.now()));
    assert_eq!(desk.sound.keys_of(&next, desk.now()).await.unwrap(), []);
    assert!(!desk.sound.revoke_key(&next, first.id, desk.now()).await.unwrap());
    assert_eq!(desk.sound.revoke_key_of(&next, &digest, desk.now()).await.unwrap(), None);
    // Whatever its maker thought, a key is of the generation that its owner's record shows.
    assert_eq!(desk.sound.create_key(&late, &other, &next, desk.now()).await.unwrap(), KeyMade::Made);
    let alive = desk.sound.keys_of(&next, desk.now()).await.unwrap();
    assert_eq!((alive.len(), alive[0].generation), (1, Some(desk.now())));
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None, "the dead one has made room");
}

#[tokio::test]
async fn dead_keys_are_removed_and_a_key_goes_by_its_digest_if_it_is_its_owners() {
    let desk = Desk::new().await;
    let (ann, bob) = (owner(&desk, "ann").await, owner(&desk, "bob").await);
    let (_, old, ann) = made(&desk, &ann).await;
    let ann = User { version: ann.version + 1, ..ann }.without_keys(desk.now());
    assert!(desk.sound.replace_user(&ann).await.unwrap());
    let (key, digest) = draft(&desk, &ann);
    desk.bed.faults.plan(When::Always, Fault::Throttled, Some("DeleteItem"));
    assert!(matches!(desk.blunt.remove_dead_keys(&ann, desk.now()).await, Err(StoreError::Busy(_))));
    desk.bed.faults.clear();
    desk.sound.create_key(&key, &digest, &ann, desk.now()).await.unwrap();
    for _ in 0..2 {
        desk.sound.remove_dead_keys(&ann, desk.now()).await.unwrap();
        assert_eq!(desk.sound.api_key(&old).await.unwrap(), None);
    }
    assert_eq!(desk.sound.revoke_key_of(&bob, &digest, desk.now()).await.unwrap(), None);
    assert!(desk.sound.api_key(&digest).await.unwrap().is_some());
    let gone = desk.sound.revoke_key_of(&ann, &digest, desk.now()).await.unwrap();
    assert_eq!(gone.map(|gone| gone.id), Some(key.id));
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
}

#[tokio::test]
async fn all_keys_of_a_user_go_and_those_of_others_stay() {
    let desk = Desk::new().await;
    let (mut ann, bob) = (owner(&desk, "ann").await, owner(&desk, "bob").await);
    for _ in 0..12 {
        ann = made(&desk, &ann).await.2;
    }
    let (kept, digest, _) = made(&desk, &bob).await;
    // It breaks off in the middle, and is done again.
    desk.bed.faults.plan(When::Nth(5), Fault::Unreached, Some("DeleteItem"));
    assert!(matches!(desk.blunt.remove_keys_of(ann.id).await, Err(StoreError::Busy(_))));
    for _ in 0..2 {
        desk.sound.remove_keys_of(ann.id).await.unwrap();
        assert_eq!(desk.sound.keys_of(&ann, desk.now()).await.unwrap(), []);
    }
    assert_eq!(desk.sound.api_key(&digest).await.unwrap(), Some(kept));
}

#[tokio::test]
async fn a_lost_answer_is_found_to_be_our_own_and_a_failure_leaves_nothing() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let (key, digest) = draft(&desk, &ann);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    assert_eq!(desk.patient.create_key(&key, &digest, &ann, desk.now()).await.unwrap(), KeyMade::Made);
    assert_eq!(desk.bed.faults.strikes(), 1);
    assert_eq!(desk.sound.create_key(&key, &digest, &ann, desk.now()).await.unwrap(), KeyMade::Made);
    let ann = desk.sound.user(ann.id).await.unwrap().unwrap();
    let (other, digest) = draft(&desk, &ann);
    let calls = 3;
    for n in 0..=calls {
        desk.bed.faults.plan(When::Nth(n), Fault::Throttled, None);
        let told = desk.blunt.create_key(&other, &digest, &ann, desk.now()).await;
        if n == calls {
            assert_eq!((told.unwrap(), desk.bed.faults.strikes()), (KeyMade::Made, 0));
            break;
        }
        assert!(matches!(told, Err(StoreError::Busy(_))), "{n}");
        assert_eq!(desk.sound.api_key(&digest).await.unwrap(), None);
        assert_eq!(desk.sound.user(ann.id).await.unwrap().as_ref(), Some(&ann));
    }
}

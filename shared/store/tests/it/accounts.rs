//! Renaming, deleting and listing users.

use domain::user::{User, UserName};
use futures::future::join_all;
use store::StoreError;
use testkit::{Fault, Persona, When};

use crate::desk::Desk;

async fn register(desk: &Desk, name: &str) -> Persona {
    let persona = testkit::user(&desk.bed, name);
    desk.sound.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    persona
}

fn named(user: &User, name: &str) -> (User, UserName) {
    let name = UserName::parse(name).unwrap();
    (User { name: name.as_str().to_owned(), version: user.version + 1, ..user.clone() }, name)
}

fn marked(desk: &Desk, user: &User) -> User {
    User { deleted_at: Some(desk.now()), version: user.version + 1, ..user.clone() }
}

async fn holder(desk: &Desk, name: &str) -> Option<String> {
    let digest = UserName::parse(name).unwrap().digest();
    Some(desk.sound.user_by_name(&digest).await.unwrap()?.id.to_string())
}

#[tokio::test]
async fn a_new_name_is_taken_and_the_old_one_is_free() {
    let desk = Desk::new().await;
    let ann = register(&desk, "ann").await;
    let (next, name) = named(&ann.user, "Anna");
    assert!(desk.sound.rename_user(&next, "ann", &name).await.unwrap());
    assert_eq!(desk.sound.user(ann.user.id).await.unwrap().as_ref(), Some(&next));
    assert_eq!(holder(&desk, "anna").await, Some(ann.user.id.to_string()));
    assert_eq!(holder(&desk, "ann").await, None);
    // The same name in other letters.
    let (again, name) = named(&next, "ANNA");
    assert!(desk.sound.rename_user(&again, "Anna", &name).await.unwrap());
    assert_eq!(holder(&desk, "anna").await, Some(ann.user.id.to_string()));
    // Who saw an older version changes nothing.
    let (late, name) = named(&ann.user, "late");
    assert!(!desk.sound.rename_user(&late, "ann", &name).await.unwrap());
    assert_eq!(desk.sound.user(ann.user.id).await.unwrap(), Some(again));
    assert_eq!(holder(&desk, "late").await, None);
}

#[tokio::test]
async fn the_lock_of_another_is_neither_taken_nor_released() {
    let desk = Desk::new().await;
    let (ann, bob) = (register(&desk, "ann").await, register(&desk, "bob").await);
    let (next, name) = named(&bob.user, "ann");
    assert!(desk.sound.rename_user(&next, "bob", &name).await.unwrap());
    assert_eq!(holder(&desk, "ann").await, Some(ann.user.id.to_string()));
    assert_eq!(holder(&desk, "bob").await, None);
    let (next, name) = named(&next, "bobby");
    assert!(desk.sound.rename_user(&next, "ann", &name).await.unwrap());
    assert_eq!(holder(&desk, "ann").await, Some(ann.user.id.to_string()));
    assert_eq!(holder(&desk, "bobby").await, Some(bob.user.id.to_string()));
}

#[tokio::test]
async fn of_several_who_want_a_name_one_has_it_and_all_bear_it() {
    let desk = Desk::new().await;
    let mut all = Vec::new();
    for name in ["one", "two", "three", "four"] {
        all.push(register(&desk, name).await);
    }
    let renamed = all.iter().map(|one| {
        let (next, name) = named(&one.user, "Star");
        let (desk, before) = (&desk, one.user.name.clone());
        async move { desk.sound.rename_user(&next, &before, &name).await.unwrap() }
    });
    assert_eq!(join_all(renamed).await, [true; 4]);
    let star = holder(&desk, "star").await.unwrap();
    assert!(all.iter().any(|one| one.user.id.to_string() == star));
    for one in &all {
        assert_eq!(desk.sound.user(one.user.id).await.unwrap().unwrap().name, "Star");
        assert_eq!(holder(&desk, &one.user.name).await, None);
    }
}

#[tokio::test]
async fn a_deleted_user_counts_as_absent_and_frees_what_it_held() {
    let desk = Desk::new().await;
    let ann = register(&desk, "ann").await;
    let mark = marked(&desk, &ann.user);
    assert!(desk.sound.delete_user(&mark).await.unwrap());
    assert_eq!(desk.sound.user(ann.user.id).await.unwrap(), None);
    assert_eq!(desk.sound.user_by_email(&ann.email.digest()).await.unwrap(), None);
    assert_eq!(holder(&desk, "ann").await, None);
    assert!(desk.sound.session(ann.user.id, "jti", desk.now()).await.unwrap().user.is_none());
    assert!(desk.sound.list_users(None, 10).await.unwrap().users.is_empty());
    assert_eq!(desk.sound.user_even_deleted(ann.user.id).await.unwrap(), Some(mark.clone()));
    // Both can be registered anew, and the first owner's purge does not touch the second.
    let again = register(&desk, "Ann").await;
    assert_eq!(holder(&desk, "ann").await, Some(again.user.id.to_string()));
    assert!(desk.sound.remove_user(ann.user.id).await.unwrap());
    assert!(desk.sound.remove_user(ann.user.id).await.unwrap());
    assert_eq!(desk.sound.user_even_deleted(ann.user.id).await.unwrap(), None);
    assert!(!desk.sound.remove_user(again.user.id).await.unwrap());
    assert_eq!(desk.sound.user(again.user.id).await.unwrap(), Some(again.user));
}

#[tokio::test]
async fn a_deletion_keeps_the_locks_of_others_and_loses_against_a_change() {
    let desk = Desk::new().await;
    let ann = register(&desk, "ann").await;
    let mut bob = testkit::user(&desk.bed, "bob");
    (bob.user.name, bob.name) = ("ann".to_owned(), ann.name.clone());
    desk.sound.create_user(&bob.user, &bob.email, &bob.name).await.unwrap();
    let changed = User { version: 2, ..bob.user.clone() };
    assert!(desk.sound.replace_user(&changed).await.unwrap());
    assert!(!desk.sound.delete_user(&marked(&desk, &bob.user)).await.unwrap());
    assert_eq!(desk.sound.user(bob.user.id).await.unwrap().as_ref(), Some(&changed));
    assert!(desk.sound.user_by_email(&bob.email.digest()).await.unwrap().is_some());
    assert!(desk.sound.delete_user(&marked(&desk, &changed)).await.unwrap());
    assert_eq!(holder(&desk, "ann").await, Some(ann.user.id.to_string()));
    assert_eq!(desk.sound.user_by_email(&bob.email.digest()).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_answer_is_found_to_be_our_own() {
    let desk = Desk::new().await;
    let ann = register(&desk, "ann").await;
    let (next, name) = named(&ann.user, "anna");
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    assert!(desk.patient.rename_user(&next, "ann", &name).await.unwrap());
    assert_eq!(desk.bed.faults.strikes(), 1);
    let mark = marked(&desk, &next);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    assert!(desk.patient.delete_user(&mark).await.unwrap());
    assert_eq!(desk.bed.faults.strikes(), 1);
    // Asked again by whoever never heard of it.
    assert!(desk.sound.delete_user(&mark).await.unwrap());
}

#[tokio::test]
async fn whichever_call_fails_nothing_or_all_is_written() {
    for renaming in [true, false] {
        for fault in [Fault::Unreached, Fault::Throttled, Fault::ServerError, Fault::AnswerLost] {
            let mut calls = 0;
            loop {
                let desk = Desk::new().await;
                let ann = register(&desk, "ann").await;
                let (next, name) = named(&ann.user, "anna");
                desk.bed.faults.plan(When::Nth(calls), fault, None);
                let told = if renaming {
                    desk.blunt.rename_user(&next, "ann", &name).await
                } else {
                    desk.blunt.delete_user(&marked(&desk, &ann.user)).await
                };
                if desk.bed.faults.strikes() == 0 {
                    assert!(told.unwrap() && calls == 3, "{calls}");
                    break;
                }
                assert!(matches!(told, Err(StoreError::Busy(_))), "{told:?}");
                let done = fault == Fault::AnswerLost && calls == 2;
                let stands = desk.sound.user(ann.user.id).await.unwrap();
                let named = (holder(&desk, "ann").await.is_some(), holder(&desk, "anna").await.is_some());
                match (done, renaming) {
                    (false, _) => assert_eq!((stands, named), (Some(ann.user), (true, false))),
                    (true, true) => assert_eq!((stands, named), (Some(next), (false, true))),
                    (true, false) => assert_eq!((stands, named), (None, (false, false))),
                }
                calls += 1;
            }
        }
    }
}

#[tokio::test]
async fn pages_of_users_miss_nobody_and_repeat_nobody() {
    let desk = Desk::new().await;
    let mut all = Vec::new();
    for n in 0..7 {
        desk.pass(1);
        all.push(register(&desk, &format!("user-{n}")).await.user);
    }
    all.reverse();
    assert!(desk.sound.delete_user(&marked(&desk, &all.remove(3))).await.unwrap());
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..10 {
        let page = desk.sound.list_users(after, 2).await.unwrap();
        assert!(page.users.len() <= 2);
        seen.extend(page.users);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, all);
}

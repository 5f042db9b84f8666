//! Users, the locks of their addresses and names, and their sessions.

use std::time::Duration;

use domain::time::Moment;
use domain::user::{Role, User, UserName};
use futures::future::join_all;
use store::{CreateUserError, StoreError};
use testkit::{Fault, When};

use crate::desk::Desk;

#[tokio::test]
async fn a_user_is_found_by_id_address_and_name() {
    let desk = Desk::new().await;
    let ann = testkit::user(&desk.bed, "Ann");
    desk.sound.create_user(&ann.user, &ann.email, &ann.name).await.unwrap();
    let found = Some(ann.user.clone());
    assert_eq!(desk.sound.user(ann.user.id).await.unwrap(), found);
    assert_eq!(desk.sound.user_by_email(&ann.email.digest()).await.unwrap(), found);
    let spelt = UserName::parse("aNN").unwrap();
    assert_eq!(desk.sound.user_by_name(&spelt.digest()).await.unwrap(), found);
    assert_eq!(desk.sound.user_by_email("nobody").await.unwrap(), None);
    assert_eq!(desk.sound.user(desk.owner).await.unwrap(), None);
}

#[tokio::test]
async fn of_eight_registrations_of_one_address_one_wins() {
    let desk = Desk::new().await;
    let all: Vec<_> = (0..8).map(|_| testkit::user(&desk.bed, "ann")).collect();
    let told = join_all(all.iter().map(|one| desk.sound.create_user(&one.user, &one.email, &one.name))).await;
    let winners: Vec<_> = all.iter().zip(&told).filter(|(_, told)| told.is_ok()).collect();
    assert_eq!(winners.len(), 1, "{told:?}");
    assert!(told.iter().all(|told| matches!(told, Ok(()) | Err(CreateUserError::EmailTaken))), "{told:?}");
    let winner = &winners[0].0.user;
    assert_eq!(desk.sound.user_by_email(&all[0].email.digest()).await.unwrap().as_ref(), Some(winner));
    for one in &all {
        let stands = desk.sound.user(one.user.id).await.unwrap().is_some();
        assert_eq!(stands, one.user.id == winner.id);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_stays_with_who_took_it() {
    let desk = Desk::new().await;
    let (first, mut second) = (testkit::user(&desk.bed, "ann"), testkit::user(&desk.bed, "other"));
    second.name = first.name.clone();
    desk.sound.create_user(&first.user, &first.email, &first.name).await.unwrap();
    desk.sound.create_user(&second.user, &second.email, &second.name).await.unwrap();
    let named = desk.sound.user_by_name(&first.name.digest()).await.unwrap();
    assert_eq!(named.map(|user| user.id), Some(first.user.id));
    let addressed = desk.sound.user_by_email(&second.email.digest()).await.unwrap();
    assert_eq!(addressed.map(|user| user.id), Some(second.user.id));
    // Both are taken: it is the address that is told of.
    let third = testkit::user(&desk.bed, "ann");
    let told = desk.sound.create_user(&third.user, &third.email, &third.name).await;
    assert!(matches!(told, Err(CreateUserError::EmailTaken)));
}

#[tokio::test]
async fn a_lost_answer_is_found_to_be_our_own() {
    let desk = Desk::new().await;
    let (first, mut second) = (testkit::user(&desk.bed, "ann"), testkit::user(&desk.bed, "other"));
    second.name = first.name.clone();
    for (one, strikes) in [(&first, 0), (&second, 1)] {
        // The second user's first try is refused for the name; its second try's answer is lost.
        desk.bed.faults.plan(When::Nth(strikes), Fault::AnswerLost, Some("TransactWriteItems"));
        desk.patient.create_user(&one.user, &one.email, &one.name).await.unwrap();
        assert_eq!(desk.bed.faults.strikes(), 1);
        assert_eq!(desk.sound.user(one.user.id).await.unwrap().as_ref(), Some(&one.user));
    }
    // Without the SDK's repeats nobody knows; whoever asks again for the same user is told that it stands.
    let third = testkit::user(&desk.bed, "third");
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    let told = desk.blunt.create_user(&third.user, &third.email, &third.name).await;
    assert!(matches!(told, Err(CreateUserError::Store(StoreError::Busy(_)))));
    desk.blunt.create_user(&third.user, &third.email, &third.name).await.unwrap();
}

#[tokio::test]
async fn a_user_is_replaced_under_the_version_seen() {
    let desk = Desk::new().await;
    let ann = testkit::user(&desk.bed, "ann");
    desk.sound.create_user(&ann.user, &ann.email, &ann.name).await.unwrap();
    let mut next = ann.user.clone();
    (next.version, next.role) = (2, Role::Admin);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert!(desk.patient.replace_user(&next).await.unwrap());
    assert_eq!(desk.bed.faults.strikes(), 1);
    let mut late = ann.user.clone();
    (late.version, late.name) = (2, "late".to_owned());
    assert!(!desk.sound.replace_user(&late).await.unwrap());
    assert_eq!(desk.sound.user(ann.user.id).await.unwrap(), Some(next));
}

#[tokio::test]
async fn a_revoked_token_is_dead_and_the_others_live() {
    let desk = Desk::new().await;
    let ann = testkit::user(&desk.bed, "ann");
    desk.sound.create_user(&ann.user, &ann.email, &ann.name).await.unwrap();
    desk.sound.revoke_token(ann.user.id, "dead", desk.now(), desk.now()).await.unwrap();
    desk.sound.revoke_token(ann.user.id, "dead", desk.now(), desk.now()).await.unwrap();
    let id = |session: &store::Session| session.user.as_ref().map(|user| user.id);
    let dead = desk.sound.session(ann.user.id, "dead", desk.now()).await.unwrap();
    assert_eq!((id(&dead), dead.revoked), (Some(ann.user.id), true));
    let alive = desk.sound.session(ann.user.id, "alive", desk.now()).await.unwrap();
    assert_eq!((id(&alive), alive.revoked), (Some(ann.user.id), false));
    // Who has it from a machine whose clock is behind, and who got one since.
    let (before, since) = (Moment::from_millis(0), desk.now().plus(Duration::from_secs(61)));
    assert!(desk.sound.session(ann.user.id, "dead", before).await.unwrap().revoked);
    assert!(!desk.sound.session(ann.user.id, "fresh", since).await.unwrap().revoked);
    let nobody = desk.sound.session(desk.owner, "dead", desk.now()).await.unwrap();
    assert_eq!((id(&nobody), nobody.revoked), (None, false));
    // A change of the user that was decided on before does not lose the note.
    let stale = User { version: 2, ..ann.user.clone() };
    assert!(!desk.sound.replace_user(&stale).await.unwrap());
}

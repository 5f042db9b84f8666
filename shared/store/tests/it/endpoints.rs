//! Endpoints: made, read, changed and removed with what is known of them.

use domain::endpoint::{Endpoint, Events, MOST_ENDPOINTS};
use domain::health::{Showing, Subject};
use domain::id::EndpointId;
use domain::user::{Signing, User};
use futures::future::join_all;
use store::EndpointMade;
use testkit::{Fault, When};

use crate::desk::Desk;

pub(crate) async fn owner(desk: &Desk, name: &str) -> User {
    let persona = testkit::user(&desk.bed, name);
    desk.sound.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    persona.user
}

pub(crate) fn draft(desk: &Desk, owner: &User) -> Endpoint {
    let id = EndpointId::fresh(desk.now(), desk.bed.ambient.entropy());
    let sealed = desk.bed.seal_key().seal("whsec_ZW5k", &id.to_string(), desk.bed.ambient.entropy());
    Endpoint {
        id,
        user_id: owner.id,
        url: "https://example.com/hook".to_owned(),
        description: "a hook".to_owned(),
        events: Events::read(&["job.failed", "job.started"]).unwrap(),
        enabled: true,
        signing: Signing::of(sealed),
        steps: Some("1s,5m".parse().unwrap()),
        rate: Some(7),
        headers: None,
        created_at: desk.now(),
        updated_at: desk.now(),
        version: 1,
    }
}

/// An endpoint in the table, and its owner as that leaves it.
pub(crate) async fn made(desk: &Desk, owner: &User) -> (Endpoint, User) {
    let endpoint = draft(desk, owner);
    assert_eq!(desk.sound.create_endpoint(&endpoint, owner).await.unwrap(), EndpointMade::Made);
    (endpoint, User { version: owner.version + 1, ..owner.clone() })
}

#[tokio::test]
async fn an_endpoint_is_read_as_it_was_written_and_by_its_owner_alone() {
    let desk = Desk::new().await;
    let (ann, bob) = (owner(&desk, "ann").await, owner(&desk, "bob").await);
    let (first, ann) = made(&desk, &ann).await;
    desk.pass(1);
    let (second, ann) = made(&desk, &ann).await;
    assert_eq!(desk.sound.endpoint(ann.id, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(desk.sound.endpoint(bob.id, first.id).await.unwrap(), None);
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(desk.sound.endpoints_of(bob.id).await.unwrap(), []);
    assert_eq!(desk.sound.user(ann.id).await.unwrap(), Some(ann.clone()));
    // Nobody else's is deleted.
    desk.sound
        .delete_endpoint(bob.id, EndpointId::fresh(desk.now(), desk.bed.ambient.entropy()))
        .await
        .unwrap();
    for _ in 0..2 {
        desk.sound.delete_endpoint(ann.id, first.id).await.unwrap();
    }
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap(), [second]);
    desk.sound.remove_endpoints_of(ann.id).await.unwrap();
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap(), []);
}

#[tokio::test]
async fn of_two_who_take_the_last_place_one_gets_it() {
    let desk = Desk::new().await;
    let mut ann = owner(&desk, "ann").await;
    for _ in 1..MOST_ENDPOINTS {
        ann = made(&desk, &ann).await.1;
    }
    let drafts = [draft(&desk, &ann), draft(&desk, &ann)];
    let both = join_all(drafts.iter().map(|draft| desk.sound.create_endpoint(draft, &ann))).await;
    let mut both: Vec<_> = both.into_iter().map(|made| format!("{:?}", made.unwrap())).collect();
    both.sort();
    assert!(both == ["Lost", "Made"] || both == ["Made", "TooMany"], "{both:?}");
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap().len(), MOST_ENDPOINTS);
    let ann = desk.sound.user(ann.id).await.unwrap().unwrap();
    let more = desk.sound.create_endpoint(&draft(&desk, &ann), &ann).await.unwrap();
    assert_eq!(more, EndpointMade::TooMany);
}

#[tokio::test]
async fn none_is_made_for_a_user_who_has_changed_or_gone() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let seen = ann.clone();
    let (_, ann) = made(&desk, &ann).await;
    assert_eq!(desk.sound.create_endpoint(&draft(&desk, &seen), &seen).await.unwrap(), EndpointMade::Lost);
    let gone = User { deleted_at: Some(desk.now()), version: ann.version + 1, ..ann };
    assert!(desk.sound.delete_user(&gone).await.unwrap());
    assert_eq!(desk.sound.create_endpoint(&draft(&desk, &gone), &gone).await.unwrap(), EndpointMade::Lost);
}

#[tokio::test]
async fn a_change_is_fenced_by_the_version_before() {
    let desk = Desk::new().await;
    let (endpoint, _) = made(&desk, &owner(&desk, "ann").await).await;
    let mine = Endpoint { enabled: false, version: 2, ..endpoint.clone() };
    let theirs = Endpoint { url: "https://example.com/other".to_owned(), version: 2, ..endpoint.clone() };
    assert!(desk.sound.replace_endpoint(&mine).await.unwrap());
    assert!(!desk.sound.replace_endpoint(&theirs).await.unwrap());
    assert_eq!(desk.sound.endpoint(endpoint.user_id, endpoint.id).await.unwrap(), Some(mine.clone()));
    desk.sound.delete_endpoint(endpoint.user_id, endpoint.id).await.unwrap();
    let late = Endpoint { version: 3, ..mine };
    assert!(!desk.sound.replace_endpoint(&late).await.unwrap(), "a change brings nothing back");
    assert_eq!(desk.sound.endpoint(endpoint.user_id, endpoint.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_lost_answer_is_no_failure_and_a_failure_leaves_nothing_behind() {
    let desk = Desk::new().await;
    let ann = owner(&desk, "ann").await;
    let endpoint = draft(&desk, &ann);
    desk.bed.faults.plan(When::Nth(0), Fault::Unreached, Some("TransactWriteItems"));
    assert!(desk.blunt.create_endpoint(&endpoint, &ann).await.is_err());
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap(), []);
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    assert_eq!(desk.patient.create_endpoint(&endpoint, &ann).await.unwrap(), EndpointMade::Made);
    let next = Endpoint { enabled: false, version: 2, ..endpoint.clone() };
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    assert!(desk.patient.replace_endpoint(&next).await.unwrap());
    desk.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    desk.patient.delete_endpoint(ann.id, endpoint.id).await.unwrap();
    assert_eq!(desk.sound.endpoints_of(ann.id).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_known_of_an_endpoint_goes_with_it() {
    let desk = Desk::new().await;
    let (endpoint, _) = made(&desk, &owner(&desk, "ann").await).await;
    let (subject, failed) = (Subject::endpoint(endpoint.id), Showing { latency: 4, taken: false });
    desk.sound.note_showing(&subject, failed, desk.now()).await.unwrap();
    let known = desk.sound.health(&subject, desk.now()).await.unwrap();
    assert_eq!((known.latency, known.failing_since), (Some(4), Some(desk.now())));
    let all = desk.sound.healths(std::slice::from_ref(&subject), desk.now()).await.unwrap();
    assert_eq!(all, [(endpoint.id.to_string(), known)]);
    desk.sound.delete_endpoint(endpoint.user_id, endpoint.id).await.unwrap();
    // A delivery that was on its way notes nothing any more.
    desk.sound.note_showing(&subject, failed, desk.now()).await.unwrap();
    desk.sound.note_slow(&subject, 15, desk.now()).await.unwrap();
    assert!(desk.sound.healths(&[subject], desk.now()).await.unwrap().is_empty());
}

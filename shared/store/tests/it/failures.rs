//! What a failing table looks like to whoever called it.

use std::time::Duration;

use domain::life::touched;
use domain::payload::Payload;
use store::{NewJob, Store, StoreError, Window};
use testkit::Fault::{Conflict, ServerError, Throttled, Unreached};
use testkit::When;

use crate::desk::{Desk, payload};

fn is_busy<T>(told: Result<T, StoreError>) -> bool {
    matches!(told, Err(StoreError::Busy(_)))
}

#[tokio::test]
async fn what_passes_by_itself_is_busy_for_every_operation() {
    let desk = Desk::new().await;
    let (blunt, now) = (&desk.blunt, desk.now());
    let job = desk.job().await;
    let ann = testkit::user(&desk.bed, "ann");
    let window = Window::around(now, Duration::from_secs(60));
    for fault in [Unreached, Throttled, ServerError] {
        desk.bed.faults.plan(When::Always, fault, None);
        assert!(is_busy(blunt.job(job.id, now).await), "{fault:?}");
        assert!(is_busy(blunt.jobs(&[job.id], now).await), "{fault:?}");
        assert!(is_busy(blunt.job_and_all(job.id, now).await), "{fault:?}");
        let list = blunt.list_jobs(desk.owner, &Default::default(), None, 0, 5, now).await;
        assert!(is_busy(list), "{fault:?}");
        assert!(is_busy(blunt.count_jobs(desk.owner, &Default::default(), 5).await), "{fault:?}");
        assert!(is_busy(blunt.session(desk.owner, "jti", desk.now()).await), "{fault:?}");
        assert!(is_busy(blunt.purge_job(job.id, 1_000).await), "{fault:?}");
        assert!(is_busy(blunt.job_deliveries(job.id, None, 5, now).await), "{fault:?}");
    }
    // A transaction of somebody else's stands in the way of writes.
    for fault in [Unreached, Throttled, ServerError, Conflict] {
        desk.bed.faults.plan(When::Always, fault, None);
        let new = |payload| NewJob { job: desk.draft(), payload };
        assert!(is_busy(blunt.create_job(new(Payload::empty()), None, now).await), "{fault:?}");
        assert!(is_busy(blunt.create_job(new(payload(2_000)), None, now).await), "{fault:?}");
        assert!(is_busy(blunt.replace_job(&touched(&job, now)).await), "{fault:?}");
        let moved = blunt.replace_job_and_payload(touched(&job, now), payload(2_000)).await;
        assert!(is_busy(moved), "{fault:?}");
        assert!(is_busy(blunt.count_in_window("run", "ann", window, 5).await), "{fault:?}");
        assert!(is_busy(blunt.revoke_token(desk.owner, "jti", now, now).await), "{fault:?}");
        let created = blunt.create_user(&ann.user, &ann.email, &ann.name).await;
        assert!(matches!(created, Err(store::CreateUserError::Store(StoreError::Busy(_)))), "{fault:?}");
    }
    assert_eq!(desk.sound.job(job.id, now).await.unwrap(), Some(job));
}

#[tokio::test]
async fn a_moments_trouble_is_nobodys_business() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    for fault in [Unreached, Throttled, ServerError] {
        desk.bed.faults.plan(When::Nth(0), fault, None);
        assert_eq!(desk.patient.job(job.id, desk.now()).await.unwrap().as_ref(), Some(&job), "{fault:?}");
        assert_eq!(desk.bed.faults.strikes(), 1);
    }
}

#[tokio::test]
async fn what_would_fail_again_is_broken() {
    let desk = Desk::new().await;
    let elsewhere = Store::new(desk.bed.sound_clients().dynamodb(), "elsewhere");
    let told = elsewhere.job(desk.draft().id, desk.now()).await;
    let Err(StoreError::Broken(text)) = told else { panic!("{told:?}") };
    assert!(text.contains("ResourceNotFound"), "{text}");
    let told =
        elsewhere.create_job(NewJob { job: desk.draft(), payload: payload(2_000) }, None, desk.now()).await;
    assert!(matches!(told, Err(StoreError::Broken(_))), "{told:?}");
}

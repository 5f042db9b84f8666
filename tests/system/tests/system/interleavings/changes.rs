//! Cancellations, edits and deletions between a claim and its end.

use domain::filter::JobFilter;
use domain::job::{Job, Priority, Status};
use http::StatusCode;
use queue::topology::JOBS_LOW;
use serde_json::json;

use crate::world::World;

/// A worker claims the job and executes its task; before it writes the end, that happens.
async fn in_between(world: &World, change: impl Future<Output = ()>) {
    let (worker, gate) = world.held_up("PutItem", 1);
    tokio::join!(worker.step(&world.bed, JOBS_LOW), async {
        gate.reached().await;
        change.await;
        gate.open();
    });
}

async fn running(world: &World) -> Job {
    // Small, so that the end is one write.
    let job = world.job(&json!({"text": "x"}), 3).await;
    assert_eq!(world.ask(job.id, "run").await, Some(StatusCode::ACCEPTED));
    world.read(job.id).await
}

#[tokio::test]
async fn a_cancellation_fences_the_end() {
    let world = World::new().await;
    let job = running(&world).await;
    in_between(&world, async {
        assert_eq!(world.ask(job.id, "cancel").await, Some(StatusCode::OK));
    })
    .await;
    let cancelled = world.read(job.id).await;
    world.settle().await;
    assert_eq!(world.assert_ended(job.id, "").await, cancelled);
    assert_eq!((cancelled.status, cancelled.version), (Status::Cancelled, job.version + 2));
    let run = cancelled.run.as_ref().unwrap();
    assert_eq!(world.events(run.id).into_iter().collect::<Vec<_>>(), ["\"job.cancelled\""]);
    assert!(world.asked.borrow().iter().all(|one| one.cancel_id == cancelled.cancel_id));
}

#[tokio::test]
async fn a_cancellation_that_comes_too_late_announces_what_nobody_delivers() {
    let world = World::new().await;
    let job = running(&world).await;
    let (slow, gate) = world.held_up("PutItem", 0);
    let request = world.request("POST", &format!("/jobs/{}/cancel", job.id), "");
    let cancelling = tokio::spawn(async move { slow.send(request).await });
    gate.reached().await;
    world.work_off().await;
    let ended = world.assert_completed(job.id, 1).await;
    gate.open();
    assert_eq!(cancelling.await.unwrap(), StatusCode::CONFLICT);
    world.settle().await;
    assert_eq!(world.assert_ended(job.id, "").await, ended);
    let asked = world.asked.borrow();
    let announced = asked.iter().find(|one| one.cancel_id.is_some()).expect("an announcement");
    assert_ne!(announced.cancel_id, ended.cancel_id);
}

#[tokio::test]
async fn a_cancelled_job_may_run_again_and_both_ends_are_told() {
    let world = World::new().await;
    let job = running(&world).await;
    in_between(&world, async {
        assert_eq!(world.ask(job.id, "cancel").await, Some(StatusCode::OK));
        let cancelled = world.read(job.id).await;
        assert_eq!(world.ask(job.id, "rerun").await, Some(StatusCode::ACCEPTED));
        let aside = world.store.archived_run(job.id, cancelled.run.as_ref().unwrap().id).await.unwrap();
        assert_eq!(aside, cancelled.run);
    })
    .await;
    world.settle().await;
    let second = world.assert_completed(job.id, 1).await;
    let first = world.store.archived_run(job.id, job.run.as_ref().unwrap().id).await.unwrap().unwrap();
    assert_eq!(first.outcome, Some(Status::Cancelled));
    world.assert_told(&second, &first, "the cancelled run");
}

#[tokio::test]
async fn an_edit_keeps_its_place_and_the_end_is_written_over_it() {
    let world = World::new().await;
    let job = running(&world).await;
    in_between(&world, async {
        let body = json!({"priority": "high", "payload": {"new": true}, "taskName": "renamed"});
        let request = world.request("PATCH", &format!("/jobs/{}", job.id), &body.to_string());
        assert_eq!(world.hands.send(request).await, StatusCode::OK);
    })
    .await;
    world.settle().await;
    let ended = world.assert_completed(job.id, 1).await;
    assert_eq!((ended.priority, ended.task_name.as_str()), (Priority::High, "renamed"));
    assert_eq!(world.store.payload(&ended).await.unwrap().as_str(), r#"{"new":true}"#);
    for status in Status::ALL {
        for priority in Priority::ALL {
            let filter =
                JobFilter { statuses: vec![status], priorities: vec![priority], ..Default::default() };
            let page =
                world.store.list_jobs(world.owner, &filter, None, 0, 9, world.bed.now()).await.unwrap();
            let here = (status, priority) == (Status::Completed, Priority::High);
            assert_eq!(page.jobs.len(), usize::from(here), "{status} {priority}");
        }
    }
}

#[tokio::test]
async fn a_deletion_fences_the_end_and_the_rest_is_removed() {
    let world = World::new().await;
    let job = running(&world).await;
    in_between(&world, async {
        assert_eq!(world.ask(job.id, "delete").await, Some(StatusCode::OK));
    })
    .await;
    world.settle().await;
    assert_gone(&world, &job).await;
}

#[tokio::test]
async fn a_deletion_before_the_claim_refuses_it() {
    let world = World::new().await;
    let job = running(&world).await;
    assert_eq!(world.ask(job.id, "delete").await, Some(StatusCode::OK));
    world.settle().await;
    assert_gone(&world, &job).await;
    for what in ["run", "rerun", "cancel", "delete"] {
        assert_eq!(world.ask(job.id, what).await, Some(StatusCode::NOT_FOUND), "{what}");
    }
}

/// Only the mark is left, and nobody was told of an end.
async fn assert_gone(world: &World, job: &Job) {
    let now = world.bed.now();
    assert_eq!(world.store.job(job.id, now).await.unwrap(), None);
    let mark = world.store.job_even_deleted(job.id, now).await.unwrap().expect("a mark");
    assert_eq!(world.store.payload(&mark).await.unwrap().as_str(), "{}");
    assert!(world.asked.borrow().is_empty());
}

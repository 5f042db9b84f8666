//! A run from its message to its end.

use std::time::Duration;

use domain::event::EventType;
use domain::id::WebhookId;
use domain::job::{Job, Status};
use domain::life;
use domain::message::Target;
use serde_json::{Value, json};

use crate::shop::{Shop, run, told};

#[tokio::test]
async fn a_run_completes() {
    let shop = Shop::with(&[("WEBHOOK_URL", "https://example.com/all")]).await;
    let started = shop.start(shop.draft(), json!({"rows": 10})).await;
    shop.pass(2);
    let claimed_at = shop.now();
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&started).await;
    assert_eq!((job.status, job.version), (Status::Completed, started.version + 2));
    let ended = run(&job);
    assert_eq!((ended.id, ended.attempt, ended.outcome), (run(&started).id, 1, Some(Status::Completed)));
    assert_eq!((ended.completed_at, ended.duration()), (Some(claimed_at), Some(Duration::from_secs(2))));
    assert_eq!((ended.lease, ended.not_before, &ended.last_error), (None, None, &None));
    assert_eq!(ended.result, Some(json!({"simulated": true, "attempt": 1})));
    assert_eq!(told(&job), ["queued", "attempt 1 started", "attempt 1 completed"]);

    let asked = shop.asked().await;
    assert_eq!(
        asked.iter().map(|one| one.endpoint_id).collect::<Vec<_>>(),
        [Target::Job, Target::Deployment]
    );
    for one in &asked {
        assert_eq!(
            one.webhook_id,
            WebhookId::derive(
                ended.id,
                EventType::Completed,
                ended.completed_at.unwrap(),
                &one.endpoint_id.to_string()
            )
        );
        let body: Value = serde_json::from_str(&one.body).unwrap();
        assert_eq!(body["type"], "job.completed");
        assert_eq!(body["status"], "completed");
        assert_eq!(body["completedAt"], json!(claimed_at.to_string()));
        assert_eq!((&body["runDurationMs"], &body["attempts"]), (&json!(2_000), &json!(1)));
        assert_eq!(body["payload"], json!({"rows": 10}));
        assert_eq!(body.get("error"), None);
    }
    assert_eq!(shop.depth(), (0, 0, 0));
}

#[tokio::test]
async fn a_message_may_come_before_the_write_that_it_announces() {
    let shop = Shop::new().await;
    let job = shop.write(shop.draft(), json!({})).await;
    let id = shop.run_id();
    shop.send(&job, id, Duration::ZERO).await;
    assert_eq!(shop.step().await, (1, 0));
    let ended = shop.read(&job).await;
    assert_eq!((ended.status, run(&ended).id), (Status::Completed, id));
}

#[tokio::test]
async fn a_type_that_nobody_knows_runs_as_simulate_and_the_log_says_so_once() {
    let shop = Shop::new().await;
    let draft = Job { task_type: "teleport".to_owned(), ..shop.draft() };
    let job = shop.start(draft, json!({"failTimes": 1})).await;
    assert_eq!(shop.step().await, (1, 0));
    shop.pass(2);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!(job.status, Status::Completed);
    let notes = told(&job).into_iter().filter(|entry| entry.contains("teleport")).collect::<Vec<_>>();
    assert_eq!(notes, ["type \"teleport\" is not known here: it runs as simulate"]);
}

#[tokio::test]
async fn a_simulated_task_waits_out_what_its_delay_has_left() {
    let shop = Shop::with(&[("SIMULATED_TASK_MS", "7030")]).await;
    let job = shop.start(shop.draft(), json!({})).await;
    let begun = tokio::time::Instant::now();
    assert_eq!(shop.step().await, (1, 0));
    let taken = begun.elapsed();
    assert!(taken >= Duration::from_millis(30) && taken < Duration::from_secs(5), "{taken:?}");
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

#[tokio::test]
async fn a_stale_message_does_nothing() {
    let shop = Shop::new().await;
    let job = shop.write(shop.draft(), json!({})).await;
    shop.send(&job, shop.run_id(), Duration::ZERO).await;
    // An edit, so that the version seen no longer stands.
    let edited = life::touched(&job, shop.now());
    shop.replace(&edited).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(shop.read(&job).await, edited);
    assert_eq!((shop.asked().await.len(), shop.depth()), (0, (0, 0, 0)));
}

#[tokio::test]
async fn an_ended_run_is_put_aside_before_another_takes_its_place() {
    let shop = Shop::new().await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.step().await;
    let first = shop.read(&job).await;
    let again = shop.run_id();
    shop.send(&first, again, Duration::ZERO).await;
    assert_eq!(shop.step().await, (1, 0));
    let second = shop.read(&job).await;
    assert_eq!((second.status, run(&second).id, run(&second).attempt), (Status::Completed, again, 1));
    let aside = shop.store.archived_run(job.id, run(&first).id).await.unwrap();
    assert_eq!(aside.as_ref(), Some(run(&first)));
    assert_eq!(shop.asked().await.len(), 2);
}

#[tokio::test]
async fn a_batch_of_ten_is_worked_on_side_by_side() {
    let shop = Shop::new().await;
    let mut jobs = Vec::new();
    for n in 0..10 {
        jobs.push(shop.start(shop.draft(), json!({"fail": n % 5 == 0})).await);
    }
    assert_eq!(shop.step().await, (10, 0));
    for (n, job) in jobs.iter().enumerate() {
        let wanted = if n % 5 == 0 { Status::Running } else { Status::Completed };
        assert_eq!(shop.read(job).await.status, wanted);
    }
    assert_eq!(shop.asked().await.len(), 8);
}

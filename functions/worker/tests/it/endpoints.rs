//! What a run tells endpoints: of its start and of its end, each that wants to hear of it.

use domain::event::EventType;
use domain::id::WebhookId;
use domain::job::{Job, Status};
use domain::message::{Deliver, Target};
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::shop::{Shop, run};

async fn shop() -> Shop {
    let mut shop = Shop::new().await;
    shop.settle_in("ann").await;
    shop
}

fn events(asked: &[Deliver]) -> Vec<(Target, String)> {
    let kind = |one: &Deliver| {
        let body: Value = serde_json::from_str(&one.body).unwrap();
        body["type"].as_str().unwrap().to_owned()
    };
    asked.iter().map(|one| (one.endpoint_id, kind(one))).collect()
}

#[tokio::test]
async fn each_endpoint_gets_a_message_for_each_event_that_it_wants() {
    let shop = shop().await;
    let all = shop.endpoint(&["*"]).await;
    shop.pass(1);
    let ends = shop.endpoint(&["job.completed", "job.failed"]).await;
    shop.endpoint(&["job.cancelled"]).await;
    let job = shop.start(shop.draft(), json!({"rows": 1})).await;
    shop.pass(3);
    assert_eq!(shop.step().await, (1, 0));
    let asked = shop.asked().await;
    let text = str::to_owned;
    let wanted = [
        (Target::Endpoint(all.id), text("job.started")),
        (Target::Job, text("job.completed")),
        (Target::Endpoint(all.id), text("job.completed")),
        (Target::Endpoint(ends.id), text("job.completed")),
    ];
    assert_eq!(events(&asked), wanted);
    let done = shop.read(&job).await;
    let run = run(&done);
    for (one, (target, event)) in asked.iter().zip(wanted) {
        let event: EventType = event.parse().unwrap();
        let at = event.moment(run).unwrap();
        assert_eq!(one.webhook_id, WebhookId::derive(run.id, event, at, &target.to_string()));
        assert_eq!(one.url.ends_with("/endpoint"), target != Target::Job);
    }
    let started: Value = serde_json::from_str(&asked[0].body).unwrap();
    assert_eq!((&started["status"], &started["attempts"]), (&json!("running"), &json!(1)));
    assert_eq!((&started["completedAt"], &started["payload"]), (&Value::Null, &json!({"rows": 1})));
    assert_eq!(started["timestamp"], run.started_at.to_string());
}

#[tokio::test]
async fn a_start_is_told_once_however_often_the_run_is_tried() {
    let shop = shop().await;
    let endpoint = shop.endpoint(&["job.started", "job.failed"]).await;
    let job = Job { webhook: None, max_retries: 2, ..shop.draft() };
    let job = shop.start(job, json!({"fail": true})).await;
    let mut told = Vec::new();
    for _ in 0..6 {
        shop.step().await;
        told.extend(shop.asked().await);
        shop.pass(10);
    }
    assert_eq!(shop.read(&job).await.status, Status::Failed);
    let mut ids: Vec<_> = told.iter().map(|one| one.webhook_id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 2, "a start and an end");
    let starts: Vec<_> = told.iter().filter(|one| one.body.contains("job.started")).collect();
    assert!(starts.iter().all(|one| one.body == starts[0].body), "with the same bytes");
    assert!(told.iter().all(|one| one.endpoint_id == Target::Endpoint(endpoint.id)));
}

#[tokio::test]
async fn an_endpoint_hears_of_nothing_that_was_before_it() {
    let shop = shop().await;
    let job = shop.start(shop.draft(), json!({})).await;
    shop.pass(1);
    let late = shop.endpoint(&["*"]).await;
    assert_eq!(shop.step().await, (1, 0));
    let to_it = (Target::Endpoint(late.id), "job.completed".to_owned());
    let asked = events(&shop.asked().await);
    // The run had begun before, and ended after it was there.
    assert_eq!(asked, [(Target::Job, "job.completed".to_owned()), to_it]);
    assert_eq!(shop.read(&job).await.status, Status::Completed);
}

#[tokio::test]
async fn one_that_is_switched_off_is_sent_to_all_the_same() {
    let shop = shop().await;
    let endpoint = shop.endpoint(&["job.completed"]).await;
    let off = domain::endpoint::Endpoint { enabled: false, version: 2, ..endpoint };
    assert!(shop.store.replace_endpoint(&off).await.unwrap());
    shop.start(Job { webhook: None, ..shop.draft() }, json!({})).await;
    assert_eq!(shop.step().await, (1, 0));
    assert_eq!(events(&shop.asked().await), [(Target::Endpoint(off.id), "job.completed".to_owned())]);
}

#[tokio::test]
async fn a_start_that_could_not_be_told_is_told_with_the_end() {
    for (fault, operation) in [
        (Fault::Unreached, "SendMessageBatch"),
        (Fault::AnswerLost, "SendMessageBatch"),
        (Fault::Unreached, "Query"),
    ] {
        let shop = shop().await;
        shop.endpoint(&["*"]).await;
        shop.start(Job { webhook: None, ..shop.draft() }, json!({})).await;
        shop.bed.faults.plan(When::Nth(0), fault, Some(operation));
        assert_eq!(shop.step().await, (1, 0), "{operation}: no run fails for it");
        let asked = events(&shop.asked().await);
        let starts = asked.iter().filter(|(_, event)| event == "job.started").count();
        assert_eq!(starts, if fault == Fault::AnswerLost { 2 } else { 1 }, "{operation}");
        assert_eq!(asked.len() - starts, 1);
    }
}

#[tokio::test]
async fn an_end_that_could_not_be_told_is_told_when_the_message_comes_again() {
    for operation in ["Query", "SendMessageBatch"] {
        let shop = shop().await;
        shop.endpoint(&["job.completed"]).await;
        shop.start(Job { webhook: None, ..shop.draft() }, json!({})).await;
        let nth = usize::from(operation == "Query");
        shop.bed.faults.plan(When::Nth(nth), Fault::Unreached, Some(operation));
        assert_eq!(shop.step().await, (0, 1), "{operation}");
        shop.pass(60);
        assert_eq!(shop.step().await, (1, 0), "{operation}");
        assert_eq!(events(&shop.asked().await).len(), 1, "{operation}");
    }
}

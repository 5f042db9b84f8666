//! Creating a job that runs at once: the message first, then the job.

use domain::job::Status;
use domain::message::JobMessage;
use serde_json::json;
use testkit::{Fault, When};

use crate::house::House;

#[tokio::test]
async fn the_message_goes_out_before_the_job_is_written_running() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (priority, queue) in [("high", "jobs-high"), ("Medium", "jobs-medium"), ("low", "jobs-low")] {
        house.bed.faults.clear();
        let body = json!({"taskName": "x", "priority": priority, "run": true});
        let made = house.post(&ada, "/jobs", body).await;
        assert_eq!((made.status.as_u16(), made.text("status")), (201, "running"), "{}", made.body);
        assert_eq!(made.text("message"), "Job created and started");
        assert_eq!(made.body["version"], 1);
        let made_by: Vec<_> = house.bed.faults.calls().into_iter().map(|call| call.operation).collect();
        assert_eq!(
            made_by[1..],
            ["DynamoDB_20120810.UpdateItem", "AmazonSQS.SendMessage", "DynamoDB_20120810.PutItem"]
        );
        let messages = house.messages(queue).await;
        assert_eq!(messages.len(), 1, "{priority}");
        let message: JobMessage = serde_json::from_value(messages[0].clone()).unwrap();
        let id = made.text("jobId").parse().unwrap();
        let job = house.bed.store().job(id, house.bed.now()).await.unwrap().unwrap();
        assert_eq!(job.status, Status::Running);
        let JobMessage::Run { job_id, run_id, version, .. } = message else { panic!("{message:?}") };
        assert_eq!((job_id, Some(run_id)), (id, job.run.map(|run| run.id)));
        assert_ne!(version, job.version, "it runs under its run, not by its version");
    }
}

#[tokio::test]
async fn a_job_that_runs_at_once_counts_against_the_run_limit() {
    let house = House::with(&[("RATE_LIMIT_MAX", "2"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let body = json!({"taskName": "x", "run": true});
    for _ in 0..2 {
        house.created(&ada, body.clone()).await;
    }
    let refused = house.post(&ada, "/jobs", body.clone()).await;
    assert_eq!(refused.status.as_u16(), 429, "{}", refused.body);
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 2, "nothing was created");
    let batch = house.post(&ada, "/jobs/batch", json!({"jobs": [body, {"taskName": "waits"}]})).await;
    let statuses: Vec<_> = (0..2).map(|i| batch.body["results"][i]["status"].as_u64()).collect();
    assert_eq!(statuses, [Some(429), Some(201)], "what does not run is not counted");
    house.created(&bob, json!({"taskName": "x", "run": true})).await;
    house.bed.advance(std::time::Duration::from_secs(61));
    house.created(&ada, json!({"taskName": "x", "run": true})).await;
}

#[tokio::test]
async fn simulated_work_waits_in_the_queue_and_other_work_does_not() {
    let house = House::with(&[("SIMULATED_TASK_MS", "3900")]).await;
    let ada = house.guest("ada").await;
    house.created(&ada, json!({"taskName": "x", "priority": "high", "run": true})).await;
    assert_eq!(house.messages("jobs-high").await.len(), 0);
    house.bed.advance(std::time::Duration::from_millis(3_001));
    assert_eq!(house.messages("jobs-high").await.len(), 1, "the delay is floored to whole seconds");
    let http = json!({"type": "http", "payload": {"url": "https://example.com"}, "run": true});
    house.created(&ada, http).await;
    assert_eq!(house.messages("jobs-low").await.len(), 1);
}

#[tokio::test]
async fn a_queue_out_of_reach_leaves_nothing_behind() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    house.bed.faults.plan(When::Always, Fault::Throttled, Some("SendMessage"));
    let refused = house.post(&ada, "/jobs", json!({"taskName": "x", "run": true})).await;
    assert_eq!((refused.status.as_u16(), &refused.headers["retry-after"]), (503, &"1".parse().unwrap()));
    house.bed.faults.clear();
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0);
}

#[tokio::test]
async fn a_job_that_was_not_written_leaves_a_message_about_nothing() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    house.bed.faults.plan(When::Always, Fault::Throttled, Some("PutItem"));
    let refused = house.post(&ada, "/jobs", json!({"taskName": "x", "run": true})).await;
    assert_eq!(refused.status, 503);
    house.bed.faults.clear();
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0);
    let messages = house.messages("jobs-low").await;
    assert_eq!(messages.len(), 1);
    let id = messages[0]["jobId"].as_str().unwrap();
    assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_lost_answer_of_the_table_is_found_out() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    house.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("PutItem"));
    let made = house.post(&ada, "/jobs", json!({"taskName": "x", "run": true})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(house.bed.faults.strikes(), 1);
    house.bed.faults.clear();
    assert_eq!(house.get(&ada, "/jobs").await.ids(), [made.text("jobId")]);
}

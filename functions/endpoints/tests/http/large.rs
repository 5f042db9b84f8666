//! Bodies that were too large for the record of their delivery.

use domain::delivery::{Delivery, DeliveryState, Receivers, owed};
use domain::id::RunId;
use domain::job::{Job, Run, Status};
use domain::life::touched;
use domain::message::{Deliver, Target};
use domain::payload::Payload;
use serde_json::json;

use crate::house::{Guest, House};

/// A job whose webhook is larger than what a record keeps, the message that it owed, and the record.
async fn large(house: &House, ada: &Guest) -> (Job, Deliver, Delivery) {
    let payload = format!("\"{}\"", "p".repeat(40_000));
    let job = house.job_with(ada, Some("https://example.com/of-the-job"), &payload).await;
    let payload = Payload::stored(payload).unwrap();
    let message = owed(&job, job.run.as_ref().unwrap(), &payload, Receivers::default()).remove(0);
    let record = house.delivery_of(&job, Target::Job, DeliveryState::Dead, &message.body).await;
    assert!(record.whole_body().is_none() && record.id == message.webhook_id);
    (job, message, record)
}

async fn again(house: &House, ada: &Guest, record: &Delivery) -> crate::house::Reply {
    let path = format!("/jobs/{}/deliveries/{}/redeliver", record.job_id, record.id);
    house.post(ada, &path, json!({})).await
}

/// The job under another run, with the last one put aside if `kept`.
async fn rerun(house: &House, job: &Job, kept: bool) {
    let (store, now) = (house.bed.store(), house.bed.now());
    if kept {
        store.archive_run(job.id, job.run.as_ref().unwrap(), None).await.unwrap();
    }
    let run = Some(Run::new(RunId::fresh(now, house.bed.ambient.entropy()), now));
    store.replace_job(&Job { status: Status::Running, run, ..touched(job, now) }).await.unwrap();
}

#[tokio::test]
async fn it_is_made_once_more_out_of_the_run_and_is_the_same() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for earlier in [false, true] {
        let (job, message, record) = large(&house, &ada).await;
        if earlier {
            rerun(&house, &job, true).await;
        }
        assert_eq!(again(&house, &ada, &record).await.status, 202);
        assert_eq!(house.messages().await, [Deliver { round: 1, ..message }], "earlier: {earlier}");
    }
}

#[tokio::test]
async fn where_its_run_is_not_kept_it_is_lost() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, _, record) = large(&house, &ada).await;
    rerun(&house, &job, false).await;
    let reply = again(&house, &ada, &record).await;
    assert_eq!(reply.problem(), (409, "conflict"));
    assert!(reply.text("detail").contains("too large"), "{}", reply.body);
    house.bed.advance(std::time::Duration::from_millis(1));
    let many = house.post(&ada, "/deliveries/redeliver", json!({"since": "2026-01-01T00:00:00Z"})).await;
    assert_eq!((&many.body["matched"], &many.body["queued"]), (&json!(1), &json!(0)));
    assert!(many.body["notSent"][0]["reason"].as_str().unwrap().contains("too large"), "{}", many.body);
    assert_eq!(house.messages().await, []);
}

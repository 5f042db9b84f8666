//! Jobs that run by themselves: creating them, changing when, and what is sent.

use std::time::Duration;

use domain::id::JobId;
use domain::job::{Job, Status};
use domain::message::JobMessage;
use domain::time::Moment;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::house::{Guest, House, Reply};

mod changes;

/// A moment so many seconds from now, as text.
fn at(house: &House, seconds: u64) -> String {
    house.bed.now().plus(Duration::from_secs(seconds)).to_string()
}

fn once(house: &House, seconds: u64) -> Value {
    json!({"taskName": "x", "schedule": {"type": "one-time", "startTime": at(house, seconds)}})
}

async fn stored(house: &House, id: &str) -> Job {
    house.bed.store().job(id.parse().unwrap(), house.bed.now()).await.unwrap().unwrap()
}

async fn fires(house: &House) -> Vec<JobMessage> {
    let all = house.messages("jobs-low").await;
    all.into_iter().map(|message| serde_json::from_value(message).unwrap()).collect()
}

async fn schedule(house: &House, guest: &Guest, id: &str, schedule: Value) -> Reply {
    house.patch(guest, id, json!({"schedule": schedule})).await
}

#[tokio::test]
async fn an_occurrence_that_is_near_is_announced_after_the_write_and_one_that_is_not_is_left_to_the_tick() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    house.bed.faults.clear();
    let near = house.created(&ada, once(&house, 180)).await;
    let made: Vec<_> = house.bed.faults.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(made[1..], ["DynamoDB_20120810.PutItem", "AmazonSQS.SendMessage"]);
    house.created(&ada, once(&house, 181)).await;
    house.bed.advance(Duration::from_secs(179));
    assert_eq!(fires(&house).await, []);
    house.bed.advance(Duration::from_secs(1));
    let job = stored(&house, &near).await;
    let table = job.timetable.unwrap();
    assert_eq!((job.version, table.rev, table.next), (1, 1, Some(house.bed.now())));
    assert_eq!(fires(&house).await, [JobMessage::fire(job.id, 1, house.bed.now())]);
    assert_eq!(job.status, Status::Pending);
}

#[tokio::test]
async fn a_start_that_has_passed_comes_at_once() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"taskName": "x", "schedule": {"startTime": "2020-01-01T00:00:00Z"}});
    let made = house.post(&ada, "/jobs", body).await;
    assert_eq!((made.status.as_u16(), made.text("nextRunAt")), (201, at(&house, 0).as_str()));
    assert_eq!(fires(&house).await.len(), 1);
}

#[tokio::test]
async fn a_schedule_is_answered_as_it_will_be_followed_in_every_answer() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"taskName": "x", "timeoutSeconds": 7, "schedule": {
        "type": "recurring", "startTime": "2026-03-02T09:00", "missed": "backfill",
        "recurrence": {"interval": "Daily", "timezone": "Europe/Berlin", "occurence": 3}}});
    let made = house.post(&ada, "/create-job", body).await;
    let shown = json!({
        "type": "recurring", "startTime": "2026-03-02T08:00:00.000Z", "missed": "backfill", "paused": false,
        "recurrence": {"interval": "daily", "timezone": "Europe/Berlin", "maxRuns": 3}});
    let id = made.text("jobId");
    let one = house.get(&ada, &format!("/jobs/{id}")).await.body;
    let rows = house.get(&ada, "/jobs").await.body;
    for view in [&made.body, &one, &one["job"], &rows["jobs"][0]] {
        assert_eq!((&view["schedule"], &view["timeoutSeconds"]), (&shown, &json!(7)), "{view}");
        assert_eq!(view["nextRunAt"], "2026-03-02T08:00:00.000Z");
    }
}

#[tokio::test]
async fn each_job_of_a_batch_has_its_own_schedule() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let jobs = json!({"jobs": [once(&house, 60), {"taskName": "y", "schedule": {"type": "never"}}, once(&house, 500)]});
    let batch = house.post(&ada, "/jobs/batch", jobs).await;
    let results = &batch.body["results"];
    assert_eq!((&batch.body["created"], &results[1]["status"]), (&json!(2), &json!(400)));
    assert_eq!(results[1]["error"]["errors"][0]["pointer"], "/schedule/type");
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(fires(&house).await.len(), 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_told_with_all_the_rest() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let wrong = json!({"priority": "urgent", "timeoutSeconds": 51, "schedule": {
        "type": "sometimes", "startTime": "soon", "missed": "maybe", "paused": 1, "evry": 2,
        "recurrence": {"interval": "daily", "cron": "* * *", "timezone": "Mars/Olympus"}}});
    let refused = house.post(&ada, "/jobs", wrong.clone()).await;
    for place in [
        "/taskName",
        "/priority",
        "/timeoutSeconds",
        "/schedule/type",
        "/schedule/startTime",
        "/schedule/evry",
        "/schedule/recurrence/timezone",
    ] {
        assert!(refused.places().contains(&place), "{place}: {:?}", refused.places());
    }
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let refused = house.patch(&ada, &id, wrong).await;
    assert!(refused.places().contains(&"/priority") && refused.places().contains(&"/schedule/startTime"));
    for (seconds, fits) in [(0, false), (1, true), (50, true), (51, false)] {
        let reply = house.patch(&ada, &id, json!({"timeoutSeconds": seconds})).await;
        assert_eq!(reply.status == 200, fits, "{seconds}: {}", reply.body);
    }
    assert_eq!(house.patch(&ada, &id, json!({"timeoutSeconds": 1.5})).await.places(), ["/timeoutSeconds"]);
}

#[tokio::test]
async fn no_schedule_is_too_strange_to_be_refused() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let deep_object = format!("{}1{}", "{\"recurrence\":".repeat(150), "}".repeat(150));
    let long = format!("{{\"recurrence\":{{\"cron\":\"{}\"}}}}", "0,".repeat(200_000));
    let texts = [
        "7",
        "\"daily\"",
        "[]",
        "true",
        "{}",
        "{\"recurrence\":[]}",
        "{\"startTime\":{}}",
        "{\"startTime\":1e400}",
        "{\"startTime\":\"+999999-01-01T00:00:00Z\"}",
        "{\"recurrence\":{\"interval\":\"PT0S\"}}",
        "{\"recurrence\":{\"interval\":\"P99999999999Y\"}}",
        "{\"recurrence\":{\"cron\":\"0 0 30 2 *\"}}",
        "{\"recurrence\":{\"interval\":\"daily\",\"maxRuns\":-1}}",
        "{\"recurrence\":{\"cron\":\"\\u0000 * * * *\"}}",
        "{\"recurrence\":{\"interval\":\"daily\",\"endTime\":\"2001-01-01T00:00:00Z\"}}",
        &deep,
        &deep_object,
        &long,
    ];
    for text in texts {
        for (path, body) in [
            ("/jobs", format!("{{\"taskName\":\"x\",\"schedule\":{text}}}")),
            ("/schedules/preview", format!("{{\"schedule\":{text}}}")),
        ] {
            let refused = house.ask(&ada, "POST", path, &[], body).await;
            let told = &text[..text.len().min(80)];
            assert_eq!(refused.status.as_u16(), 400, "{path} {told}: {}", refused.body);
            let in_place = |place: &&str| place.starts_with("/schedule");
            assert!(refused.places().iter().all(in_place), "{told}: {:?}", refused.places());
        }
    }
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0);
}

#[tokio::test]
async fn to_run_now_goes_with_a_recurring_schedule_and_not_with_a_single_time() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let mut single = once(&house, 60);
    single["run"] = json!(true);
    assert_eq!(house.post(&ada, "/jobs", single).await.places(), ["/run"]);
    let body = json!({"taskName": "x", "run": true, "schedule": {"recurrence": {"interval": "minutely"}}});
    let made = house.post(&ada, "/jobs", body).await;
    assert_eq!((made.text("status"), made.text("nextRunAt")), ("running", at(&house, 60).as_str()));
    let job = stored(&house, made.text("jobId")).await;
    assert_eq!((job.version, job.timetable.as_ref().unwrap().rev), (1, 1));
    house.bed.advance(Duration::from_secs(60));
    let sent = fires(&house).await;
    assert!(matches!(sent[0], JobMessage::Run { .. }) && sent.len() == 2, "{sent:?}");
    assert_eq!(sent[1], JobMessage::fire(job.id, 1, house.bed.now()));
}

#[tokio::test]
async fn a_failing_announcement_fails_no_request_and_a_failing_write_sends_nothing() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    house.bed.faults.plan(When::Always, Fault::Unreached, Some("SendMessage"));
    let id = house.created(&ada, once(&house, 30)).await;
    let moved = schedule(&house, &ada, &id, json!({"startTime": at(&house, 40)})).await;
    assert_eq!((moved.status.as_u16(), moved.text("nextRunAt")), (200, at(&house, 40).as_str()));
    for fault in [Fault::Unreached, Fault::ServerError] {
        house.bed.faults.clear();
        house.bed.faults.plan(When::Always, fault, Some("PutItem"));
        assert_eq!(house.post(&ada, "/jobs", once(&house, 50)).await.status, 503);
        assert_eq!(schedule(&house, &ada, &id, json!({"startTime": at(&house, 50)})).await.status, 503);
    }
    house.bed.faults.clear();
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(fires(&house).await, []);
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 1);
}

#[tokio::test]
async fn a_request_that_comes_again_sends_nothing_again_even_when_its_schedule_is_over() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"taskName": "x", "schedule": {
        "startTime": at(&house, 60), "recurrence": {"interval": "hourly", "endTime": at(&house, 4_000)}}});
    let key = [("Idempotency-Key", "k")];
    let ask = async || {
        let ada = house.back(&ada).await;
        house.ask(&ada, "POST", "/jobs", &key, body.to_string()).await
    };
    let (first, second) = (ask().await, ask().await);
    assert_eq!(first.text("jobId"), second.text("jobId"));
    assert_eq!(second.headers["idempotent-replayed"], "true");
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(fires(&house).await.len(), 1);
    house.bed.advance(Duration::from_secs(5_000));
    let late = ask().await;
    assert_eq!((late.status.as_u16(), late.text("jobId")), (201, first.text("jobId")), "{}", late.body);
    let anew = house.post(&house.back(&ada).await, "/jobs", body.clone()).await;
    assert_eq!(anew.places(), ["/schedule/recurrence/endTime"], "a new request is looked at");
}

#[tokio::test]
async fn a_schedule_that_comes_too_often_is_refused_where_the_deployment_says_so() {
    let house = House::with(&[("SCHEDULE_MIN_SECONDS", "60")]).await;
    let ada = house.guest("ada").await;
    let job = |interval: &str| json!({"taskName": "a", "schedule": {"recurrence": {"interval": interval}}});
    let refused = house.post(&ada, "/jobs", job("PT59S")).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["errors"][0]["pointer"]),
        (400, &json!("/schedule/recurrence"))
    );
    assert!(refused.body["detail"].as_str().unwrap().contains("SCHEDULE_MIN_SECONDS"), "{refused:?}");
    let id = house.created(&ada, job("PT60S")).await;
    assert_eq!(schedule(&house, &ada, &id, job("PT1S")["schedule"].clone()).await.status.as_u16(), 400);
}

//! Changing when a job runs by itself.

use super::*;

#[tokio::test]
async fn another_schedule_replaces_the_one_before_and_null_removes_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, once(&house, 1_000)).await;
    let job: JobId = id.parse().unwrap();
    let hourly = json!({"type": "recurring", "recurrence": {"cron": "30 * * * *"}});
    let changed = schedule(&house, &ada, &id, hourly).await;
    assert_eq!((changed.status.as_u16(), changed.text("nextRunAt")), (200, at(&house, 1_800).as_str()));
    assert_eq!(stored(&house, &id).await.timetable.unwrap().rev, 2);
    let soon = schedule(&house, &ada, &id, json!({"startTime": at(&house, 30)})).await;
    assert_eq!(soon.text("nextRunAt"), at(&house, 30));
    // A change of anything else leaves what was announced as it is.
    house.patch(&ada, &id, json!({"taskName": "y"})).await;
    house.bed.advance(Duration::from_secs(30));
    assert_eq!(fires(&house).await, [JobMessage::fire(job, 3, house.bed.now())]);
    let gone = schedule(&house, &ada, &id, Value::Null).await;
    assert_eq!((&gone.body["schedule"], &gone.body["nextRunAt"]), (&Value::Null, &Value::Null));
    let again = schedule(&house, &ada, &id, Value::Null).await;
    assert_eq!(again.body["version"], gone.body["version"], "nothing is written");
    let log = house.get(&ada, &format!("/jobs/{id}/logs")).await;
    assert_eq!(log.body[1]["message"], "changed: schedule");
}

#[tokio::test]
async fn what_was_read_may_be_sent_back_also_when_it_is_over() {
    let house = House::new().await;
    let mut ada = house.guest("ada").await;
    for schedule in [
        json!({"recurrence": {"cron": "*/5 * * * *", "endTime": at(&house, 900)}, "missed": "skip"}),
        json!({"startTime": at(&house, 500)}),
        json!({"startTime": "2026-03-02T09:00", "timezone": "Asia/Kolkata"}),
        json!({"recurrence": {"interval": "PT90M", "maxRuns": 4}, "paused": true}),
    ] {
        let id = house.created(&ada, json!({"taskName": "x", "schedule": schedule})).await;
        let path = format!("/jobs/{id}");
        let read = house.get(&ada, &path).await.body;
        // As it was written first: the start of an interval was filled in then.
        let same = house.patch(&ada, &id, json!({"schedule": schedule})).await;
        assert_eq!((same.status.as_u16(), &same.body["version"]), (200, &json!(1)), "{}", same.body);
        house.bed.advance(Duration::from_secs(1_000));
        ada = house.back(&ada).await;
        let back = house.ask(&ada, "PUT", &path, &[], read.to_string()).await;
        assert_eq!((back.status.as_u16(), &back.body["version"]), (200, &json!(1)), "{}", back.body);
        assert_eq!(back.body["schedule"], read["schedule"]);
    }
}

#[tokio::test]
async fn a_change_without_paused_keeps_the_rest_and_a_rest_counts_on() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let daily = json!({"startTime": at(&house, 60), "recurrence": {"interval": "daily", "maxRuns": 3}});
    let mut rests = daily.clone();
    rests["paused"] = json!(true);
    let id = house.created(&ada, json!({"taskName": "x", "schedule": rests})).await;
    let mut job = domain::life::touched(&stored(&house, &id).await, house.bed.now());
    job.timetable.as_mut().unwrap().fires = 2;
    house.bed.store().replace_job(&job).await.unwrap();
    let same = schedule(&house, &ada, &id, daily.clone()).await;
    assert_eq!((&same.body["schedule"]["paused"], &same.body["version"]), (&json!(true), &json!(2)));
    let mut wakes = daily.clone();
    wakes["paused"] = json!(false);
    let woken = schedule(&house, &ada, &id, wakes).await;
    assert_eq!(
        (&woken.body["schedule"]["paused"], woken.text("nextRunAt")),
        (&json!(false), at(&house, 60).as_str())
    );
    let table = stored(&house, &id).await.timetable.unwrap();
    assert_eq!((table.fires, table.rev), (2, 3));
    let other =
        schedule(&house, &ada, &id, json!({"recurrence": {"interval": "weekly", "maxRuns": 3}})).await;
    assert_eq!(other.status, 200);
    assert_eq!(stored(&house, &id).await.timetable.unwrap().fires, 0, "another schedule begins anew");
    house.bed.advance(Duration::from_secs(60));
    assert_eq!(fires(&house).await, [JobMessage::fire(id.parse().unwrap(), 3, house.bed.now())]);
}

/// The job after a run that began when it was due, and has ended.
async fn after_its_run(house: &House, id: &str, keep: Option<Duration>) -> Job {
    use domain::life::{Attempt, Ending, Present, Trigger, Verdict, accept, finish};
    let (job, at) = (stored(house, id).await, Present { now: house.bed.now(), keep });
    let table = job.timetable.as_ref().unwrap();
    let (rev, due_at) = (table.rev, table.next.unwrap());
    let run = domain::id::RunId::of_occurrence(job.id, due_at);
    let Verdict::Claim { next } = accept(&job, run, Trigger::Fire { rev, due_at }, 1, Duration::ZERO, at)
    else {
        panic!("it is not due");
    };
    house.bed.store().replace_job(&next).await.unwrap();
    let failed = Ending::Refused { error: "no such host".to_owned() };
    let next = finish(&next, Attempt { run, number: 1 }, &failed, at).unwrap();
    house.bed.store().replace_job(&next).await.unwrap();
    next
}

#[tokio::test]
async fn an_ended_job_with_an_occurrence_before_it_waits_again_and_keeps_its_payload() {
    let house = House::new().await;
    let mut ada = house.guest("ada").await;
    for payload in ["small".to_owned(), "L".repeat(5_000)] {
        let mut body = once(&house, 0);
        body["payload"] = json!(payload);
        let id = house.created(&ada, body).await;
        let keep = Duration::from_secs(10 * 86_400);
        let ended = after_its_run(&house, &id, Some(keep)).await;
        assert_eq!((ended.status, ended.expires_at), (Status::Failed, Some(house.bed.now().plus(keep))));
        let done = schedule(&house, &ada, &id, json!({"startTime": "2020-01-01T00:00:00Z"})).await;
        assert_eq!(done.places(), ["/schedule"], "it would never run: {}", done.body);
        let waits = schedule(&house, &ada, &id, json!({"startTime": at(&house, 20 * 86_400)})).await;
        assert_eq!((waits.text("status"), waits.text("lastError")), ("pending", "no such host"));
        house.bed.advance(Duration::from_secs(15 * 86_400));
        house.bed.engine.sweep_ttl().unwrap();
        ada = house.back(&ada).await;
        let read = house.get(&ada, &format!("/jobs/{id}")).await;
        assert_eq!((read.status.as_u16(), &read.body["payload"]), (200, &json!(payload)));
        assert_eq!(stored(&house, &id).await.expires_at, None);
    }
}

#[tokio::test]
async fn a_recurring_job_waits_after_a_failure_and_tells_of_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let body = json!({"taskName": "x", "schedule": {"startTime": at(&house, 0), "recurrence": {"interval": "daily"}}});
    let id = house.created(&ada, body).await;
    after_its_run(&house, &id, None).await;
    let read = house.get(&ada, &format!("/jobs/{id}")).await;
    assert_eq!((read.text("status"), read.text("lastError")), ("pending", "no such host"));
    assert_eq!(read.text("nextRunAt"), at(&house, 86_400));
    let log = house.get(&ada, &format!("/jobs/{id}/logs")).await;
    let last = log.body.as_array().unwrap().last().unwrap();
    assert_eq!((&last["status"], &last["error"]), (&json!("failed"), &json!("no such host")));
}

#[tokio::test]
async fn if_match_guards_a_schedule_too_and_of_two_changes_at_once_none_is_lost() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, once(&house, 5_000)).await;
    let path = format!("/jobs/{id}");
    let body = json!({"schedule": {"startTime": at(&house, 6_000)}}).to_string();
    let first = house.ask(&ada, "PATCH", &path, &[("If-Match", "\"1\"")], body.clone()).await;
    let late = house.ask(&ada, "PATCH", &path, &[("If-Match", "\"1\"")], body).await;
    assert_eq!((first.status.as_u16(), late.status.as_u16()), (200, 412));
    let (moved, renamed) = tokio::join!(
        schedule(&house, &ada, &id, json!({"startTime": at(&house, 7_000)})),
        house.patch(&ada, &id, json!({"taskName": "y"})),
    );
    assert_eq!((moved.status.as_u16(), renamed.status.as_u16()), (200, 200));
    let read = house.get(&ada, &path).await;
    assert_eq!((read.text("taskName"), read.text("nextRunAt")), ("y", at(&house, 7_000).as_str()));
    assert_eq!(read.body["version"], 4);
}

#[tokio::test]
async fn moments_of_the_same_instant_are_the_same_schedule() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let start = Moment::parse("2026-03-05T10:00:00Z").unwrap();
    let id = house.created(&ada, json!({"taskName": "x", "schedule": {"startTime": start}})).await;
    let same =
        schedule(&house, &ada, &id, json!({"type": "once", "startTime": "2026-03-05T11:00:00+01:00"})).await;
    assert_eq!((same.status.as_u16(), &same.body["version"]), (200, &json!(1)), "{}", same.body);
}

#[tokio::test]
async fn a_schedule_that_is_over_may_be_sent_back_as_an_older_client_sent_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let schedule = json!({"type": "recurring", "startTime": at(&house, 60),
        "recurrence": {"interval": "daily", "endTime": at(&house, 3_600)}});
    let id = house.created(&ada, json!({"taskName": "a", "schedule": schedule})).await;
    house.bed.advance(Duration::from_secs(86_400));
    let ada = house.back(&ada).await;
    let answer = house.patch(&ada, &id, json!({"schedule": schedule, "priority": "high"})).await;
    assert_eq!((answer.status.as_u16(), &answer.body["priority"]), (200, &json!("high")), "{answer:?}");
}

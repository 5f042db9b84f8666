//! When a schedule would come.

use serde_json::{Value, json};

use crate::house::House;

async fn shown(house: &House, body: Value) -> (Vec<String>, Value) {
    let ada = house.guest(&format!("ada{}", house.bed.ambient.entropy().number())).await;
    let reply = house.post(&ada, "/schedules/preview", body).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let all = reply.body["occurrences"].as_array().unwrap();
    let utc = all.iter().map(|one| one["utc"].as_str().unwrap().to_owned()).collect();
    (utc, reply.body)
}

#[tokio::test]
async fn the_next_occurrences_are_shown_in_utc_and_on_the_wall() {
    let house = House::new().await;
    let cron = json!({"cron": "30 2 * * *", "timezone": "Europe/Berlin"});
    let start = "2026-03-28T00:00:00Z";
    let (utc, body) =
        shown(&house, json!({"count": 3, "schedule": {"startTime": start, "recurrence": cron}})).await;
    // On the 29th the clock jumps from two to three.
    assert_eq!(utc, ["2026-03-28T01:30:00.000Z", "2026-03-29T01:00:00.000Z", "2026-03-30T00:30:00.000Z"]);
    assert_eq!(body["occurrences"][1]["local"], "2026-03-29T03:00:00+02:00[Europe/Berlin]");
    assert_eq!((&body["timezone"], &body["recurring"]), (&json!("Europe/Berlin"), &json!(true)));
    assert_eq!(body["endsAfter"], Value::Null);
}

#[tokio::test]
async fn the_body_may_be_the_schedule_itself() {
    let house = House::new().await;
    let (utc, body) = shown(&house, json!({"recurrence": {"interval": "hourly"}})).await;
    assert_eq!((utc.len(), utc[0].as_str()), (5, "2026-03-01T01:00:00.000Z"));
    assert_eq!(body["timezone"], "UTC");
    let (utc, body) = shown(&house, json!({"startTime": "2026-04-01T00:00:00Z", "paused": true})).await;
    assert_eq!(utc, ["2026-04-01T00:00:00.000Z"]);
    assert_eq!((&body["recurring"], &body["endsAfter"]), (&json!(false), &json!(1)));
    let (utc, _) = shown(&house, json!({"startTime": "2020-01-01T00:00:00Z"})).await;
    assert_eq!(utc, ["2026-03-01T00:00:00.000Z"], "what has passed comes at once");
}

#[tokio::test]
async fn the_end_and_the_most_runs_are_kept_to() {
    let house = House::new().await;
    let daily = |more: Value| {
        let mut recurrence = json!({"interval": "daily"});
        recurrence.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"schedule": {"startTime": "2026-03-02T00:00:00Z", "recurrence": recurrence}, "count": 4})
    };
    for (more, count, ends_after) in [
        (json!({"maxRuns": 2}), 2, json!(2)),
        (json!({"maxRuns": 4}), 4, json!(4)),
        (json!({"maxRuns": 5}), 4, Value::Null),
        (json!({"endTime": "2026-03-04T00:00:00Z"}), 3, json!(3)),
        (json!({"endTime": "2026-03-04T00:00:00Z", "maxRuns": 1}), 1, json!(1)),
        (json!({}), 4, Value::Null),
    ] {
        let (utc, body) = shown(&house, daily(more.clone())).await;
        assert_eq!((utc.len(), &body["endsAfter"]), (count, &ends_after), "{more}");
    }
}

#[tokio::test]
async fn faults_are_those_of_a_job_and_nothing_is_created() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for (body, place) in [
        (json!({"schedule": {"type": "one-time"}}), "/schedule/startTime"),
        (json!({"type": "one-time"}), "/startTime"),
        (json!({"recurrence": {"cron": "61 * * * *"}}), "/recurrence/cron"),
        (json!({"schedule": {"startTime": "2026-04-01T00:00:00Z"}, "count": 0}), "/count"),
        (json!({"schedule": {"startTime": "2026-04-01T00:00:00Z"}, "count": 101}), "/count"),
        (json!({"schedule": {"startTime": "2026-04-01T00:00:00Z"}, "n": 1}), "/n"),
        (json!({"schedule": "daily"}), "/schedule"),
        (json!({"startTime": "2026-04-01T00:00:00Z", "count": 2}), "/count"),
    ] {
        let refused = house.post(&ada, "/schedules/preview", body.clone()).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec![place]), "{body}");
    }
    let hundred = json!({"schedule": {"recurrence": {"cron": "* * * * * *"}}, "count": 100});
    let all = house.post(&ada, "/schedules/preview", hundred).await;
    assert_eq!(all.body["occurrences"].as_array().unwrap().len(), 100);
    assert_eq!(house.get(&ada, "/jobs").await.ids().len(), 0);
    assert_eq!(house.messages("jobs-low").await.len(), 0);
}

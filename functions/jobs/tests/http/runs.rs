//! What each run of a job did.

use std::time::Duration;

use domain::id::RunId;
use domain::job::{Job, Run, Status};
use domain::life::touched;
use serde_json::{Value, json};

use crate::house::{Guest, House};

/// A run that began now and ended three seconds later.
fn run(house: &House, n: u32) -> Run {
    let now = house.bed.now();
    Run {
        attempt: n,
        outcome: Some(if n.is_multiple_of(2) { Status::Failed } else { Status::Completed }),
        completed_at: Some(now.plus(Duration::from_secs(3))),
        last_error: n.is_multiple_of(2).then(|| "why".to_owned()),
        ..Run::new(RunId::fresh(now, house.bed.ambient.entropy()), now)
    }
}

/// A job with a run that is on, and `earlier` runs that were put aside; the ids of all, newest first.
async fn job_with(house: &House, guest: &Guest, earlier: u32) -> (Job, Vec<String>) {
    let id = house.created(guest, json!({"taskName": "x"})).await.parse().unwrap();
    let store = house.bed.store();
    let mut ids = Vec::new();
    for n in 1..=earlier {
        house.bed.advance(Duration::from_millis(5));
        let run = run(house, n);
        store.archive_run(id, &run, None).await.unwrap();
        ids.insert(0, run.id.to_string());
    }
    house.bed.advance(Duration::from_millis(5));
    let job = store.job(id, house.bed.now()).await.unwrap().unwrap();
    let on = Run::new(RunId::fresh(house.bed.now(), house.bed.ambient.entropy()), house.bed.now());
    ids.insert(0, on.id.to_string());
    let job = Job { status: Status::Running, run: Some(on), ..touched(&job, house.bed.now()) };
    store.replace_job(&job).await.unwrap();
    (job, ids)
}

fn ids(body: &Value) -> Vec<String> {
    let runs = body["runs"].as_array().unwrap_or_else(|| panic!("no runs: {body}"));
    runs.iter().map(|run| run["runId"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_run_that_is_on_comes_first_and_then_those_before_it() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, wanted) = job_with(&house, &ada, 2).await;
    let path = format!("/jobs/{}/runs", job.id);
    let all = house.get(&ada, &path).await;
    assert_eq!((all.status.as_u16(), ids(&all.body), &all.body["nextCursor"]), (200, wanted, &Value::Null));
    let (on, last) = (&all.body["runs"][0], &all.body["runs"][1]);
    assert_eq!(
        (&on["outcome"], &on["completedAt"], &on["durationMs"]),
        (&json!("running"), &Value::Null, &Value::Null)
    );
    assert_eq!((&last["outcome"], &last["durationMs"]), (&json!("failed"), &json!(3000)));
    assert_eq!(
        (&last["error"], &last["attempts"], &last["scheduledFor"]),
        (&json!("why"), &json!(2), &Value::Null)
    );
    let never = house.created(&ada, json!({"taskName": "never"})).await;
    let none = house.get(&ada, &format!("/jobs/{never}/runs")).await;
    assert_eq!(none.body, json!({"runs": [], "nextCursor": null}));
}

#[tokio::test]
async fn pages_show_each_run_once_also_when_the_run_that_was_on_is_put_aside_meanwhile() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, wanted) = job_with(&house, &ada, 6).await;
    for limit in [1, 2, 3, 7, 50] {
        let base = format!("/jobs/{}/runs?limit={limit}", job.id);
        let (mut found, mut path) = (Vec::new(), base.clone());
        for _ in 0..10 {
            let page = house.get(&ada, &path).await;
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(ids(&page.body).len() <= limit);
            found.extend(ids(&page.body));
            // It is put aside, as it is when another run begins.
            house.bed.store().archive_run(job.id, job.run.as_ref().unwrap(), None).await.unwrap();
            let Some(cursor) = page.body["nextCursor"].as_str() else { break };
            path = format!("{base}&cursor={cursor}");
        }
        assert_eq!(found, wanted, "{limit}");
    }
}

#[tokio::test]
async fn an_occurrence_made_up_for_is_shown_once_though_it_was_due_before_another_run() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, mut wanted) = job_with(&house, &ada, 3).await;
    // The run that is on has the oldest id of all: it was due long ago.
    let due = domain::time::Moment::parse("2026-02-01T00:00:00Z").unwrap();
    let on = Run { due_at: Some(due), ..Run::new(RunId::of_occurrence(job.id, due), house.bed.now()) };
    let next = Job { run: Some(on.clone()), ..touched(&job, house.bed.now()) };
    house.bed.store().replace_job(&next).await.unwrap();
    wanted[0] = on.id.to_string();
    let path = format!("/jobs/{}/runs?limit=2", job.id);
    let first = house.get(&ada, &path).await;
    assert_eq!(first.body["runs"][0]["scheduledFor"], "2026-02-01T00:00:00.000Z");
    house.bed.store().archive_run(job.id, &on, None).await.unwrap();
    let second = house.get(&ada, &format!("{path}&cursor={}", first.text("nextCursor"))).await;
    assert_eq!([ids(&first.body), ids(&second.body)].concat(), wanted);
    let rest = second.body["nextCursor"].as_str().map(str::to_owned);
    if let Some(cursor) = rest {
        let third = house.get(&ada, &format!("{path}&cursor={cursor}")).await;
        assert_eq!((ids(&third.body).len(), &third.body["nextCursor"]), (0, &Value::Null));
    }
}

#[tokio::test]
async fn expired_runs_are_gone_whether_the_table_was_swept_or_not() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let (job, wanted) = job_with(&house, &ada, 1).await;
    let old = run(&house, 9);
    let expires = house.bed.now().plus(Duration::from_secs(60));
    house.bed.store().archive_run(job.id, &old, Some(expires)).await.unwrap();
    let path = format!("/jobs/{}/runs", job.id);
    assert_eq!(ids(&house.get(&ada, &path).await.body).len(), 3);
    // The table counts in whole seconds, and not before the moment.
    house.bed.advance(Duration::from_secs(61));
    assert_eq!(ids(&house.get(&ada, &path).await.body), wanted);
    house.bed.engine.sweep_ttl().unwrap();
    assert_eq!(ids(&house.get(&ada, &path).await.body), wanted);
}

#[tokio::test]
async fn a_cursor_is_good_for_its_job_alone_and_nobody_else_sees_the_runs() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let ((job, _), (other, _)) = (job_with(&house, &ada, 3).await, job_with(&house, &ada, 3).await);
    let path = format!("/jobs/{}/runs", job.id);
    assert_eq!(house.get(&bob, &path).await.status, 404);
    let cursor = house.get(&ada, &format!("{path}?limit=2")).await.text("nextCursor").to_owned();
    for wrong in [
        format!("/jobs/{}/runs?cursor={cursor}", other.id),
        format!("{path}?cursor=AAAA"),
        format!("/jobs/{}/deliveries?cursor={cursor}", job.id),
    ] {
        let refused = house.get(&ada, &wrong).await;
        assert_eq!((refused.status.as_u16(), refused.places()), (400, vec!["cursor"]), "{wrong}");
    }
    for (query, place) in [("limit=0", "limit"), ("limit=101", "limit")] {
        assert_eq!(house.get(&ada, &format!("{path}?{query}")).await.places(), [place]);
    }
}

#[tokio::test]
async fn results_come_as_many_as_fit() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    let large = json!("r".repeat(200_000));
    let mut wanted = Vec::new();
    for n in 0..30 {
        house.bed.advance(Duration::from_millis(5));
        let run = Run { result: Some(large.clone()), ..run(&house, n) };
        house.bed.store().archive_run(id.parse().unwrap(), &run, None).await.unwrap();
        wanted.insert(0, run.id.to_string());
    }
    let base = format!("/jobs/{id}/runs?limit=100");
    let (mut found, mut path, mut pages) = (Vec::new(), base.clone(), 0);
    while pages < 20 {
        let page = house.get(&ada, &path).await;
        assert!(page.body.to_string().len() <= 5_100_000);
        found.extend(ids(&page.body));
        pages += 1;
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        path = format!("{base}&cursor={cursor}");
    }
    assert_eq!(found, wanted);
    assert!(pages > 1);
}

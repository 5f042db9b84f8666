//! What other users see: nothing, on any path; and nobody sees a deleted job.

use domain::id::RunId;
use domain::job::{Job, Run, Status};
use domain::life::touched;
use domain::user::Role;
use serde_json::json;
use store::Store;

use crate::house::{Guest, House};

fn paths(id: &str) -> Vec<(&'static str, String)> {
    vec![
        ("GET", format!("/jobs/{id}")),
        ("PUT", format!("/jobs/{id}")),
        ("PATCH", format!("/jobs/{id}")),
        ("DELETE", format!("/jobs/{id}")),
        ("DELETE", format!("/delete-job/{id}")),
        ("DELETE", format!("/delete-job?id={id}")),
        ("DELETE", format!("/delete-job?jobId={id}")),
        ("GET", format!("/jobs/{id}/logs")),
        ("GET", format!("/jobs/{id}/runs")),
        ("GET", format!("/jobs/{id}/deliveries")),
        ("GET", format!("/get-logs/{id}")),
        ("GET", format!("/get-logs?jobId={id}")),
        ("GET", format!("/api/jobs/{id}/")),
    ]
}

async fn sees_nothing(house: &House, guest: &Guest, id: &str) {
    let missing = "job_018bcfe568007abcabababababababab";
    for ((method, path), (_, nowhere)) in paths(id).into_iter().zip(paths(missing)) {
        let one = house.ask(guest, method, &path, &[], "{\"taskName\":\"mine\"}").await;
        let other = house.ask(guest, method, &nowhere, &[], "{\"taskName\":\"mine\"}").await;
        assert_eq!(one.status, 404, "{method} {path}: {}", one.body);
        assert_eq!(one.text("detail"), other.text("detail"), "{method} {path}: no telling them apart");
    }
    assert_eq!(house.get(guest, "/jobs").await.ids().len(), 0);
    assert_eq!(house.get(guest, &format!("/jobs?ids={id}")).await.ids().len(), 0);
}

#[tokio::test]
async fn another_users_job_is_not_there() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let id = house.created(&ada, json!({"taskName": "x", "run": true})).await;
    sees_nothing(&house, &bob, &id).await;
    let read = house.get(&ada, &format!("/jobs/{id}")).await;
    assert_eq!(
        (read.text("taskName"), &read.body["version"]),
        ("x", &json!(1)),
        "nothing has happened to it"
    );
}

/// The row that was written last, as it went to the table.
fn written(house: &House) -> String {
    let calls = house.bed.faults.calls();
    calls.into_iter().rfind(|call| call.operation.ends_with(".PutItem")).unwrap().body
}

#[tokio::test]
async fn the_mark_of_a_deleted_job_has_nothing_of_what_it_was() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for pad in [0, 3_000] {
        let mut body = json!({
            "taskName": "secret-name", "payload": ["secret-payload", "x".repeat(pad)],
            "webhookUrl": "https://example.com/secret-hook", "webhookSecret": "secret-of-the-webhook",
        });
        if pad > 0 {
            body["schedule"] = json!({"recurrence": {"cron": "7 7 * * *", "timezone": "Asia/Kolkata"}});
        }
        let id = house.created(&ada, body).await;
        let store = Store::new(house.bed.clients().dynamodb(), &house.bed.vars()["TABLE_NAME"]);
        let job = store.job(id.parse().unwrap(), house.bed.now()).await.unwrap().unwrap();
        let now = house.bed.now();
        let mut run = Run::new(RunId::fresh(now, house.bed.ambient.entropy()), now);
        run.attempt = 2;
        run.result = Some(json!("secret-result"));
        run.last_error = Some("secret-error".to_owned());
        let mut ended = touched(&Job { run: Some(run), ..job }, now);
        ended.log.add(now, Status::Running, "secret-log", Some("secret-cause"));
        store.replace_job(&ended).await.unwrap();
        let before = written(&house);
        for told in ["name", "payload", "hook", "result", "error", "log", "cause"] {
            assert!(before.contains(&format!("secret-{told}")), "{told}: {before}");
        }
        assert_eq!(house.ask(&ada, "DELETE", &format!("/jobs/{id}"), &[], "").await.status, 200);
        let mark = written(&house);
        let sealed = ended.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()).unwrap();
        let sealed = serde_json::to_string(sealed).unwrap();
        for trace in ["secret", "example.com", "Kolkata", sealed.trim_matches('"')] {
            assert!(!mark.contains(trace), "{trace}: {mark}");
        }
        // What tells late messages that it is gone stays.
        let kept = store.job_even_deleted(ended.id, house.bed.now()).await.unwrap().unwrap();
        let run = kept.run.clone().unwrap();
        assert_eq!((kept.id, kept.user_id, kept.version), (ended.id, ada.id, ended.version + 1));
        assert_eq!((run.id, run.attempt), (ended.run.as_ref().unwrap().id, 2));
        // A payload beside it is removed by a message.
        assert_eq!(store.payload(&kept).await.unwrap().as_str().contains("secret"), pad > 0);
        assert!(store.purge_job(ended.id, 100).await.unwrap());
        assert_eq!(store.payload(&kept).await.unwrap().as_str(), "{}");
    }
}

#[tokio::test]
async fn a_deleted_job_is_gone_everywhere() {
    let house = House::new().await;
    let ada = house.guest("ada").await;
    for path in ["/jobs/ID", "/delete-job/ID", "/delete-job?id=ID", "/api/delete-job?jobId=ID"] {
        let id = house.created(&ada, json!({"taskName": "x", "payload": "p".repeat(3_000)})).await;
        let gone = house.ask(&ada, "DELETE", &path.replace("ID", &id), &[], "").await;
        assert_eq!((gone.status.as_u16(), gone.text("message")), (200, "Job deleted successfully"));
        assert_eq!(gone.text("jobId"), id);
        sees_nothing(&house, &ada, &id).await;
        house.bed.advance(std::time::Duration::from_secs(74));
        assert_eq!(house.messages("jobs-low").await.len(), 0, "the rest is removed after the mark");
        house.bed.advance(std::time::Duration::from_secs(1));
        assert_eq!(house.messages("jobs-low").await, [json!({"kind": "purge", "jobId": id})]);
        house.bed.store().purge_job(id.parse().unwrap(), 1_000).await.unwrap();
        sees_nothing(&house, &ada, &id).await;
    }
}

#[tokio::test]
async fn an_admin_reads_and_changes_the_jobs_of_all() {
    let house = House::new().await;
    let (ada, root) = (house.guest("ada").await, house.guest_as("root", Role::Admin).await);
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    assert_eq!(house.get(&root, &format!("/jobs/{id}")).await.status, 200);
    let changed = house.patch(&root, &id, json!({"taskName": "y", "userId": ada.id})).await;
    assert_eq!((changed.text("taskName"), changed.text("userId")), ("y", ada.id.to_string().as_str()));
    let moved = house.patch(&root, &id, json!({"userId": root.id})).await;
    assert_eq!((moved.status.as_u16(), moved.places()), (400, vec!["/userId"]));
    assert_eq!(house.ask(&root, "DELETE", &format!("/jobs/{id}"), &[], "").await.status, 200);
    assert_eq!(house.get(&ada, &format!("/jobs/{id}")).await.status, 404);
}

#[tokio::test]
async fn a_foreign_user_id_in_a_change_is_forbidden() {
    let house = House::new().await;
    let (ada, bob) = (house.guest("ada").await, house.guest("bob").await);
    let id = house.created(&ada, json!({"taskName": "x"})).await;
    assert_eq!(house.patch(&ada, &id, json!({"userId": ada.id, "taskName": "y"})).await.status, 200);
    let refused = house.patch(&ada, &id, json!({"userId": bob.id})).await;
    assert_eq!((refused.status.as_u16(), refused.places()), (403, vec!["/userId"]));
    assert_eq!(house.get(&ada, &format!("/deliveries?userId={}", bob.id)).await.status, 403);
}

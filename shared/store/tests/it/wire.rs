//! The requests as they go over the wire: keys, conditions and projections are a contract with the table.

use std::collections::BTreeMap;
use std::time::Duration;

use domain::filter::JobFilter;
use domain::job::{Priority, Run, Status};
use domain::life::{self, touched};
use domain::payload::Payload;
use domain::user::{User, UserName};
use serde_json::{Value, json};
use store::{IdempotencyKey, NewJob, Window};

use crate::api_keys::draft;
use crate::deliveries::delivery;
use crate::desk::{Desk, payload};
use crate::due::{once, row_of, waiting};

/// What went over the wire since the last look, with ids that do not depend on the seed.
fn requests(desk: &Desk) -> Value {
    let mut names = Names::default();
    let calls = desk.bed.faults.calls().into_iter().map(|call| {
        let body = names.plain(serde_json::from_str(&call.body).unwrap());
        json!({ "operation": call.operation, "body": body })
    });
    let calls = calls.collect();
    desk.bed.faults.clear();
    Value::Array(calls)
}

/// Ids in the order in which they are met.
#[derive(Default)]
struct Names(BTreeMap<String, String>);

impl Names {
    fn plain(&mut self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(&text)),
            Value::Array(all) => all.into_iter().map(|one| self.plain(one)).collect(),
            Value::Object(members) => {
                // The SDK writes members in no order.
                let sorted: BTreeMap<_, _> = members.into_iter().collect();
                let member = |(name, value): (String, Value)| match name.as_str() {
                    "ClientRequestToken" => (name, json!("<token>")),
                    _ => (name, self.plain(value)),
                };
                Value::Object(sorted.into_iter().map(member).collect())
            }
            other => other,
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        'next: while !rest.is_empty() {
            for prefix in ["job_", "usr_", "run_", "msg_", "can_", "key_"] {
                let id = rest.get(..prefix.len() + 32).filter(|id| id.starts_with(prefix));
                if let Some(id) = id.filter(|id| id[prefix.len()..].bytes().all(|b| b.is_ascii_hexdigit())) {
                    let count = self.0.keys().filter(|known| known.starts_with(prefix)).count();
                    let name = self.0.entry(id.to_owned()).or_insert(format!("{prefix}{}", count + 1));
                    out.push_str(name);
                    rest = &rest[id.len()..];
                    continue 'next;
                }
            }
            let c = rest.chars().next().unwrap();
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
        out
    }
}

/// Like the macro, with members in order.
macro_rules! same_as_before {
    ($name:literal, $requests:expr) => {
        insta::with_settings!({ sort_maps => true, omit_expression => true, prepend_module_to_snapshot => false }, {
            insta::assert_json_snapshot!($name, $requests);
        });
    };
}

#[tokio::test]
async fn creating() {
    let desk = Desk::new().await;
    let key = IdempotencyKey { user: desk.owner, key: "a key", request_hash: "hash" };
    let new = |payload| NewJob { job: desk.draft(), payload };
    desk.bed.faults.clear();
    desk.patient.create_job(new(payload(40)), None, desk.now()).await.unwrap();
    same_as_before!("create_job", requests(&desk));
    desk.patient.create_job(new(payload(1_000)), Some(key), desk.now()).await.unwrap();
    same_as_before!("create_job_with_key_and_payload_apart", requests(&desk));
    desk.patient.claimed(desk.owner, "a key", desk.now()).await.unwrap();
    same_as_before!("claimed", requests(&desk));
}

#[tokio::test]
async fn replacing() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), Payload::stored("{\"n\":1}".to_owned()).unwrap()).await;
    let run = desk.run_id();
    desk.bed.faults.clear();
    let started = life::start(&job, run, desk.now());
    desk.patient.replace_job(&started).await.unwrap();
    let claimed = life::claim(&started, run, 77, desk.now());
    desk.patient.replace_job(&claimed).await.unwrap();
    same_as_before!("replace_job", requests(&desk));
    let next = touched(&claimed, desk.now());
    desk.patient.replace_job_and_payload(next, payload(1_000)).await.unwrap();
    same_as_before!("replace_job_and_payload_apart", requests(&desk));
    let moved = desk.sound.job(job.id, desk.now()).await.unwrap().unwrap();
    let back = touched(&moved, desk.now());
    desk.patient.replace_job_and_payload(back, Payload::empty()).await.unwrap();
    same_as_before!("replace_job_and_payload_back", requests(&desk));
    let now = desk.sound.job(job.id, desk.now()).await.unwrap().unwrap();
    let mark = life::delete(&now, desk.now(), Duration::from_secs(60));
    desk.patient.replace_job(&mark).await.unwrap();
    same_as_before!("replace_job_with_its_mark", requests(&desk));
}

#[tokio::test]
async fn expiring() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(2_000)).await;
    desk.bed.faults.clear();
    let mut ended = life::start(&job, desk.run_id(), desk.now());
    (ended.status, ended.expires_at) = (Status::Failed, Some(desk.now().plus(Duration::from_secs(60))));
    desk.patient.replace_job(&ended).await.unwrap();
    let again = life::start(&ended, desk.run_id(), desk.now());
    desk.patient.revive_job(&again).await.unwrap();
    same_as_before!("expire_and_revive", requests(&desk));
}

#[tokio::test]
async fn reading() {
    let desk = Desk::new().await;
    let job = desk.write_with(desk.draft(), payload(1_500)).await;
    desk.bed.faults.clear();
    desk.patient.job(job.id, desk.now()).await.unwrap();
    desk.patient.payload(&job).await.unwrap();
    desk.patient.jobs(&[job.id], desk.now()).await.unwrap();
    desk.patient.job_and_all(job.id, desk.now()).await.unwrap();
    same_as_before!("read_job", requests(&desk));
    desk.patient.session(desk.owner, "jti", desk.now()).await.unwrap();
    same_as_before!("session", requests(&desk));
}

#[tokio::test]
async fn listing() {
    let desk = Desk::new().await;
    let after = desk.job().await.id;
    let filter = JobFilter {
        statuses: vec![Status::Failed],
        priorities: vec![Priority::High, Priority::Low],
        task_type: Some("http".to_owned()),
        search: Some("Text".to_owned()),
        ..JobFilter::default()
    };
    desk.bed.faults.clear();
    desk.patient.list_jobs(desk.owner, &filter, Some(after), 0, 20, desk.now()).await.unwrap();
    desk.patient.count_jobs(desk.owner, &filter, 1_000).await.unwrap();
    same_as_before!("list_jobs", requests(&desk));
    desk.patient.job_deliveries(after, None, 20, desk.now()).await.unwrap();
    same_as_before!("job_deliveries", requests(&desk));
    desk.patient.earlier_runs(after, None, 20, desk.now()).await.unwrap();
    same_as_before!("earlier_runs", requests(&desk));
    desk.patient.all_jobs(&filter, None, 20, desk.now()).await.unwrap();
    same_as_before!("all_jobs", requests(&desk));
}

#[tokio::test]
async fn what_falls_due() {
    let desk = Desk::new().await;
    let job = waiting(&desk, &once(&desk, 100));
    desk.bed.faults.clear();
    let new = NewJob { job: job.clone(), payload: Payload::empty() };
    desk.patient.create_job(new, None, desk.now()).await.unwrap();
    same_as_before!("create_job_with_a_schedule", requests(&desk));
    desk.patient.due_page(7, desk.now().plus(Duration::from_secs(180)), None).await.unwrap();
    desk.patient.check_back(&row_of(&job), desk.now()).await.unwrap();
    same_as_before!("due", requests(&desk));
}

#[tokio::test]
async fn the_rest() {
    let desk = Desk::new().await;
    let job = desk.job().await;
    let mut run = Run::new(desk.run_id(), desk.now());
    run.outcome = Some(Status::Cancelled);
    let ann = testkit::user(&desk.bed, "ann");
    desk.bed.faults.clear();
    desk.patient.archive_run(job.id, &run, Some(desk.now())).await.unwrap();
    desk.patient.replace_delivery(&delivery(&desk, &job, run.id), Some(desk.now())).await.unwrap();
    same_as_before!("archive_and_delivery", requests(&desk));
    desk.patient.purge_job(job.id, 1_000).await.unwrap();
    same_as_before!("purge_job", requests(&desk));
    desk.patient.create_user(&ann.user, &ann.email, &ann.name).await.unwrap();
    desk.patient.replace_user(&domain::user::User { version: 2, ..ann.user }).await.unwrap();
    desk.patient.revoke_token(desk.owner, "jti", desk.now(), desk.now()).await.unwrap();
    same_as_before!("people", requests(&desk));
    let window = Window::around(desk.now(), Duration::from_secs(900));
    desk.patient.count_in_window("run", "subject", window, 100).await.unwrap();
    same_as_before!("count_in_window", requests(&desk));
}

#[tokio::test]
async fn accounts_and_keys() {
    let desk = Desk::new().await;
    let ann = testkit::user(&desk.bed, "ann");
    desk.sound.create_user(&ann.user, &ann.email, &ann.name).await.unwrap();
    let (key, _) = draft(&desk, &ann.user);
    desk.bed.faults.clear();
    desk.patient.create_key(&key, "digest", &ann.user, desk.now()).await.unwrap();
    desk.patient.api_key("digest").await.unwrap();
    desk.patient.touch_key("digest", desk.now(), desk.now()).await.unwrap();
    desk.patient.revoke_key(&ann.user, key.id, desk.now()).await.unwrap();
    same_as_before!("api_keys", requests(&desk));
    let name = UserName::parse("Anna").unwrap();
    let named = User { name: "Anna".to_owned(), version: 3, ..ann.user };
    desk.patient.rename_user(&named, "ann", &name).await.unwrap();
    same_as_before!("rename_user", requests(&desk));
    desk.patient.list_users(None, 20).await.unwrap();
    same_as_before!("list_users", requests(&desk));
    let marked = User { deleted_at: Some(desk.now()), version: 4, ..named };
    desk.patient.delete_user(&marked).await.unwrap();
    desk.patient.remove_user(marked.id).await.unwrap();
    same_as_before!("delete_user", requests(&desk));
    let window = Window::around(desk.now(), Duration::from_secs(900));
    desk.patient.hold_in_window("login", "subject", window, 10).await.unwrap();
    desk.patient.settle_in_window("login", "subject", window, true).await.unwrap();
    desk.patient.settle_in_window("login", "subject", window, false).await.unwrap();
    same_as_before!("hold_in_window", requests(&desk));
}

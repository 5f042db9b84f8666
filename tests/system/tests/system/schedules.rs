//! Schedules, e-mail and the end of an account, against the program in a process of its own.

use std::collections::BTreeSet;
use std::time::Duration;

use boot::clock::SystemClock;
use domain::time::{Clock, Moment};
use http::{Method, StatusCode};
use local::clock::FastClock;
use serde_json::{Value, json};

use crate::house::{Api, PASSWORD, until};
use crate::process::Process;

/// A job as older clients send it: no task name, `parameters`, and a recurrence by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recurring_mail_goes_out_and_a_failure_is_told_of() {
    let process = Process::start(&["--ephemeral"], &[("SIMULATED_TASK_MS", "0")]);
    let (api, now) = (&process.api, SystemClock.now());
    let token = api.person("ada").await.token;
    let job = json!({
        "type": "email", "parameters": {"to": "bob@example.com", "subject": "the rows", "body": "10 rows"},
        "schedule": {"type": "recurring", "startTime": now.plus(Duration::from_secs(2)),
            "recurrence": {"interval": "daily", "endTime": now.plus(Duration::from_secs(3_600))}},
    });
    let id = api.job(&token, job).await;
    let mail = until("the mail goes out", || mail_to(api, "bob@example.com")).await;
    assert_eq!((&mail["subject"], &mail["text"]), (&json!("the rows"), &json!("10 rows")));
    // It was its only occurrence: the next one would come after the end.
    let ended = api.until_status(&token, &id, "completed").await;
    assert_eq!((&ended["retryCount"], &ended["nextRunAt"]), (&json!(0), &Value::Null), "{ended}");

    let doomed = json!({"taskName": "doomed", "payload": {"fail": true}, "maxRetries": 0, "run": true});
    let doomed = api.job(&token, doomed).await;
    let notice = until("the owner is told", || mail_to(api, "ada@example.com")).await;
    let text = notice["text"].as_str().unwrap();
    assert!(notice["subject"].as_str().unwrap().contains("doomed"), "{notice}");
    assert!(text.contains(&doomed) && text.contains("the payload says fail"), "{text}");
}

async fn mail_to(api: &Api, to: &str) -> Option<Value> {
    let outbox = api.get("/local/outbox", "").await.json;
    outbox["mails"].as_array()?.iter().find(|mail| mail["to"] == json!([to])).cloned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scheduled_jobs_start_on_the_second_and_none_early() {
    let process = Process::start(&["--ephemeral"], &[("SIMULATED_TASK_MS", "0")]);
    let api = &process.api;
    let token = api.person("ada").await.token;
    let first = SystemClock.now().plus(Duration::from_secs(2));
    let mut jobs = Vec::new();
    for number in 0..60u32 {
        let due = first.plus(Duration::from_millis(u64::from(number * 7_919 % 12_000)));
        jobs.push((
            due,
            api.job(&token, json!({"taskName": "punctual", "schedule": {"startTime": due}})).await,
        ));
    }
    let mut late = Vec::new();
    for (due, job) in &jobs {
        let ended = api.until_status(&token, job, "completed").await;
        late.push(moment(&ended["startedAt"]).as_millis() - due.as_millis());
    }
    late.sort_unstable();
    assert!(late[0] >= 0, "early by {} ms", -late[0]);
    assert!(late[30] < 500 && late[58] < 1_500, "late by {late:?} ms");
}

fn moment(value: &Value) -> Moment {
    Moment::parse(value.as_str().unwrap()).unwrap()
}

const SPEED: u32 = 20;
const JOBS: usize = 30;
const OCCURRENCES: usize = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_is_killed_starts_each_occurrence_once() {
    let clock = FastClock::from_now(SPEED);
    let folder = tempfile::tempdir().unwrap();
    let start = || {
        let folder = folder.path().to_str().unwrap();
        let vars = [("SIMULATED_TASK_MS", "0"), ("NIGHTJAR_CLOCK", &clock.to_string())];
        Process::start(&["--data-dir", folder], &vars)
    };
    let process = start();
    let token = process.api.person("ada").await.token;
    let mut jobs = Vec::new();
    for number in 0..JOBS {
        let first = clock.now().plus(Duration::from_secs(20 + 2 * number as u64));
        let schedule = json!({"startTime": first, "missed": "backfill",
            "recurrence": {"interval": "PT40S", "maxRuns": OCCURRENCES}});
        jobs.push((first, process.api.job(&token, json!({"taskName": "again", "schedule": schedule})).await));
    }
    let (_, third) = &jobs[JOBS / 2];
    until("a job has run", || async { (!runs(&process.api, &token, third).await.is_empty()).then_some(()) })
        .await;
    process.kill();

    let process = start();
    let token = process.api.login("ada").await;
    for (first, job) in &jobs {
        process.api.until_status(&token, job, "completed").await;
        let runs = runs(&process.api, &token, job).await;
        let due: BTreeSet<_> = runs.iter().map(|run| moment(&run["scheduledFor"])).collect();
        let wanted = (0..OCCURRENCES as u64).map(|i| first.plus(Duration::from_secs(40 * i)));
        assert_eq!(due, wanted.collect(), "{job}");
        assert_eq!(runs.len(), OCCURRENCES, "{runs:?}");
        assert!(runs.iter().all(|run| run["outcome"] == "completed"), "{runs:?}");
    }
}

async fn runs(api: &Api, token: &str, job: &str) -> Vec<Value> {
    let answer = api.get(&format!("/jobs/{job}/runs"), token).await;
    answer.json["runs"].as_array().cloned().unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_deleted_account_nothing_is_left() {
    let clock = FastClock::from_now(SPEED);
    let vars = [
        ("SIMULATED_TASK_MS", "0"),
        ("NIGHTJAR_CLOCK", &clock.to_string()),
        ("ADMIN_EMAIL", "eve@example.com"),
    ];
    let process = Process::start(&["--ephemeral"], &vars);
    let api = &process.api;
    let (ada, eve) = (api.person("ada").await, api.person("eve").await);
    let mut jobs = Vec::new();
    for number in 0..8 {
        let schedule = json!({"recurrence": {"interval": "hourly"}});
        let job = json!({"taskName": "a", "run": number % 2 == 0, "payload": {"text": "x".repeat(900)}, "schedule": schedule});
        jobs.push(api.job(&ada.token, job).await);
    }
    let gone = api.call(Method::DELETE, "/profile", &ada.token, &json!({"password": PASSWORD})).await;
    assert_eq!(gone.status, StatusCode::OK, "{gone:?}");
    assert_eq!(api.get("/profile", &ada.token).await.status, StatusCode::UNAUTHORIZED);
    for job in &jobs {
        let path = format!("/jobs/{job}");
        until("the job goes", || async {
            (api.get(&path, &eve.token).await.status == StatusCode::NOT_FOUND).then_some(())
        })
        .await;
    }
    let again = api.person("ada").await;
    assert_ne!(again.id, ada.id, "the address is free");
    assert_eq!(api.get("/jobs", &again.token).await.json["jobs"], json!([]));
}

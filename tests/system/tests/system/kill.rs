//! `kill -9` in the middle of the work, and a restart on the same data folder.
//!
//! The clock runs twenty times as fast, so that the leases of 65 s and the visibility timeouts of 360 s which the
//! dead process leaves behind pass in 18 s; nothing else differs from a deployment.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::time::Clock;
use http::StatusCode;
use local::clock::FastClock;
use local::{Settings, System};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::house::{Api, Person, Reply, settings, until};
use crate::process::Process;
use crate::sink::{Arrival, Sink};

const JOBS: usize = 500;
const CLIENTS: usize = 16;
const OWNERS: [&str; 5] = ["ada", "ben", "cleo", "dora", "emil"];
/// How many webhooks have arrived when the process is killed.
const KILLED_AT: usize = JOBS * 2 / 5;
const SPEED: u32 = 20;
/// How far a verifier lets a timestamp be off.
const TOLERANCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_job_ends_and_every_webhook_arrives_under_one_id() {
    let clock = FastClock::from_now(SPEED);
    let folder = tempfile::tempdir().unwrap();
    let worst = Arc::new(AtomicU64::new(0));
    let sink = Arc::new(Sink::new(fails_every_third_first_attempt(clock, Arc::clone(&worst))).await);
    let start = || start(folder.path().to_str().unwrap(), &clock.to_string());

    let process = start();
    let mut owners = Vec::new();
    let mut secrets = HashMap::new();
    for name in OWNERS {
        let person = process.api.person(name).await;
        secrets.insert(format!("/{name}"), process.api.secret(&person.token).await);
        owners.push(person);
    }
    let (restarted, api) = watch::channel(process.api.clone());
    let made: Arc<Mutex<BTreeMap<String, usize>>> = Arc::default();
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (mut api, owners, made, sink) =
            (api.clone(), owners.clone(), Arc::clone(&made), Arc::clone(&sink));
        clients.spawn(async move {
            for number in (client..JOBS).step_by(CLIENTS) {
                let id = create_and_run(&mut api, &owners, number, &sink.base).await;
                made.lock().unwrap().insert(id, number);
            }
        });
    }

    until("two in five webhooks arrive", || async { (delivered(&sink).len() >= KILLED_AT).then_some(()) })
        .await;
    process.kill();
    let cut = delivered(&sink).len();
    assert!(cut < JOBS, "the process was killed too late");
    let process = start();
    restarted.send(process.api.clone()).unwrap();
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    let made = made.lock().unwrap().clone();
    assert_eq!(made.len(), JOBS, "one job a request, however often it was sent");
    until("every webhook arrives", || async { (delivered(&sink).len() == JOBS).then_some(()) }).await;

    // The last of them have their webhook delivered before the record says so.
    for (owner, person) in owners.iter().enumerate() {
        let listed = until("no job waits or runs", || all_ended(&process.api, person)).await;
        let mine = made.iter().filter(|(_, number)| *number % OWNERS.len() == owner);
        assert_eq!(listed, mine.map(|(id, _)| id.clone()).collect(), "the jobs of {}", OWNERS[owner]);
    }
    process.stop();
    nothing_is_left(folder.path().into(), clock).await;

    let arrivals = sink.arrivals().clone();
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for arrival in &arrivals {
        assert!(arrival.is_signed_with(&secrets[&arrival.path]), "{arrival:?}");
        let body = arrival.json();
        assert_eq!((&body["type"], &body["status"]), (&json!("job.completed"), &json!("completed")));
        let job = body["jobId"].as_str().unwrap().to_owned();
        assert_eq!(body["payload"]["number"], made[&job], "{body}");
        ids.entry(job).or_default().insert(arrival.header("webhook-id").to_owned());
    }
    let several: Vec<_> = ids.iter().filter(|(_, ids)| ids.len() != 1).collect();
    assert!(several.is_empty(), "one webhook-id a job: {several:?}");
    let failed = arrivals.iter().filter(|arrival| !arrival.answer.is_success()).count();
    assert!(failed >= JOBS / 3, "{failed}");
    assert!(worst.load(SeqCst) < TOLERANCE.as_secs(), "a timestamp was off by {worst:?} s");
}

fn start(folder: &str, clock: &str) -> Process {
    let vars = [("NIGHTJAR_CLOCK", clock), ("SIMULATED_TASK_MS", "0"), ("RATE_LIMIT_MAX", "0")];
    Process::start(&["--data-dir", folder], &vars)
}

/// Notes besides by how many seconds the worst timestamp was off.
fn fails_every_third_first_attempt(
    clock: FastClock,
    worst: Arc<AtomicU64>,
) -> impl FnMut(&Arrival) -> StatusCode + Send + 'static {
    let mut seen = BTreeSet::new();
    move |arrival| {
        let stamped: i64 = arrival.header("webhook-timestamp").parse().unwrap();
        worst.fetch_max((clock.now().as_millis() / 1_000).abs_diff(stamped), SeqCst);
        let is_first = seen.insert(arrival.header("webhook-id").to_owned());
        let fails = is_first && seen.len().is_multiple_of(3);
        if fails { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
    }
}

/// The jobs whose webhook was taken.
fn delivered(sink: &Sink) -> BTreeSet<String> {
    let taken =
        sink.arrivals().iter().filter(|arrival| arrival.answer.is_success()).cloned().collect::<Vec<_>>();
    taken.iter().map(|arrival| arrival.json()["jobId"].as_str().unwrap().to_owned()).collect()
}

/// Creates a job and runs it, in one request or in two, whatever becomes of the process meanwhile.
async fn create_and_run(
    api: &mut watch::Receiver<Api>,
    owners: &[Person],
    number: usize,
    sink: &str,
) -> String {
    let owner = number % owners.len();
    let token = owners[owner].token.as_str();
    let at_once = number.is_multiple_of(2);
    let job = json!({
        "taskName": format!("job {number}"),
        "priority": (["high", "medium", "low"][number % 3]),
        "payload": { "number": number },
        "webhookUrl": format!("{sink}/{}", OWNERS[owner]),
        "run": at_once,
    });
    let key = format!("job-{number}");
    let made = insist(api, |api| {
        let request = api.request(http::Method::POST, "/jobs").bearer_auth(token);
        request.header("idempotency-key", &key).json(&job)
    })
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    let id = made.text("jobId");
    if !at_once {
        let path = format!("/jobs/{id}/run");
        let run = insist(api, |api| api.request(http::Method::POST, &path).bearer_auth(token)).await;
        // The request whose answer was lost may have started it.
        assert!([202, 409].contains(&run.status.as_u16()), "{run:?}");
    }
    id
}

/// Sends a request until it is answered; after the process has died, to the next one.
async fn insist(api: &mut watch::Receiver<Api>, request: impl Fn(&Api) -> reqwest::RequestBuilder) -> Reply {
    loop {
        let now = api.borrow_and_update().clone();
        match Reply::to(request(&now)).await {
            Ok(reply) => return reply,
            Err(_) => api.changed().await.unwrap(),
        }
    }
}

/// The ids of all jobs of this person, unless one of them has not ended yet.
async fn all_ended(api: &Api, person: &Person) -> Option<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("/jobs?limit=100&cursor={cursor}"), &person.token).await;
        assert_eq!(page.status, 200, "{page:?}");
        for job in page.json["jobs"].as_array().unwrap() {
            if job["status"] != "completed" {
                assert!(["pending", "running"].contains(&job["status"].as_str().unwrap()), "{job}");
                return None;
            }
            ids.insert(job["id"].as_str().unwrap().to_owned());
        }
        match page.json["nextCursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => return Some(ids),
        }
    }
}

/// Starts the system here, where its queues can be looked into, and waits until all are empty.
async fn nothing_is_left(folder: PathBuf, clock: FastClock) {
    let again = Settings { data_dir: folder, ephemeral: false, clock: Some(clock), ..settings() };
    let system = System::start(&again).await.unwrap();
    until("the queues are empty", || async {
        let depths = queue::topology::ALL.map(|queue| system.engine().queue_depth(queue.name).unwrap());
        depths.iter().all(|depth| depth.visible + depth.in_flight + depth.delayed == 0).then_some(())
    })
    .await;
    system.drain().await;
}

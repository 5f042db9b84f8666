//! What whoever runs the system sees of it: the log of each function, and the numbers.

use std::collections::BTreeSet;
use std::process::Stdio;

use http::Method;
use local::clock::FastClock;
use serde_json::{Value, json};

use crate::house::{Api, until};
use crate::process::Process;

/// The system, its log, and somebody who uses it. Time runs so fast that a tick comes every second or so.
struct Watched {
    process: Process,
    folder: tempfile::TempDir,
    token: String,
}

impl Watched {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = Stdio::from(std::fs::File::create(folder.path().join("log")).unwrap());
        let clock = FastClock::from_now(50).to_string();
        let vars = [("LOG_LEVEL", "debug"), ("SIMULATED_TASK_MS", "0"), ("NIGHTJAR_CLOCK", clock.as_str())];
        let process = Process::start_logging(&["--ephemeral"], &vars, log);
        let token = process.api.person("ada").await.token;
        Self { process, folder, token }
    }

    fn api(&self) -> &Api {
        &self.process.api
    }

    /// The lines that are whole by now.
    fn lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
    }

    /// A job that its schedule runs, and whose end is told; then it is run again by hand.
    async fn a_life(&self) -> String {
        let hook = format!("{}/webhook-test", self.api().base);
        let now: jiff::Timestamp = self.process_time().await;
        let start = now + jiff::SignedDuration::from_secs(240);
        let body = json!({
            "taskName": "x", "priority": "high", "webhookUrl": hook, "schedule": { "startTime": start.to_string() },
        });
        let job = self.api().job(&self.token, body).await;
        self.api().until_status(&self.token, &job, "completed").await;
        self.api().until_delivery(&self.token, &job, |row| row["state"] == "delivered").await;
        assert_eq!(
            self.api().post(&format!("/jobs/{job}/rerun"), &self.token, Value::Null).await.status,
            202
        );
        self.api().until_status(&self.token, &job, "completed").await;
        job
    }

    /// The system's clock goes faster than ours.
    async fn process_time(&self) -> jiff::Timestamp {
        let job = self.api().post("/jobs", &self.token, json!({ "taskName": "what time is it" })).await;
        job.text("createdAt").parse().unwrap()
    }
}

fn is_id(line: &Value, name: &str, shape: &[usize]) -> bool {
    let parts: Vec<_> = line[name].as_str().unwrap_or_default().split('-').collect();
    parts.len() == shape.len()
        && parts
            .iter()
            .zip(shape)
            .all(|(part, length)| part.len() == *length && part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Who wrote a line.
fn writer(line: &Value) -> Option<String> {
    if let Some(function) = line["function"].as_str() {
        return Some(function.to_owned());
    }
    let path = line["path"].as_str()?;
    Some(if path.ends_with("rerun") { "run".to_owned() } else { "jobs".to_owned() })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_followed_by_its_id_through_the_log_of_every_function() {
    let watched = Watched::start().await;
    let job = watched.a_life().await;
    let wanted: BTreeSet<_> =
        ["jobs", "scheduler", "worker", "webhook", "run"].into_iter().map(str::to_owned).collect();
    until("every function tells of the job", || async {
        let lines = watched.lines();
        let about = lines.iter().filter(|line| {
            line["job"] == job.as_str() || line["jobs"].as_str().is_some_and(|jobs| jobs.contains(&job))
        });
        (about.filter_map(writer).collect::<BTreeSet<_>>() == wanted).then_some(())
    })
    .await;
    // One line an attempt, and one a request.
    let lines = watched.lines();
    let of = |function: &str| {
        let about = lines.iter().filter(|line| line["job"] == job.as_str());
        about.filter(|line| writer(line).as_deref() == Some(function)).cloned().collect::<Vec<_>>()
    };
    let attempts: Vec<_> = of("worker").into_iter().filter(|line| line["message"] == "attempted").collect();
    let [first, again] = &attempts[..] else { panic!("{attempts:?}") };
    for line in [first, again] {
        assert_eq!(line["state"], "completed", "{line}");
    }
    assert_ne!(first["run"], again["run"]);
    let answers = |function| of(function).into_iter().filter(|line| line["message"] == "answered");
    let created: Vec<_> = answers("jobs").filter(|line| line["method"] == "POST").collect();
    let [created] = &created[..] else { panic!("{created:?}") };
    assert_eq!(created["status"], 201);
    assert_eq!(answers("run").count(), 1);
    watched.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_about_a_call_has_its_ids_and_a_problem_has_the_same() {
    let watched = Watched::start().await;
    watched.a_life().await;
    let absent = "/jobs/job_018bcfe568007abcabababababababab";
    let reply = watched.api().call(Method::GET, absent, &watched.token, &Value::Null).await;
    reply.problem(404, "an absent job");
    let line = until("the log tells of it", || async {
        watched.lines().into_iter().find(|line| line["path"] == absent)
    })
    .await;
    assert_eq!(line["requestId"], reply.json["requestId"]);
    assert_eq!(line["traceId"], reply.json["traceId"]);

    let lines = watched.lines();
    let (mut of_requests, mut of_records) = (0, 0);
    for line in &lines {
        // What is said before the first call has none, and what libraries say of themselves may have none.
        let of_a_library = line["target"].as_str().is_some_and(|target| target.starts_with("aws_"));
        if line["message"] == "listening" || of_a_library {
            continue;
        }
        assert!(is_id(line, "requestId", &[32]) && is_id(line, "traceId", &[1, 8, 24]), "{line}");
        assert!(line["timestamp"].as_str().is_some(), "{line}");
        assert!(["INFO", "DEBUG"].contains(&line["level"].as_str().unwrap()), "{line}");
        of_requests += usize::from(line["path"].is_string());
        of_records += usize::from(line["messageId"].is_string());
        if line["messageId"].is_string() {
            assert!(line["job"].as_str().is_some_and(|job| job.starts_with("job_")), "{line}");
        }
        let is_billed = line["level"] == "INFO";
        assert!(!is_billed || line.to_string().len() < 450, "each byte is billed: {line}");
    }
    assert!(of_requests > 5 && of_records >= 3, "{of_requests} {of_records}");
    watched.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_numbers_are_there_for_prometheus() {
    let watched = Watched::start().await;
    let before = numbers(watched.api()).await;
    assert!(!before.contains("nightjar_jobs_completed_total{"), "nothing has run: {before}");
    watched.a_life().await;
    let text = until("the numbers tell of the second run", || async {
        let text = numbers(watched.api()).await;
        text.contains("nightjar_jobs_completed_total{priority=\"high\"} 2").then_some(text)
    })
    .await;
    for line in [
        "# TYPE nightjar_jobs_created_total counter",
        "nightjar_jobs_created_total{priority=\"high\"} 1",
        "nightjar_jobs_created_total{priority=\"low\"} 1",
        "nightjar_jobs_started_total{priority=\"high\"} 2",
        "# TYPE nightjar_queue_latency_milliseconds histogram",
        "nightjar_queue_latency_milliseconds_count{priority=\"high\"} 2",
        "nightjar_run_duration_milliseconds_bucket{priority=\"high\",le=\"+Inf\"} 2",
        "# TYPE nightjar_tick_lateness_milliseconds histogram",
    ] {
        assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
    }
    assert!(text.contains("# HELP nightjar_jobs_created_total jobs that were created\n"), "{text}");
    let attempts = text.lines().find_map(|line| line.strip_prefix("nightjar_delivery_attempts_total "));
    assert!(attempts.and_then(|count| count.parse::<u64>().ok()).is_some_and(|count| count >= 1), "{text}");
    assert!(!text.contains("nightjar_jobs_failed_total{"), "{text}");
    watched.process.stop();
}

async fn numbers(api: &Api) -> String {
    let answer = api.request(Method::GET, "/metrics").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    answer.text().await.unwrap()
}

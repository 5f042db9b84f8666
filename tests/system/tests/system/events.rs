//! Every sample event through its handler, as Lambda would hand it over, against `events/expected.json`.

mod scene;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use domain::user::User;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::ServiceExt;

use self::scene::{SECRET, Scene, ada};
use crate::routes::{Access, TABLE};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    placeholders: BTreeMap<String, String>,
    cases: BTreeMap<String, Case>,
}

/// What must come of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    given: Vec<String>,
    status: Option<u16>,
    field: Option<String>,
    fails: Option<BTreeSet<String>>,
    sends: Option<i64>,
    leaves: Option<String>,
    mails: Option<usize>,
}

/// How a case's event comes.
#[derive(PartialEq, Eq)]
enum Kind {
    Http,
    Batch,
    Tick,
}

impl Case {
    fn kind(&self, name: &str) -> Kind {
        match (function(name), self.status, &self.fails, self.sends) {
            ("auth" | "jobs" | "run" | "endpoints", Some(_), None, None) => Kind::Http,
            ("worker" | "webhook" | "deadletter", None, Some(_), _) => Kind::Batch,
            ("scheduler", None, None, Some(_)) => Kind::Tick,
            _ => panic!("{name} expects what its function does not do"),
        }
    }
}

#[test]
fn every_event_has_an_expectation_and_every_expectation_its_events() {
    let mut named = BTreeSet::new();
    for (name, case) in &expected().cases {
        match case.kind(name) {
            Kind::Http => named.extend([format!("{name}.v1.json"), format!("{name}.v2.json")]),
            Kind::Batch | Kind::Tick => named.extend([format!("{name}.json")]),
        }
    }
    let mut found = BTreeSet::new();
    for folder in std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(files) = std::fs::read_dir(&folder) else { continue };
        let folder = folder.file_name().unwrap().to_str().unwrap().to_owned();
        found.extend(files.map(|file| format!("{folder}/{}", file.unwrap().file_name().to_str().unwrap())));
    }
    assert_eq!(found, named);
    let functions: BTreeSet<_> = found.iter().filter_map(|name| name.split('/').next()).collect();
    let all = ["auth", "deadletter", "endpoints", "jobs", "run", "scheduler", "webhook", "worker"];
    assert_eq!(functions, BTreeSet::from(all));
}

#[test]
fn every_route_has_events_of_what_it_does_and_of_what_it_refuses() {
    let mut answers: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    for (name, case) in &expected().cases {
        let Some(status) = case.status else { continue };
        let text = std::fs::read_to_string(root().join(format!("{name}.v2.json"))).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let route = event["routeKey"].as_str().unwrap().replace(" /api/", " /");
        answers.entry(route).or_default().insert(status);
    }
    let mut faults = Vec::new();
    for route in TABLE.iter().filter(|route| route.canonical) {
        let key = format!("{} {}", route.method, route.path);
        let answers = answers.remove(&key).unwrap_or_default();
        // The receiver to try would have to be shown a signature of the moment.
        let works = answers.iter().any(|status| (200..300).contains(status)) || key == "POST /webhook-test";
        let wanted: &[u16] = match route.access {
            Access::Public(_) => &[],
            Access::Session | Access::Own(_) | Access::OwnSecret(_) => &[401],
            Access::Key | Access::Job(_) | Access::Endpoint(_) => &[401, 404],
            Access::Admin(_) => &[401, 403],
        };
        if !works || !wanted.iter().all(|one| answers.contains(one)) {
            faults.push(format!("{key}: events are there for {answers:?} only"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn both_versions_of_an_event_for_auth_get_the_same_answer() {
    http_events("auth").await;
}

#[tokio::test]
async fn both_versions_of_an_event_for_jobs_get_the_same_answer() {
    http_events("jobs").await;
}

#[tokio::test]
async fn both_versions_of_an_event_for_run_get_the_same_answer() {
    http_events("run").await;
}

#[tokio::test]
async fn both_versions_of_an_event_for_endpoints_get_the_same_answer() {
    http_events("endpoints").await;
}

async fn http_events(of: &str) {
    let ada = ada().await;
    let mut faults = Vec::new();
    for (name, case) in expected().cases {
        let Some(status) = case.status.filter(|_| function(&name) == of) else { continue };
        let first = http_answer(&name, "v1", &case, &ada).await;
        let second = http_answer(&name, "v2", &case, &ada).await;
        if first.0 != status {
            faults.push(format!("{name}: expected {status}, got {first:?}"));
        }
        let field = first.1["errors"][0]["pointer"].as_str();
        if case.field.is_some() && field != case.field.as_deref() {
            faults.push(format!("{name}: expected a fault at {:?}, got {first:?}", case.field));
        }
        if first != second {
            faults.push(format!("{name}: version 1 got {first:?} and version 2 {second:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn batches_fail_where_they_must_and_nowhere_else() {
    let ada = ada().await;
    let mut faults = Vec::new();
    for (name, case) in expected().cases {
        let Some(fails) = &case.fails else { continue };
        let scene = Scene::new(&case, &ada).await;
        let failed = batch_answer(&name, &scene).await;
        if failed != *fails {
            faults.push(format!("{name}: {failed:?} failed in place of {fails:?}"));
        }
        faults.extend(what_differs(&name, &case, &scene).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn whatever_event_comes_a_tick_announces_what_is_due() {
    let ada = ada().await;
    let mut faults = Vec::new();
    for (name, case) in expected().cases {
        if case.kind(&name) != Kind::Tick {
            continue;
        }
        let scene = Scene::new(&case, &ada).await;
        let mut vars = scene.vars();
        let config = scheduler::Config::read(&mut vars);
        vars.finish().unwrap();
        let function = scheduler::Scheduler::new(&scene.bed.clients(), config, scene.bed.ambient.clone());
        let event = serde_json::from_str(&scene.event(&name)).unwrap();
        let end = scene.bed.now().plus(std::time::Duration::from_secs(55));
        let ticked = function.handle_until(event, end).await.unwrap();
        if i64::try_from(ticked.sent).unwrap() != case.sends.unwrap() {
            faults.push(format!("{name}: {ticked:?}"));
        }
        faults.extend(what_differs(&name, &case, &scene).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What a case has left behind in another way than expected.
async fn what_differs(name: &str, case: &Case, scene: &Scene) -> Vec<String> {
    let mut faults = Vec::new();
    if let Some(leaves) = &case.leaves {
        let left = scene.left().await;
        if left != *leaves {
            faults.push(format!("{name}: left {left} in place of {leaves}"));
        }
    }
    if let Some(sends) = case.sends
        && scene.messages() != sends
    {
        faults.push(format!("{name}: sent {} messages in place of {sends}", scene.messages()));
    }
    let sent = scene.bed.engine.sent_mail();
    if case.mails.is_some_and(|mails| mails != sent.len()) {
        faults.push(format!("{name}: sent {sent:?}"));
    }
    faults
}

/// The status and the body, without what differs from request to request.
async fn http_answer(name: &str, version: &str, case: &Case, ada: &User) -> (u16, Value) {
    let scene = Scene::new(case, ada).await;
    let event = scene.event(&format!("{name}.{version}"));
    let request: LambdaRequest = serde_json::from_str(&event).unwrap();
    let handler = Adapter::from(scene.router(name));
    let answer = handler.oneshot(LambdaEvent::new(request, Context::default())).await.unwrap();
    let answer = serde_json::to_value(answer).unwrap();
    assert_eq!(answer["isBase64Encoded"], false, "{name}: {answer}");
    let mut text = answer["body"].as_str().unwrap_or_default().to_owned();
    if let Some(sink) = &scene.sink {
        let arrivals = sink.arrivals();
        assert!(!arrivals.is_empty() && arrivals.iter().all(|one| one.is_signed_with(SECRET)), "{name}");
        text = text.replace(&sink.base, "{{url}}");
    }
    let mut body = serde_json::from_str(&text).unwrap_or_else(|_| json!(text));
    forget_request(&mut body);
    (u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap(), body)
}

/// The two events name their requests differently, and a call takes its time.
fn forget_request(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_request),
        Value::Object(members) => {
            members.remove("requestId");
            members.remove("traceId");
            members.remove("durationMs");
            members.values_mut().for_each(forget_request);
        }
        _ => {}
    }
}

/// The message ids that come again.
async fn batch_answer(name: &str, scene: &Scene) -> BTreeSet<String> {
    let event = serde_json::from_str(&scene.event(name)).unwrap();
    let (bed, mut vars) = (&scene.bed, scene.vars());
    let answer = match function(name) {
        "worker" => {
            let config = worker::Config::read(&mut vars);
            worker::Worker::new(&bed.clients(), config, bed.ambient.clone()).handle(event).await
        }
        "webhook" => {
            let config = webhook::Config::read(&mut vars);
            let function =
                webhook::Webhook::new(&bed.clients(), bed.data_secrets(), config, bed.ambient.clone());
            function.handle(event).await
        }
        "deadletter" => {
            let config = deadletter::Config::read(&mut vars);
            deadletter::DeadLetter::new(&bed.clients(), config, bed.ambient.clone()).handle(event).await
        }
        other => panic!("{other} reads no queue"),
    };
    vars.finish().unwrap();
    if let Some(sink) = &scene.sink {
        let arrivals = sink.arrivals();
        assert!(!arrivals.is_empty() && arrivals.iter().all(|one| one.is_signed_with(SECRET)), "{name}");
    }
    answer.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect()
}

fn function(name: &str) -> &str {
    name.split('/').next().unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn expected() -> Expected {
    serde_json::from_str(&std::fs::read_to_string(root().join("expected.json")).unwrap()).unwrap()
}

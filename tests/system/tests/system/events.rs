//! Every sample event through its handler, as Lambda would hand it over, against `events/expected.json`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::Body;
use boot::Vars;
use domain::job::JobWebhook;
use domain::payload::Payload;
use domain::user::{Email, Signing, User, UserName};
use edge::{CorsPolicy, tokens};
use http::StatusCode;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, Context, LambdaEvent};
use serde::Deserialize;
use serde_json::{Value, json};
use store::NewJob;
use testkit::Bed;
use tower::ServiceExt;

use crate::house::PASSWORD;
use crate::sink::Sink;

/// What signs Ada's webhooks.
const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

#[derive(Deserialize)]
struct Expected {
    placeholders: BTreeMap<String, String>,
    cases: BTreeMap<String, Case>,
}

/// What must come of a case.
#[derive(Deserialize)]
struct Case {
    #[serde(default)]
    given: Vec<String>,
    status: Option<u16>,
    field: Option<String>,
    fails: Option<BTreeSet<String>>,
}

#[test]
fn every_event_has_an_expectation_and_every_expectation_its_events() {
    let mut named = BTreeSet::new();
    for (name, case) in &expected().cases {
        match (case.status, &case.fails) {
            (Some(_), None) => named.extend([format!("{name}.v1.json"), format!("{name}.v2.json")]),
            (None, Some(_)) => named.extend([format!("{name}.json")]),
            _ => panic!("{name} expects neither a status nor a batch"),
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
    assert_eq!(functions, BTreeSet::from(["auth", "deadletter", "jobs", "run", "webhook", "worker"]));
}

#[tokio::test]
async fn http_events_of_both_versions_get_the_same_answer() {
    let ada = ada().await;
    let mut faults = Vec::new();
    for (name, case) in expected().cases {
        let Some(status) = case.status else { continue };
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
        let failed = batch_answer(&name, &case, &ada).await;
        if failed != *fails {
            faults.push(format!("{name}: {failed:?} failed in place of {fails:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
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
    let text = answer["body"].as_str().unwrap_or_default();
    let mut body = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
    forget_request(&mut body);
    (u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap(), body)
}

/// The two events name their requests differently.
fn forget_request(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(forget_request),
        Value::Object(members) => {
            members.remove("requestId");
            members.values_mut().for_each(forget_request);
        }
        _ => {}
    }
}

/// The message ids that come again.
async fn batch_answer(name: &str, case: &Case, ada: &User) -> BTreeSet<String> {
    let scene = Scene::new(case, ada).await;
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

/// A bed, and on it what a case needs.
struct Scene {
    bed: Bed,
    /// What stands for which placeholder.
    real: Vec<(String, String)>,
    sink: Option<Sink>,
}

impl Scene {
    async fn new(case: &Case, ada: &User) -> Self {
        let bed = Bed::new().await;
        let placeholders = expected().placeholders;
        let mut real = Vec::new();
        let mut sink = None;
        for given in &case.given {
            match given.as_str() {
                "user" => {
                    let (email, name) =
                        (Email::parse(&ada.email).unwrap(), UserName::parse(&ada.name).unwrap());
                    bed.store().create_user(ada, &email, &name).await.unwrap();
                    let token = tokens::issue(&bed.auth_secrets().get().await.unwrap(), ada.id, &bed.ambient);
                    real.push((placeholders["token"].clone(), token.unwrap().token));
                    // Where an HTTP event names a user, it means somebody else.
                    if case.fails.is_some() {
                        real.push((placeholders["user"].clone(), ada.id.to_string()));
                    }
                }
                "job" => {
                    let mut job = testkit::job(&bed, ada.id);
                    job.id = placeholders["job"].parse().unwrap();
                    job.webhook =
                        Some(JobWebhook { url: "https://example.com/hook".to_owned(), secret: None });
                    let new = NewJob { job, payload: Payload::empty() };
                    bed.store().create_job(new, None, bed.now()).await.unwrap();
                }
                "receiver" => {
                    let made = Sink::new(|_| StatusCode::OK).await;
                    real.push((placeholders["url"].clone(), made.base.clone()));
                    sink = Some(made);
                }
                other => panic!("nobody knows what {other:?} is"),
            }
        }
        Self { bed, real, sink }
    }

    fn event(&self, name: &str) -> String {
        let mut text = std::fs::read_to_string(root().join(format!("{name}.json"))).unwrap();
        for (placeholder, real) in &self.real {
            text = text.replace(placeholder, real);
        }
        text
    }

    fn vars(&self) -> Vars {
        let mut vars = self.bed.vars();
        vars.insert("EGRESS_ALLOW".to_owned(), "127.0.0.0/8".to_owned());
        Vars::new(vars)
    }

    fn router(&self, name: &str) -> Router {
        let (clients, ambient, mut vars) = (self.bed.clients(), self.bed.ambient.clone(), self.vars());
        let auth = self.bed.auth_secrets();
        let routes = match function(name) {
            "auth" => auth::routes(auth::App::new(&clients, auth, auth::Config::read(&mut vars), ambient)),
            "jobs" => {
                let secrets = jobs::SecretCaches { auth, data: self.bed.data_secrets() };
                jobs::routes(jobs::App::new(&clients, secrets, jobs::Config::read(&mut vars), ambient))
            }
            "run" => run::routes(run::App::new(&clients, auth, run::Config::read(&mut vars), ambient)),
            other => panic!("{other} answers no HTTP"),
        };
        vars.finish().unwrap();
        edge::router::finish(routes, CorsPolicy::none())
    }
}

/// Ada as she registered, with a secret that signs: once, for her password takes its time.
async fn ada() -> User {
    let bed = Bed::new().await;
    let scene = Scene { bed, real: Vec::new(), sink: None };
    let account = json!({ "name": "Ada", "email": "ada@example.com", "password": PASSWORD });
    let request = http::Request::post("/register").body(Body::from(account.to_string())).unwrap();
    let answer = scene.router("auth").oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 201);
    let email = Email::parse("ada@example.com").unwrap();
    let user = scene.bed.store().user_by_email(&email.digest()).await.unwrap().unwrap();
    let sealed = scene.bed.seal_key().seal(SECRET, &user.id.to_string(), scene.bed.ambient.entropy());
    User { signing: Some(Signing { current: sealed, previous: None, previous_until: None }), ..user }
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

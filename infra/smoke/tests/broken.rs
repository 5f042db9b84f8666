//! A deployment that does what it is for passes; one that is broken anywhere does not.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Long enough for two looks.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Nothing,
    Ill,
    AnotherPage,
    LetsAnybodyIn,
    PlainErrors,
    TooManyUsers,
    NoToken,
    TakesAnything,
    DoesNotStart,
    NeverEnds,
    Fails,
    NobodyDelivers,
    RefusesItself,
    GivesUp,
    ForgetsTheJob,
    KeepsTheToken,
}

struct Fake {
    fault: Fault,
    farewells: AtomicUsize,
}

impl Fake {
    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> (u16, Value) {
        let known = headers.contains_key("authorization");
        let gone = self.farewells.load(Ordering::SeqCst) > 0 && !self.has(Fault::KeepsTheToken);
        match (method.as_str(), uri.path()) {
            ("GET", "/health") => (if self.has(Fault::Ill) { 503 } else { 200 }, json!({ "status": "ok" })),
            ("GET", "/openapi.json") if self.has(Fault::AnotherPage) => (200, json!("<html>")),
            ("GET", "/openapi.json") => (200, json!({ "openapi": "3.1.0", "paths": { "/jobs": {} } })),
            ("POST", "/register") if self.has(Fault::TooManyUsers) => (429, problem(429)),
            ("POST", "/register") => (201, json!({ "userId": "usr_1" })),
            ("POST", "/login") if self.has(Fault::NoToken) => (200, json!({})),
            ("POST", "/login") => (200, json!({ "token": "t" })),
            ("GET", "/jobs") if !known && self.has(Fault::LetsAnybodyIn) => (200, json!({ "jobs": [] })),
            _ if !known || gone => (401, problem(401)),
            ("POST", "/jobs") if headers["content-length"] == "2" => {
                if self.has(Fault::TakesAnything) {
                    (201, job("pending"))
                } else {
                    (400, problem(400))
                }
            }
            ("POST", "/jobs") if self.has(Fault::DoesNotStart) => (201, job("pending")),
            ("POST", "/jobs") => (201, job("running")),
            ("GET", "/jobs/job_1") if self.has(Fault::NeverEnds) => (200, job("running")),
            ("GET", "/jobs/job_1") if self.has(Fault::Fails) => (200, job("failed")),
            ("GET", "/jobs/job_1") => (200, job("completed")),
            ("GET", "/jobs/job_1/deliveries") => (200, json!({ "deliveries": self.deliveries() })),
            ("GET", "/jobs") if self.has(Fault::ForgetsTheJob) => (200, json!({ "jobs": [] })),
            ("GET", "/jobs") => (200, json!({ "jobs": [job("completed")] })),
            ("DELETE", "/profile") => {
                self.farewells.fetch_add(1, Ordering::SeqCst);
                (200, json!({ "message": "gone" }))
            }
            ("GET", "/profile") => (200, json!({ "userId": "usr_1" })),
            _ => (404, problem(404)),
        }
    }

    fn deliveries(&self) -> Value {
        // That of another receiver says nothing.
        let other = json!({ "endpointId": "deployment", "state": "delivered" });
        match self.fault {
            Fault::NobodyDelivers => json!([other]),
            Fault::RefusesItself => json!([
                { "endpointId": "job", "state": "failed", "responseStatus": 401, "error": "it answered 401" },
            ]),
            Fault::GivesUp => {
                json!([other, { "endpointId": "job", "state": "dead", "error": "no such host" }])
            }
            _ => json!([{ "endpointId": "job", "state": "delivered", "responseStatus": 200, "error": "" }]),
        }
    }
}

fn job(status: &str) -> Value {
    json!({ "jobId": "job_1", "status": status, "lastError": "it broke" })
}

fn problem(status: u16) -> Value {
    json!({ "status": status, "requestId": "r" })
}

async fn served(State(fake): State<Arc<Fake>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let (status, body) = fake.answer(&method, &uri, &headers);
    let mut response = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
    if status >= 400 && !fake.has(Fault::PlainErrors) {
        response.headers_mut().insert("content-type", "application/problem+json".parse().unwrap());
    }
    if status == 429 {
        response.headers_mut().insert("retry-after", "840".parse().unwrap());
    }
    response
}

/// What the walk says of it: the steps that were done, how it ended, and how often the account was deleted.
async fn walked(fault: Fault) -> (usize, Result<(), String>, usize) {
    let fake = Arc::new(Fake { fault, farewells: AtomicUsize::new(0) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let routes = Router::new().fallback(served).with_state(Arc::clone(&fake));
    let server = tokio::spawn(async move { axum::serve(listener, routes).await });
    let mut steps = 0;
    let ended = smoke::smoke(&url, PATIENCE, |_, _| steps += 1).await;
    server.abort();
    (steps, ended.map_err(|failed| failed.to_string()), fake.farewells.load(Ordering::SeqCst))
}

#[tokio::test]
async fn what_does_all_of_it_passes_and_keeps_nothing() {
    assert_eq!(walked(Fault::Nothing).await, (11, Ok(()), 1));
}

#[tokio::test]
async fn each_fault_is_found_in_its_step_and_the_account_goes_all_the_same() {
    let cases = [
        (Fault::Ill, 0, "answer at all: GET /health answered 503", 0),
        (Fault::AnotherPage, 1, "describe itself: GET /openapi.json answered 200", 0),
        (Fault::LetsAnybodyIn, 2, "keep strangers out: GET /jobs answered 200", 0),
        (Fault::PlainErrors, 2, "a problem document with its status", 0),
        (Fault::TooManyUsers, 3, "POST /register is refused, for the limit", 0),
        (Fault::NoToken, 4, "log in: POST /login answered 200", 0),
        (Fault::NoToken, 4, "and the account stays: DELETE /profile answered 401", 0),
        (Fault::TakesAnything, 5, "refuse a faulty job: POST /jobs answered 201", 1),
        (Fault::DoesNotStart, 6, "create a job and run it: POST /jobs answered 201", 1),
        (Fault::NeverEnds, 7, "complete the job: after 0.3 s: the job is still running", 1),
        (Fault::Fails, 7, "complete the job: the job is failed: \"it broke\"", 1),
        (Fault::NobodyDelivers, 8, "deliver its webhook: after 0.3 s: nobody has tried", 1),
        (Fault::RefusesItself, 8, "after 0.3 s: failed, answered 401, it answered 401", 1),
        (Fault::GivesUp, 8, "the webhook was given up: dead, no such host", 1),
        (Fault::ForgetsTheJob, 9, "list the job: after 0.3 s: the job is not in the list", 1),
        (Fault::KeepsTheToken, 10, "delete the account: GET /profile answered 200", 1),
    ];
    for (fault, steps, reason, farewells) in cases {
        let (done, ended, deleted) = walked(fault).await;
        let told = ended.unwrap_err();
        assert!(told.contains(reason), "{fault:?}: {told}");
        assert_eq!((done, deleted), (steps, farewells), "{fault:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_after_a_while() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failed = smoke::smoke(&url, PATIENCE, |_, _| {}).await.unwrap_err();
    assert_eq!(failed.step, "answer at all");
    assert!(failed.reason.contains("GET /health"), "{failed}");
}

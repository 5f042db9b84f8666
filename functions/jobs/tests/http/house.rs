//! The function's routes with a user or two, on an engine in memory.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use boot::Vars;
use domain::id::UserId;
use domain::job::{Job, Priority, Run, Status};
use domain::payload::Payload;
use domain::user::{Role, User};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use jobs::{App, Config, SecretCaches};
use serde_json::Value;
use store::{Created, NewJob};
use testkit::Bed;
use tower::ServiceExt;

/// The function and its surroundings.
pub(crate) struct House {
    pub(crate) bed: Bed,
    router: Router,
}

/// A user with a token.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) id: UserId,
    pub(crate) token: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    /// A member as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.body[name].as_str().unwrap_or_default()
    }

    /// The places of a problem's faults.
    pub(crate) fn places(&self) -> Vec<&str> {
        let faults = self.body["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
        faults.iter().filter_map(|fault| fault["pointer"].as_str()).collect()
    }

    /// The ids of a list's jobs.
    pub(crate) fn ids(&self) -> Vec<String> {
        let jobs = self.body["jobs"].as_array().unwrap_or_else(|| panic!("no list: {}", self.body));
        jobs.iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these variables besides.
    pub(crate) async fn with(more: &[(&str, &str)]) -> Self {
        let bed = Bed::new().await;
        let mut vars: HashMap<String, String> = bed.vars();
        vars.insert("SIMULATED_TASK_MS".to_owned(), "0".to_owned());
        vars.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut vars = Vars::new(vars);
        let config = Config::read(&mut vars);
        vars.finish().unwrap();
        let cors = config.cors.clone();
        let secrets = SecretCaches { auth: bed.auth_secrets(), data: bed.data_secrets() };
        let app = App::new(&bed.clients(), secrets, config, bed.ambient.clone());
        Self { router: edge::router::finish(jobs::routes(app), cors), bed }
    }

    pub(crate) async fn guest(&self, name: &str) -> Guest {
        self.guest_as(name, Role::User).await
    }

    pub(crate) async fn guest_as(&self, name: &str, role: Role) -> Guest {
        let persona = testkit::user(&self.bed, name);
        let user = User { role, ..persona.user };
        self.bed.store().create_user(&user, &persona.email, &persona.name).await.unwrap();
        let secrets = self.bed.auth_secrets().get().await.unwrap();
        let token = edge::tokens::issue(&secrets, user.id, &self.bed.ambient).unwrap().token;
        Guest { id: user.id, token }
    }

    /// The guest with a fresh token: one lasts for an hour.
    pub(crate) async fn back(&self, guest: &Guest) -> Guest {
        let secrets = self.bed.auth_secrets().get().await.unwrap();
        let token = edge::tokens::issue(&secrets, guest.id, &self.bed.ambient).unwrap().token;
        Guest { id: guest.id, token }
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        if parts.status.is_client_error() || parts.status.is_server_error() {
            assert_eq!(parts.headers["content-type"], "application/problem+json", "{body}");
            assert_eq!(body["status"], parts.status.as_u16());
            assert!(body["requestId"].is_string() && body["traceId"].is_string(), "{body}");
        }
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// A request of a guest, with headers besides.
    pub(crate) async fn ask(
        &self,
        guest: &Guest,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Reply {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("authorization", format!("Bearer {}", guest.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, guest: &Guest, path: &str) -> Reply {
        self.ask(guest, "GET", path, &[], Body::empty()).await
    }

    pub(crate) async fn post(&self, guest: &Guest, path: &str, body: Value) -> Reply {
        self.ask(guest, "POST", path, &[], body.to_string()).await
    }

    pub(crate) async fn patch(&self, guest: &Guest, id: &str, body: Value) -> Reply {
        self.ask(guest, "PATCH", &format!("/jobs/{id}"), &[], body.to_string()).await
    }

    /// Creates a job and gives its id.
    pub(crate) async fn created(&self, guest: &Guest, body: Value) -> String {
        let reply = self.post(guest, "/jobs", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply.text("jobId").to_owned()
    }

    /// Writes a job of this kind into the table, a millisecond after the one before.
    pub(crate) async fn put(
        &self,
        owner: &Guest,
        status: Status,
        priority: Priority,
        name: &str,
        payload: &str,
    ) -> Job {
        self.bed.advance(Duration::from_millis(1));
        let now = self.bed.now();
        let run = (status != Status::Pending)
            .then(|| Run::new(domain::id::RunId::fresh(now, self.bed.ambient.entropy()), now));
        let job = testkit::job(&self.bed, owner.id);
        let job = Job { status, priority, task_name: name.to_owned(), run, ..job };
        let payload = Payload::stored(payload.to_owned()).unwrap();
        match self.bed.store().create_job(NewJob { job, payload }, None, now).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    /// The bodies of the messages in a queue that can be received now.
    pub(crate) async fn messages(&self, queue: &str) -> Vec<Value> {
        let sqs = self.bed.sound_clients().sqs();
        let received = sqs
            .receive_message()
            .queue_url(self.bed.queue(queue))
            .max_number_of_messages(10)
            .send()
            .await
            .unwrap();
        let bodies = received.messages.unwrap_or_default().into_iter().filter_map(|message| message.body);
        bodies.map(|body| serde_json::from_str(&body).unwrap()).collect()
    }
}

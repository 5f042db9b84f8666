//! The function's routes with a user or two, on an engine in memory.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use axum::Router;
use axum::body::Body;
use boot::Vars;
use boot::clients::Clients;
use domain::delivery::{Delivery, DeliveryAttempt, DeliveryState};
use domain::endpoint::Endpoint;
use domain::event::EventType;
use domain::id::{EndpointId, RunId, UserId, WebhookId};
use domain::job::{Job, JobWebhook, Run, Status};
use domain::message::{Deliver, Target};
use domain::payload::Payload;
use domain::user::{Role, User};
use endpoints::{App, Config, SecretCaches};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
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

    /// The status, and the kind of problem.
    pub(crate) fn problem(&self) -> (u16, &str) {
        (self.status.as_u16(), self.text("type").trim_start_matches("/docs/errors/"))
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
        vars.insert("EGRESS_ALLOW".to_owned(), "127.0.0.0/8".to_owned());
        vars.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut vars = Vars::new(vars);
        let config = Config::read(&mut vars);
        vars.finish().unwrap();
        let cors = config.cors.clone();
        let secrets = SecretCaches { auth: bed.auth_secrets(), data: bed.data_secrets() };
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let sdk = bed.clients().config().to_builder().retry_config(retries).build();
        let app = App::new(&Clients::from_config(&sdk), secrets, config, bed.ambient.clone());
        Self { router: edge::router::finish(endpoints::routes(app), cors), bed }
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
        self.ask(guest, "PATCH", &format!("/webhooks/{id}"), &[], body.to_string()).await
    }

    /// Creates an endpoint, with these members besides, and gives the answer.
    pub(crate) async fn made(&self, guest: &Guest, more: Value) -> Reply {
        let mut body = json!({"url": "https://example.com/hooks"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let reply = self.post(guest, "/webhooks", body).await;
        assert_eq!(reply.status, 201, "{}", reply.body);
        reply
    }

    /// Creates one and gives its id.
    pub(crate) async fn endpoint(&self, guest: &Guest, more: Value) -> String {
        self.made(guest, more).await.text("id").to_owned()
    }

    /// An endpoint as the table has it.
    pub(crate) async fn stored(&self, guest: &Guest, id: &str) -> Option<Endpoint> {
        self.bed.store().endpoint(guest.id, id.parse().unwrap()).await.unwrap()
    }

    /// All endpoints of a user as the table has them.
    pub(crate) async fn all(&self, guest: &Guest) -> Vec<Endpoint> {
        self.bed.store().endpoints_of(guest.id).await.unwrap()
    }

    /// An endpoint's secret that signs now.
    pub(crate) fn secret_of(&self, endpoint: &Endpoint) -> String {
        self.bed.seal_key().open(&endpoint.signing.current, &endpoint.id.to_string()).unwrap()
    }

    /// An endpoint that was switched off because it answered 410.
    pub(crate) async fn gone(&self, id: &str) {
        self.switch_off(id, domain::endpoint::Told::Gone).await;
    }

    /// An endpoint that was switched off for that reason.
    pub(crate) async fn switch_off(&self, id: &str, told: domain::endpoint::Told) {
        let subject = domain::health::Subject::endpoint(id.parse().unwrap());
        assert!(self.bed.store().switch_off(&subject, told, None, self.bed.now()).await.unwrap());
    }

    /// A job that completed just now, with this payload, in the table.
    pub(crate) async fn job_with(&self, owner: &Guest, url: Option<&str>, payload: &str) -> Job {
        self.bed.advance(Duration::from_millis(1));
        let now = self.bed.now();
        let mut run = Run::new(RunId::fresh(now, self.bed.ambient.entropy()), now);
        (run.attempt, run.completed_at, run.outcome) = (1, Some(now), Some(Status::Completed));
        let webhook = url.map(|url| JobWebhook { url: url.to_owned(), secret: None });
        let job =
            Job { status: Status::Completed, webhook, run: Some(run), ..testkit::job(&self.bed, owner.id) };
        let payload = Payload::stored(payload.to_owned()).unwrap();
        match self.bed.store().create_job(NewJob { job, payload }, None, now).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    pub(crate) async fn job(&self, owner: &Guest) -> Job {
        self.job_with(owner, Some("https://example.com/of-the-job"), "{}").await
    }

    /// The record of a delivery about this job that has come to this state, after one attempt if it was tried.
    pub(crate) async fn delivery(&self, job: &Job, to: Target, state: DeliveryState) -> Delivery {
        self.delivery_of(job, to, state, "{\"type\":\"job.completed\"}").await
    }

    /// As [`delivery`](Self::delivery), with this body.
    pub(crate) async fn delivery_of(
        &self,
        job: &Job,
        to: Target,
        state: DeliveryState,
        body: &str,
    ) -> Delivery {
        let now = self.bed.now();
        let run = job.run.as_ref().unwrap();
        let at = run.completed_at.unwrap();
        let message = Deliver {
            webhook_id: WebhookId::derive(run.id, EventType::Completed, at, &to.to_string()),
            job_id: job.id,
            user_id: job.user_id,
            run_id: run.id,
            endpoint_id: to,
            url: "https://example.com/as-it-was".to_owned(),
            body: body.to_owned(),
            round: 0,
            cancel_id: None,
            turn: None,
        };
        let fresh = Delivery::new(&message, EventType::Completed, now);
        let attempt = DeliveryAttempt {
            attempt: 0,
            sent_at: now,
            duration_ms: 5,
            response_status: Some(500),
            request_headers: Default::default(),
            response_headers: Default::default(),
            response_body: None,
            error: None,
            error_class: None,
            next_attempt_at: None,
        };
        let record = match state {
            DeliveryState::Pending => Delivery { version: 1, ..fresh },
            DeliveryState::Skipped => fresh.skipped("the endpoint is switched off", now),
            state => fresh.attempted(attempt, state),
        };
        assert!(self.bed.store().replace_delivery(&record, None).await.unwrap());
        record
    }

    /// The messages of the webhooks queue that can be received now, which are then taken out of it.
    pub(crate) async fn messages(&self) -> Vec<Deliver> {
        let (sqs, url) = (self.bed.sound_clients().sqs(), self.bed.queue("webhooks"));
        let mut all = Vec::new();
        loop {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
            let messages = received.await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                let handle = message.receipt_handle.unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
                all.push(serde_json::from_str(&message.body.unwrap()).unwrap());
            }
        }
    }
}

/// The target that an endpoint's id names.
pub(crate) fn target(id: &str) -> Target {
    Target::Endpoint(id.parse::<EndpointId>().unwrap())
}

//! The function with one user at its counter.

use std::collections::HashMap;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use axum::Router;
use axum::body::Body;
use boot::Vars;
use boot::clients::Clients;
use domain::id::RunId;
use domain::job::{Job, JobWebhook, Priority};
use domain::life::{self, Attempt, Ending, Present};
use domain::message::{Deliver, JobMessage};
use domain::payload::Payload;
use domain::time::Moment;
use domain::user::{Role, User};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use run::{App, Config};
use serde_json::Value;
use store::{Created, NewJob, Replaced, Store};
use testkit::Bed;
use tower::ServiceExt;

pub(crate) struct Counter {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    pub(crate) user: User,
    router: Router,
    token: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Counter {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let bed = Bed::new().await;
        let mut all: HashMap<String, String> = bed.vars();
        all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut vars = Vars::new(all);
        let config = Config::read(&mut vars);
        vars.finish().unwrap();
        let sdk = bed.clients().config().to_builder().retry_config(RetryConfig::disabled()).build();
        let app = App::new(&Clients::from_config(&sdk), bed.auth_secrets(), config, bed.ambient.clone());
        let router = edge::router::finish(run::routes(app), edge::CorsPolicy::default());
        let (user, token) = register(&bed, "ann").await;
        Self { store: bed.store(), user, router, token, bed }
    }

    pub(crate) fn now(&self) -> Moment {
        self.bed.now()
    }

    /// The present, and what ends in it is kept for 90 days.
    pub(crate) fn present(&self) -> Present {
        Present { now: self.now(), keep: Some(Duration::from_secs(90 * 86_400)) }
    }

    /// Another token of the user: one lasts for an hour.
    pub(crate) async fn fresh_token(&self) -> String {
        let secrets = self.bed.auth_secrets().get().await.unwrap();
        edge::tokens::issue(&secrets, self.user.id, &self.bed.ambient).unwrap().token
    }

    pub(crate) async fn post(&self, path: &str) -> Got {
        self.post_as(path, Some(&self.token)).await
    }

    pub(crate) async fn post_as(&self, path: &str, token: Option<&str>) -> Got {
        self.send("POST", path, token, Body::empty()).await
    }

    /// A request with that body.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: impl Into<Body>,
    ) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(body.into()).unwrap();
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap();
        Got { status: parts.status, headers: parts.headers, body }
    }

    /// Asks for that to be done to the job.
    pub(crate) async fn ask(&self, job: &Job, what: &str) -> Got {
        self.post(&format!("/jobs/{}/{what}", job.id)).await
    }

    pub(crate) fn draft(&self) -> Job {
        testkit::job(&self.bed, self.user.id)
    }

    /// A pending job of the user.
    pub(crate) async fn job(&self) -> Job {
        self.write(self.draft()).await
    }

    /// A pending job that tells a webhook of its end.
    pub(crate) async fn telling(&self) -> Job {
        let webhook = JobWebhook { url: "https://example.com/hook".to_owned(), secret: None };
        self.write(Job { webhook: Some(webhook), ..self.draft() }).await
    }

    pub(crate) async fn write(&self, job: Job) -> Job {
        let new = NewJob { job, payload: Payload::empty() };
        match self.store.create_job(new, None, self.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    pub(crate) async fn replace(&self, next: Job) -> Job {
        assert!(matches!(self.store.replace_job(&next).await.unwrap(), Replaced::Written));
        next
    }

    /// The job, claimed under that run.
    pub(crate) async fn claim(&self, job: &Job, run: RunId) -> Job {
        self.replace(life::claim(job, run, 1, self.now())).await
    }

    /// The job after a run that completed.
    pub(crate) async fn complete(&self, job: &Job) -> Job {
        let run = RunId::fresh(self.now(), self.bed.ambient.entropy());
        let held = self.claim(job, run).await;
        let done = Ending::Done { result: None };
        self.replace(life::finish(&held, Attempt { run, number: 1 }, &done, self.present()).unwrap()).await
    }

    pub(crate) async fn read(&self, job: &Job) -> Job {
        self.store.job(job.id, self.now()).await.unwrap().expect("the job")
    }

    /// The run messages that can be received now, and their delay has passed.
    pub(crate) async fn messages(&self, priority: Priority) -> Vec<JobMessage> {
        let all = self.receive(queue::topology::of(priority).name).await;
        all.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    pub(crate) async fn deliveries(&self) -> Vec<Deliver> {
        let all = self.receive(queue::topology::WEBHOOKS.name).await;
        all.iter().map(|body| serde_json::from_str(body).unwrap()).collect()
    }

    async fn receive(&self, queue: &str) -> Vec<String> {
        let (sqs, url) = (self.bed.sound_clients().sqs(), self.bed.queue(queue));
        let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        messages.into_iter().filter_map(|message| message.body).collect()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }
}

/// A user of that name, with a token.
pub(crate) async fn register(bed: &Bed, name: &str) -> (User, String) {
    register_as(bed, name, Role::User).await
}

/// A user of that name and role, with a token.
pub(crate) async fn register_as(bed: &Bed, name: &str, role: Role) -> (User, String) {
    let mut persona = testkit::user(bed, name);
    persona.user.role = role;
    bed.store().create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
    let secrets = bed.auth_secrets().get().await.unwrap();
    let issued = edge::tokens::issue(&secrets, persona.user.id, &bed.ambient).unwrap();
    (persona.user, issued.token)
}

impl Got {
    /// The status and the kind of problem.
    pub(crate) fn problem(&self) -> (u16, &str) {
        let kind = self.body["type"].as_str().unwrap_or_default();
        (self.status.as_u16(), kind.trim_start_matches("/docs/errors/"))
    }
}

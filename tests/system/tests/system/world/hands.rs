//! What a process has: the functions, with its own way to AWS.

use std::collections::HashMap;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use axum::body::{Body, to_bytes};
use boot::Vars;
use boot::clients::Clients;
use deadletter::DeadLetter;
use engine::ledger::Ledger;
use engine::mapping::{Delivery, HandlerError, Mapping};
use http::{Request, StatusCode};
use queue::topology::{self, Queue};
use scheduler::Scheduler;
use serde_json::Value;
use testkit::Bed;
use tower::ServiceExt;
use webhook::Webhook;
use worker::Worker;

use super::{ADMIN, SHARDS};
use crate::house::calls;

/// The functions of one process.
#[derive(Clone)]
pub(crate) struct Hands {
    router: Router,
    worker: Worker,
    webhook: Webhook,
    deadletter: DeadLetter,
    pub(crate) scheduler: Scheduler,
    /// What the event source mappings of worker, webhook and deadletter ask the queues with.
    sources: [aws_sdk_sqs::Client; 3],
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Hands {
    /// The functions with that way to AWS; each call is made once, for what the SDK repeats hides what is lost.
    pub(crate) fn new(bed: &Bed, way: SharedHttpClient) -> Self {
        Self::with(bed, way, variables(bed))
    }

    /// The same with these variables.
    pub(crate) fn with(bed: &Bed, way: SharedHttpClient, variables: HashMap<String, String>) -> Self {
        let ledger = calls().map(|folder| Ledger::open(&folder).unwrap());
        let clients = |function: &'static str| {
            let way = match &ledger {
                Some(ledger) => ledger.noting(function, way.clone()),
                None => way.clone(),
            };
            let sdk = bed.engine.sdk_config_with(way).to_builder().retry_config(RetryConfig::disabled());
            Clients::from_config(&sdk.build())
        };
        let ambient = bed.ambient.clone();
        let mut vars = Vars::new(variables);
        let auth = auth::Config::read(&mut vars);
        let (run, jobs) = (run::Config::read(&mut vars), jobs::Config::read(&mut vars));
        let endpoints = endpoints::Config::read(&mut vars);
        let (worker, dead) = (worker::Config::read(&mut vars), deadletter::Config::read(&mut vars));
        let webhook = webhook::Config::read(&mut vars);
        let scheduler = scheduler::Config::read(&mut vars);
        vars.finish().unwrap();
        let (signs, seals) = (bed.auth_secrets(), bed.data_secrets());
        let auth = auth::routes(auth::App::new(&clients("auth"), signs.clone(), auth, ambient.clone()));
        let run = run::routes(run::App::new(&clients("run"), signs.clone(), run, ambient.clone()));
        let secrets = jobs::SecretCaches { auth: signs.clone(), data: seals.clone() };
        let jobs = jobs::routes(jobs::App::new(&clients("jobs"), secrets, jobs, ambient.clone()));
        let secrets = endpoints::SecretCaches { auth: signs, data: seals.clone() };
        let endpoints = endpoints::routes(endpoints::App::new(
            &clients("endpoints"),
            secrets,
            endpoints,
            ambient.clone(),
        ));
        let all = auth.merge(run).merge(jobs).merge(endpoints);
        Self {
            router: edge::router::finish(all, edge::CorsPolicy::default()),
            worker: Worker::new(&clients("worker"), worker, ambient.clone()),
            webhook: Webhook::new(&clients("webhook"), seals, webhook, ambient.clone()),
            deadletter: DeadLetter::new(&clients("deadletter"), dead, ambient.clone()),
            scheduler: Scheduler::new(&clients("scheduler"), scheduler, ambient),
            sources: ["worker", "webhook", "deadletter"].map(|function| clients(function).sqs()),
        }
    }

    /// The answer's status.
    pub(crate) async fn send(&self, request: Request<Body>) -> StatusCode {
        self.answer(request).await.status
    }

    /// The answer.
    pub(crate) async fn answer(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        Reply { status, body: serde_json::from_slice(&body).unwrap_or_default() }
    }

    /// One batch of a queue to its function, by a process that may fail at any call.
    pub(crate) async fn step(&self, bed: &Bed, queue: Queue) -> Delivery {
        self.serve(bed.queue(queue.name), queue, 10).await
    }

    /// The same for the queue at that URL, with at most so many messages.
    pub(crate) async fn serve(&self, queue_url: String, queue: Queue, batch_size: usize) -> Delivery {
        let handler = |event: SqsEvent| async move { Ok::<_, HandlerError>(self.handle(queue, event).await) };
        self.deliver(queue, &Self::mapping(queue_url, queue, batch_size), &handler).await
    }

    /// How that queue's messages come to its function.
    pub(crate) fn mapping(queue_url: String, queue: Queue, batch_size: usize) -> Mapping {
        Mapping {
            queue_url,
            function: queue.name.to_owned(),
            batch_size,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(60),
        }
    }

    /// What the queue's function does about that event.
    pub(crate) async fn handle(&self, queue: Queue, event: SqsEvent) -> SqsBatchResponse {
        match queue {
            topology::JOBS_DLQ => self.deadletter.handle(event).await,
            topology::WEBHOOKS => self.webhook.handle(event).await,
            _ => self.worker.handle(event).await,
        }
    }

    /// One batch to that handler.
    pub(crate) async fn deliver<H, F>(&self, queue: Queue, mapping: &Mapping, handler: &H) -> Delivery
    where
        H: Fn(SqsEvent) -> F,
        F: Future<Output = Result<SqsBatchResponse, HandlerError>>,
    {
        let [worker, webhook, deadletter] = &self.sources;
        let source = match queue {
            topology::JOBS_DLQ => deadletter,
            topology::WEBHOOKS => webhook,
            _ => worker,
        };
        // A source that cannot be asked, or told, comes back later.
        mapping.step(source, handler).await.unwrap_or(Delivery::Idle)
    }
}

/// How everything is set: nothing takes time that need not, and no limit is met.
fn variables(bed: &Bed) -> HashMap<String, String> {
    let mut all = bed.vars();
    let own = [
        ("SIMULATED_TASK_MS", "0"),
        ("RATE_LIMIT_MAX", "1000000"),
        ("AUTH_RATE_LIMIT_MAX", "1000000"),
        ("REDELIVER_RATE_MAX", "1000000"),
        ("NOTICE_RATE_MAX", "1000000"),
        ("EGRESS_ALLOW", "127.0.0.0/8"),
        ("MAIL_FROM", "nightjar@example.com"),
        ("ADMIN_EMAIL", ADMIN),
        // A wait in the queue, and one that is longer than a queue may hide a message for.
        ("WEBHOOK_RETRY_SCHEDULE", "2s,90s"),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all.insert("DUE_SHARDS".to_owned(), SHARDS.to_string());
    all
}

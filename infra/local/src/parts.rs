//! The functions, made from one set of variables, and what they need in the engines.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use axum::Router;
use axum::response::Redirect;
use axum::routing::get;
use boot::clients::Clients;
use boot::config::ConfigError;
use boot::{Ambient, SecretCache, Vars};
use domain::signature::{fresh_secret, to_base64};
use edge::CorsPolicy;
use engine::Engine;
use engine::mapping::{HandlerError, Mapping};
use metrics_exporter_prometheus::PrometheusHandle;
use queue::topology::{self, Queue};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::StartError;
use crate::hosts::{Hosts, Privacy};
use crate::ways::Ways;
use crate::{invocation, prometheus};

const TABLE: &str = "nightjar";
const AUTH_SECRET: &str = "nightjar/auth";
const DATA_SECRET: &str = "nightjar/data";
const WEBHOOK_SECRET: &str = "nightjar/webhook";

/// What stands in the engines.
pub(crate) struct Resources {
    urls: HashMap<&'static str, String>,
}

impl Resources {
    fn url(&self, queue: Queue) -> String {
        self.urls.get(queue.name).cloned().unwrap_or_default()
    }

    /// As the functions are told of it.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        [
            ("TABLE_NAME", TABLE.to_owned()),
            ("AUTH_SECRET_ID", AUTH_SECRET.to_owned()),
            ("DATA_SECRET_ID", DATA_SECRET.to_owned()),
            ("WEBHOOK_SECRET_ID", WEBHOOK_SECRET.to_owned()),
            ("JOBS_HIGH_QUEUE_URL", self.url(topology::JOBS_HIGH)),
            ("JOBS_MEDIUM_QUEUE_URL", self.url(topology::JOBS_MEDIUM)),
            ("JOBS_LOW_QUEUE_URL", self.url(topology::JOBS_LOW)),
            ("JOBS_DLQ_URL", self.url(topology::JOBS_DLQ)),
            ("WEBHOOK_QUEUE_URL", self.url(topology::WEBHOOKS)),
            ("WEBHOOK_DLQ_URL", self.url(topology::WEBHOOKS_DLQ)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            urls: topology::ALL
                .iter()
                .map(|queue| (queue.name, format!("http://sqs/{}", queue.name)))
                .collect(),
        }
    }
}

/// Makes what is missing: the table, the queues and the secrets.
pub(crate) async fn provision(
    engine: &Engine,
    clients: &Clients,
    ambient: &Ambient,
) -> Result<Resources, StartError> {
    store::schema::create(&clients.dynamodb(), TABLE).await?;
    let urls = topology::create(&clients.sqs(), "").await?;
    let random = || {
        let mut bytes = [0; 32];
        ambient.entropy().fill(&mut bytes);
        to_base64(&bytes)
    };
    let signs_webhooks = fresh_secret(ambient.entropy());
    for (id, text) in [(AUTH_SECRET, random()), (DATA_SECRET, random()), (WEBHOOK_SECRET, signs_webhooks)] {
        engine.set_secret_if_absent(id, &serde_json::json!({ "current": text }).to_string()).await?;
    }
    Ok(Resources { urls })
}

/// The functions.
pub(crate) struct Parts {
    auth: auth::App,
    jobs: jobs::App,
    run: run::App,
    endpoints: endpoints::App,
    worker: worker::Worker,
    webhook: webhook::Webhook,
    dead_letter: deadletter::DeadLetter,
    scheduler: Arc<scheduler::Scheduler>,
    cors: CorsPolicy,
    recorded: PrometheusHandle,
    ambient: Ambient,
}

impl Parts {
    /// Reads every function's settings, and tells of every fault at once.
    pub(crate) fn new(
        ways: &Ways,
        ambient: &Ambient,
        vars: &mut Vars,
        recorded: PrometheusHandle,
    ) -> Result<Self, ConfigError> {
        let (auth_config, jobs_config) = (auth::Config::read(vars), jobs::Config::read(vars));
        let (run_config, worker_config) = (run::Config::read(vars), worker::Config::read(vars));
        let (webhook_config, dead_config) = (webhook::Config::read(vars), deadletter::Config::read(vars));
        let (scheduler_config, cors) = (scheduler::Config::read(vars), CorsPolicy::read(vars));
        let endpoints_config = endpoints::Config::read(vars);
        vars.finish()?;
        // A cache for each function, as each has in a Lambda of its own.
        let secret = |function, id: &str| {
            let client = ways.of(function).secrets_manager();
            Arc::new(SecretCache::new(client, id, Arc::clone(&ambient.clock)))
        };
        let both = |function| (secret(function, AUTH_SECRET), secret(function, DATA_SECRET));
        let (auth, data) = both("jobs");
        let secrets = jobs::SecretCaches { auth, data };
        let (auth, data) = both("endpoints");
        let of_endpoints = endpoints::SecretCaches { auth, data };
        let present = || ambient.clone();
        let (worker, dead_letter) = (ways.of("worker"), ways.of("deadletter"));
        Ok(Self {
            auth: auth::App::new(&ways.of("auth"), secret("auth", AUTH_SECRET), auth_config, present()),
            jobs: jobs::App::new(&ways.of("jobs"), secrets, jobs_config, present()),
            run: run::App::new(&ways.of("run"), secret("run", AUTH_SECRET), run_config, present()),
            endpoints: endpoints::App::new(&ways.of("endpoints"), of_endpoints, endpoints_config, present()),
            worker: worker::Worker::new(&worker, worker_config, present()),
            webhook: webhook::Webhook::new(
                &ways.of("webhook"),
                secret("webhook", DATA_SECRET),
                webhook_config,
                present(),
            ),
            dead_letter: deadletter::DeadLetter::new(&dead_letter, dead_config, present()),
            scheduler: Arc::new(scheduler::Scheduler::new(
                &ways.of("scheduler"),
                scheduler_config,
                present(),
            )),
            cors,
            recorded,
            ambient: ambient.clone(),
        })
    }

    /// The function that a rule of EventBridge would call.
    pub(crate) fn scheduler(&self) -> Arc<scheduler::Scheduler> {
        Arc::clone(&self.scheduler)
    }

    /// The routes of all HTTP functions, as API Gateway would lead to them, and those of this machine alone.
    pub(crate) fn routes(&self, engine: &Engine, listens_on: SocketAddr) -> Router {
        edge::router::finish(self.bare_routes(engine, listens_on), self.cors.clone())
    }

    /// The same for whoever connects, if they call it by one of these names.
    pub(crate) fn served(&self, engine: &Engine, listens_on: SocketAddr, hosts: Hosts) -> Router {
        let bare = self.bare_routes(engine, listens_on);
        edge::router::finish_behind(bare, self.cors.clone(), move |request| hosts.admit(request))
    }

    fn bare_routes(&self, engine: &Engine, listens_on: SocketAddr) -> Router {
        let home = Router::new().route("/", get(|| async { Redirect::to("/docs") }));
        auth::routes(self.auth.clone())
            .merge(jobs::routes(self.jobs.clone()))
            .merge(run::routes(self.run.clone()))
            .merge(endpoints::routes(self.endpoints.clone()))
            .merge(crate::outbox::routes(engine.clone(), Privacy::new(listens_on)))
            .merge(prometheus::routes(self.recorded.clone(), Privacy::new(listens_on)))
            .merge(home)
    }

    /// Starts the event source mappings of all queue functions. Each priority has its own, so that a flood of
    /// one does not hold up another.
    pub(crate) fn map_events(
        &self,
        engine: &Engine,
        ways: &Ways,
        resources: &Resources,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        let start = |queue: Queue, function: &'static str, concurrency: usize, handle: Handle| {
            let mapping = Mapping {
                queue_url: resources.url(queue),
                function: function.to_owned(),
                batch_size: 10,
                maximum_concurrency: concurrency,
                timeout: Duration::from_secs(60),
            };
            let (engine, sqs, stop) = (engine.clone(), ways.of(function).sqs(), stop.clone());
            let ambient = self.ambient.clone();
            tasks.spawn(async move {
                let handler = move |event| {
                    let span = invocation::span(function, &ambient);
                    span.in_scope(|| handle(event)).instrument(span)
                };
                mapping.run(&engine, sqs, handler, stop.cancelled_owned()).await;
            });
        };
        for (queue, concurrency) in
            [(topology::JOBS_HIGH, 8), (topology::JOBS_MEDIUM, 4), (topology::JOBS_LOW, 4)]
        {
            let worker = self.worker.clone();
            start(
                queue,
                "worker",
                concurrency,
                handle(move |event| {
                    let worker = worker.clone();
                    async move { worker.handle(event).await }
                }),
            );
        }
        let webhook = self.webhook.clone();
        start(
            topology::WEBHOOKS,
            "webhook",
            8,
            handle(move |event| {
                let webhook = webhook.clone();
                async move { webhook.handle(event).await }
            }),
        );
        let dead_letter = self.dead_letter.clone();
        start(
            topology::JOBS_DLQ,
            "deadletter",
            2,
            handle(move |event| {
                let dead_letter = dead_letter.clone();
                async move { dead_letter.handle(event).await }
            }),
        );
    }
}

type Answer = Result<aws_lambda_events::event::sqs::SqsBatchResponse, HandlerError>;
type Handle = Box<dyn Fn(SqsEvent) -> futures::future::BoxFuture<'static, Answer> + Send + Sync>;

fn handle<H, F>(handler: H) -> Handle
where
    H: Fn(SqsEvent) -> F + Send + Sync + 'static,
    F: Future<Output = aws_lambda_events::event::sqs::SqsBatchResponse> + Send + 'static,
{
    Box::new(move |event| {
        let running = handler(event);
        Box::pin(async move { Ok(running.await) })
    })
}

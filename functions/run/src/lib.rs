//! Starting and stopping jobs: `run`, `rerun` and `cancel`, and `pause` and `resume` of their schedules; and what an
//! administrator does about those that were given up.

mod cancel;
mod config;
mod dead;
mod rest;
mod start;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use boot::clients::Clients;
use boot::{Ambient, SecretCache, Vars};
use domain::id::JobId;
use domain::job::Job;
use domain::life::Present;
use edge::described::Collects;
use edge::rate::{Limit, Standing};
use edge::{Answer, Caller, Code, HasSessions, Problem, Sessions, routes};
use queue::{DeadLetters, JobQueues, QueueError, WebhookQueues};
use store::{Replaced, Store};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use config::{ACTIONS, Config, VARIABLES};

/// Every method and path that it answers, besides the same under `/api`.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/jobs/{id}/run"),
    ("POST", "/run-job/{id}"),
    ("POST", "/jobs/{id}/rerun"),
    ("POST", "/jobs/{id}/cancel"),
    ("POST", "/jobs/{id}/pause"),
    ("POST", "/jobs/{id}/resume"),
    ("GET", "/admin/dead-letters"),
    ("POST", "/admin/dead-letters/redrive"),
];

/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 3;
/// A write that comes later than this may find that what announced it, which looks for it for 72 seconds, was dropped.
const LATE: std::time::Duration = std::time::Duration::from_secs(20);

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    sessions: Sessions,
    jobs: JobQueues,
    webhooks: WebhookQueues,
    dead: DeadLetters,
    config: Arc<Config>,
}

impl HasSessions for App {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl App {
    /// The function with these clients.
    pub fn new(clients: &Clients, secrets: Arc<SecretCache>, config: Config, ambient: Ambient) -> Self {
        let [high, medium, low] = config.job_queues.clone();
        let store = Store::new(clients.dynamodb(), &config.table).with_shards(config.shards);
        Self {
            sessions: Sessions::new(store, secrets, ambient),
            jobs: JobQueues::new(clients.sqs(), high, medium, low),
            dead: DeadLetters::new(clients.sqs(), config.webhook_dead.clone(), config.webhook_queue.clone()),
            webhooks: WebhookQueues::new(clients.sqs(), config.webhook_queue.clone()),
            config: Arc::new(config),
        }
    }

    fn store(&self) -> &Store {
        self.sessions.store()
    }

    fn ambient(&self) -> &Ambient {
        self.sessions.ambient()
    }

    /// The job, if it is the caller's or the caller is an admin; somebody else's job is as good as none.
    async fn own_job(&self, caller: &Caller, id: JobId) -> Answer<Job> {
        boot::trace::about(id);
        let job = self.store().job(id, self.ambient().now()).await?;
        job.filter(|job| job.user_id == caller.user.id || caller.is_admin())
            .ok_or_else(|| Problem::not_found("job"))
    }

    /// Counts a run that the caller starts, or answers 429.
    async fn count_run(&self, caller: &Caller) -> Answer<Standing> {
        let limit = Limit { scope: "run", max: self.config.limit, window: self.config.window };
        limit.count(self.store(), &caller.user.id.to_string(), self.ambient().now()).await
    }

    /// The present, and how long what ends in it is kept.
    fn present(&self) -> Present {
        Present { now: self.ambient().now(), keep: self.config.retention }
    }

    async fn replace(&self, job: &Job, next: &Job) -> Answer<Replaced> {
        Ok(self.store().replace_seen(job, next, self.config.retention).await?)
    }
}

/// The routes.
pub fn routes(app: App) -> Router {
    described::<Router<App>>().with_state(app)
}

/// What the routes say of themselves.
pub fn openapi() -> OpenApi {
    described::<OpenApiRouter<App>>().into_openapi()
}

fn described<R: Collects<App>>() -> R {
    R::default()
        .routes(routes!(start::run))
        .route("/run-job/{id}", post(start::run))
        .routes(routes!(start::rerun))
        .routes(routes!(cancel::cancel))
        .routes(routes!(rest::pause))
        .routes(routes!(rest::resume))
        .routes(routes!(dead::look::look))
        .routes(routes!(dead::redrive::redrive))
}

/// The function as the process's environment describes it.
pub async fn init() -> Result<Router, boot::config::ConfigError> {
    let mut vars = Vars::from_process();
    let config = Config::read(&mut vars);
    vars.finish()?;
    let (clients, ambient) = (Clients::from_environment().await, Ambient::system());
    let secrets =
        SecretCache::new(clients.secrets_manager(), &config.auth_secret, Arc::clone(&ambient.clock));
    let cors = config.cors.clone();
    Ok(edge::router::finish(routes(App::new(&clients, Arc::new(secrets), config, ambient)), cors))
}

/// The queue could not be reached: nothing has changed yet, so the caller may ask again.
fn queue_failed(error: QueueError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "a queue failed");
    Problem::unavailable()
}

/// Others kept writing the job.
fn too_many_races() -> Problem {
    Problem::new(Code::Conflict, "others kept changing the job at the same time; read it and try again")
}

//! Jobs over HTTP: create, read, list, change and delete them, and all that their owner may know of them:
//! logs, deliveries, and the secret that signs their webhooks.

mod alike;
mod answer;
mod batch;
mod change;
mod config;
mod create;
mod delete;
mod deliveries;
mod docs;
mod draft;
mod filter;
mod list;
mod members;
mod public;
mod read;
mod routes;
mod runs;
mod schedules;
mod secrets;
mod webhook_test;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use boot::clients::Clients;
use boot::config::ConfigError;
use boot::{Ambient, SecretCache, Vars, Vault};
use domain::id::{JobId, UserId};
use domain::job::Job;
use domain::life::Present;
use edge::{Answer, Caller, Code, HasSessions, Problem, Sessions};
use queue::{JobQueues, QueueError};
use store::Store;

pub use config::{ACTIONS, Config, VARIABLES};
pub use routes::{ROUTES, openapi, routes};

/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 3;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    sessions: Sessions,
    queues: JobQueues,
    vault: Vault,
    deployment: Option<Arc<SecretCache>>,
    config: Arc<Config>,
}

/// The secrets that the function needs: one to believe tokens, one to open what the table keeps sealed.
#[derive(Clone, Debug)]
pub struct SecretCaches {
    /// What signs tokens and cursors.
    pub auth: Arc<SecretCache>,
    /// What seals secrets in the table.
    pub data: Arc<SecretCache>,
}

impl App {
    /// The function with these clients.
    pub fn new(clients: &Clients, secrets: SecretCaches, config: Config, ambient: Ambient) -> Self {
        let [high, medium, low] = config.job_queues.clone();
        let store = Store::new(clients.dynamodb(), &config.table).with_shards(config.shards);
        let deployment = config.webhook_secret.clone();
        let deployment = deployment.map(|secret| secret.cache(clients, Arc::clone(&ambient.clock)));
        Self {
            vault: Vault::new(secrets.data, Arc::clone(&ambient.entropy)),
            sessions: Sessions::new(store, secrets.auth, ambient),
            queues: JobQueues::new(clients.sqs(), high, medium, low),
            deployment: deployment.map(Arc::new),
            config: Arc::new(config),
        }
    }

    fn store(&self) -> &Store {
        self.sessions.store()
    }

    fn ambient(&self) -> &Ambient {
        self.sessions.ambient()
    }

    /// The present, and how long what ends in it is kept.
    fn present(&self) -> Present {
        Present { now: self.ambient().now(), keep: self.config.retention }
    }

    /// The job, if it is the caller's or the caller is an admin; somebody else's job is as good as none.
    async fn own_job(&self, caller: &Caller, id: JobId) -> Answer<Job> {
        boot::trace::about(id);
        let job = self.store().job(id, self.ambient().now()).await?;
        job.filter(|job| may_see(caller, job)).ok_or_else(|| Problem::not_found("job"))
    }
}

impl HasSessions for App {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App(..)")
    }
}

/// The function as the process's environment describes it.
pub async fn init() -> Result<Router, ConfigError> {
    let mut vars = Vars::from_process();
    let config = Config::read(&mut vars);
    vars.finish()?;
    let (clients, ambient) = (Clients::from_environment().await, Ambient::system());
    let cache =
        |id: &str| Arc::new(SecretCache::new(clients.secrets_manager(), id, Arc::clone(&ambient.clock)));
    let secrets = SecretCaches { auth: cache(&config.auth_secret), data: cache(&config.data_secret) };
    let cors = config.cors.clone();
    Ok(edge::router::finish(routes(App::new(&clients, secrets, config, ambient)), cors))
}

fn may_see(caller: &Caller, job: &Job) -> bool {
    job.user_id == caller.user.id || caller.is_admin()
}

/// Whose records a request is about: the caller's own, or those of the user that an admin names.
fn owner(caller: &Caller, named: Option<UserId>, place: &str) -> Answer<UserId> {
    match named {
        Some(other) if other != caller.user.id && !caller.is_admin() => {
            Err(Problem::at_with(Code::Forbidden, place, "is another user: only an admin may name one"))
        }
        named => Ok(named.unwrap_or(caller.user.id)),
    }
}

/// The queue could not be reached: nothing has changed yet, so the caller may ask again.
fn queue_failed(error: QueueError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "a queue failed");
    Problem::unavailable()
}

/// Others kept writing the record.
fn too_many_races() -> Problem {
    Problem::new(Code::Conflict, "others kept changing it at the same time; read it and try again")
}

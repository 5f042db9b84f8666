//! Webhook endpoints over HTTP: create, read, change and delete them, exchange their secrets, try them, and have
//! deliveries sent again.

mod answer;
mod caller;
mod change;
mod config;
mod create;
mod delete;
mod headers;
mod members;
mod read;
mod redeliver;
mod rotate;
mod trial;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use boot::clients::Clients;
use boot::config::ConfigError;
use boot::{Ambient, SecretCache, Vars, Vault};
use domain::endpoint::Endpoint;
use domain::id::EndpointId;
use edge::described::Collects;
use edge::{Answer, Caller, Code, HasSessions, Problem, Sessions, routes};
use queue::{QueueError, WebhookQueues};
use store::Store;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use config::{ACTIONS, Config, VARIABLES};

/// Every method and path that it answers, besides the same under `/api`.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/webhooks"),
    ("GET", "/webhooks"),
    ("GET", "/webhooks/{id}"),
    ("PATCH", "/webhooks/{id}"),
    ("DELETE", "/webhooks/{id}"),
    ("POST", "/webhooks/{id}/rotate"),
    ("POST", "/webhooks/{id}/test"),
    ("POST", "/jobs/{id}/deliveries/{deliveryId}/redeliver"),
    ("POST", "/deliveries/redeliver"),
];

/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 3;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    sessions: Sessions,
    vault: Vault,
    queues: WebhookQueues,
    egress: egress::Client,
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
        let store = Store::new(clients.dynamodb(), &config.table);
        Self {
            vault: Vault::new(secrets.data, Arc::clone(&ambient.entropy)),
            sessions: Sessions::new(store, secrets.auth, ambient),
            queues: WebhookQueues::new(clients.sqs(), config.webhook_queue.clone()),
            egress: egress::Client::new(egress::Options {
                allow: config.allow.clone(),
                ..Default::default()
            }),
            config: Arc::new(config),
        }
    }

    fn store(&self) -> &Store {
        self.sessions.store()
    }

    fn ambient(&self) -> &Ambient {
        self.sessions.ambient()
    }

    /// The endpoint, if it is the caller's: an admin, too, has no business with another's secrets.
    async fn own(&self, caller: &Caller, id: EndpointId) -> Answer<Endpoint> {
        let found = self.store().endpoint(caller.user.id, id).await?;
        found.ok_or_else(|| Problem::not_found("webhook endpoint"))
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
        .routes(routes!(create::create, read::list))
        .routes(routes!(read::one, change::change, delete::delete))
        .routes(routes!(rotate::rotate))
        .routes(routes!(trial::test))
        .routes(routes!(redeliver::one::redeliver))
        .routes(routes!(redeliver::many::redeliver))
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

/// The queue could not be reached: nothing has changed yet, so the caller may ask again.
fn queue_failed(error: QueueError) -> Problem {
    tracing::error!(error = &error as &dyn std::error::Error, "a queue failed");
    Problem::unavailable()
}

/// Others kept writing the endpoint.
fn too_many_races() -> Problem {
    Problem::new(Code::Conflict, "others kept changing it at the same time; read it and try again")
}

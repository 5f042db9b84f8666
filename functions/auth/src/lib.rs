//! Accounts: register, log in, log out, the own profile and API keys, and for admins the list of users.

mod config;
mod keys;
mod login;
mod password;
mod profile;
mod prove;
mod register;
mod session;
mod users;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use boot::clients::Clients;
use boot::{Ambient, SecretCache, Vars};
use edge::described::Collects;
use edge::{HasSessions, Sessions, routes};
use queue::JobQueues;
use store::Store;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

pub use config::{ACTIONS, Config, VARIABLES};

use crate::password::Hasher;

/// Every method and path that it answers, besides the same under `/api`.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/register"),
    ("POST", "/users/register"),
    ("POST", "/login"),
    ("POST", "/users/login"),
    ("POST", "/logout"),
    ("POST", "/users/logout"),
    ("GET", "/profile"),
    ("GET", "/user"),
    ("GET", "/users/profile"),
    ("PATCH", "/profile"),
    ("PUT", "/profile"),
    ("DELETE", "/profile"),
    ("POST", "/profile/password"),
    ("POST", "/keys"),
    ("GET", "/keys"),
    ("DELETE", "/keys/{id}"),
    ("GET", "/users"),
];

/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 3;

/// What the handlers share.
#[derive(Clone)]
pub struct App {
    sessions: Sessions,
    hasher: Hasher,
    queues: JobQueues,
    config: Arc<Config>,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("App(..)")
    }
}

impl HasSessions for App {
    fn sessions(&self) -> &Sessions {
        &self.sessions
    }
}

impl App {
    /// The function with these clients.
    pub fn new(clients: &Clients, secrets: Arc<SecretCache>, config: Config, ambient: Ambient) -> Self {
        let store = Store::new(clients.dynamodb(), &config.table);
        // All that goes out from here goes to one queue.
        let low = &config.low_queue;
        Self {
            sessions: Sessions::new(store, secrets, ambient),
            hasher: Hasher::new(config.password_min_score),
            queues: JobQueues::new(clients.sqs(), low.clone(), low.clone(), low.clone()),
            config: Arc::new(config),
        }
    }

    fn store(&self) -> &Store {
        self.sessions.store()
    }

    fn ambient(&self) -> &Ambient {
        self.sessions.ambient()
    }
}

/// The routes.
pub fn routes(app: App) -> Router {
    described::<Router<App>>().with_state(app)
}

/// What the canonical routes say of themselves.
pub fn openapi() -> OpenApi {
    described::<OpenApiRouter<App>>().into_openapi()
}

fn described<R: Collects<App>>() -> R {
    R::default()
        .routes(routes!(register::register))
        .routes(routes!(login::login))
        .routes(routes!(session::logout))
        .routes(routes!(profile::profile, profile::patch, profile::put, profile::delete))
        .routes(routes!(profile::change_password))
        .routes(routes!(keys::create, keys::list))
        .routes(routes!(keys::revoke))
        .routes(routes!(users::list))
        .route("/users/register", post(register::register))
        .route("/users/login", post(login::login))
        .route("/users/logout", post(session::logout))
        .route("/user", get(profile::profile))
        .route("/users/profile", get(profile::profile))
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

//! The whole system in one process: the same routes that the Lambdas serve, the same handlers behind the same
//! event source mappings, on engines inside the process.
//!
//! Nothing here recovers anything: what survives the end of this process survives it by the protocol that
//! holds in the cloud too.

pub mod cli;
pub mod clock;
pub mod demo;
pub mod engines;
pub mod health;
mod hosts;
mod invocation;
pub mod openapi;
pub mod outbound;
mod outbox;
mod parts;
mod prometheus;
mod serve;
pub mod settings;
mod ticker;
mod variables;
mod ways;
pub mod welcome;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use boot::Vars;
use boot::clients::Clients;
use boot::config::ConfigError;
use boot::secrets::SecretError;
use engine::{Engine, EngineError, OpenError};
use metrics_exporter_prometheus::BuildError;
use queue::QueueError;
use store::StoreError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hosts::Hosts;
use crate::outbound::Outbound;
use crate::ways::Ways;
pub use settings::Settings;

/// How often expired items are swept; DynamoDB itself takes hours to days.
const SWEEP: Duration = Duration::from_secs(300);

/// Why the system does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be used.
    #[error(transparent)]
    Engine(#[from] OpenError),
    /// A secret cannot be made.
    #[error(transparent)]
    Secret(#[from] EngineError),
    /// The secret of the deployment's webhooks cannot be read.
    #[error("what signs the deployment's webhooks cannot be told")]
    Signer(#[from] SecretError),
    /// The table cannot be made.
    #[error("the table cannot be made")]
    Table(#[from] StoreError),
    /// The queues cannot be made.
    #[error("the queues cannot be made")]
    Queues(#[from] QueueError),
    /// The calls cannot be written down.
    #[error("cannot write down the calls in {}", .0.display())]
    Calls(PathBuf, #[source] std::io::Error),
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// What is measured cannot be kept.
    #[error("what is measured cannot be kept")]
    Metrics(#[from] BuildError),
    /// The port is taken, or may not be used.
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] std::io::Error),
}

/// The system, running.
pub struct System {
    address: SocketAddr,
    engine: Engine,
    routes: Router,
    outbound: Option<Outbound>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl System {
    /// Opens the engines, makes what is missing in them, and starts everything.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        let ambient = settings.ambient();
        let options = engine::Options { data_dir: settings.data_dir(), clock: Arc::clone(&ambient.clock) };
        let engine = Engine::open(options)?;
        let clients = Clients::from_config(&engine.sdk_config());
        let listener = serve::listen(settings.address()).await?;
        let address = listener.local_addr().map_err(|e| StartError::Listen(settings.address(), e))?;

        let resources = parts::provision(&engine, &clients, &ambient).await?;
        let mut vars = variables::all(Vars::from_process(), settings, address, &resources);
        let hosts = Hosts::new(address, vars.text("PUBLIC_URL").as_deref());
        let ways = Ways::new(&engine, settings.calls.as_deref())
            .map_err(|error| StartError::Calls(settings.calls.clone().unwrap_or_default(), error))?;
        let recorded = prometheus::install()?;
        let parts = parts::Parts::new(&ways, &ambient, &mut vars, recorded.clone())?;
        let outbound = Outbound::find(&mut vars, &clients, Arc::clone(&ambient.clock)).await?;

        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        parts.map_events(&engine, &ways, &resources, &stop, &tasks);
        tasks.spawn(ticker::run(parts.scheduler(), ambient.clone(), stop.clone()));
        tasks.spawn(sweep(engine.clone(), stop.clone()));
        tasks.spawn(prometheus::keep(recorded, stop.clone()));
        if settings.clock.is_some() {
            tasks.spawn(clock::tick(engine.clone(), stop.clone()));
        }
        let routes = parts.routes(&engine, address);
        let served = parts.served(&engine, address, hosts);
        tasks.spawn(serve::serve(listener, served, stop.clone()));
        tasks.close();
        Ok(Self { address, engine, routes, outbound, stop, tasks })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The engines.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What its user must know to believe the webhooks of the deployment, if there are any.
    pub fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_ref()
    }

    /// The routes, to be called without a socket: by whatever name, or none.
    pub fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Takes no more requests and messages, lets those that are on finish, and ends.
    pub async fn drain(self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

async fn sweep(engine: Engine, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(SWEEP) => {}
        }
        let engine = engine.clone();
        match tokio::task::spawn_blocking(move || engine.sweep_ttl()).await {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!(count, "expired items were swept"),
            Ok(Err(error)) => tracing::warn!(error = &error as &dyn std::error::Error, "the sweep failed"),
            Err(error) => tracing::warn!(%error, "the sweep died"),
        }
    }
}

//! The function that delivers webhooks: it signs each message of the queue, sends it, and writes down what
//! came back.
//!
//! Delivery is at least once, and every copy of a notification carries the same `webhook-id`. What there is to
//! do about a message the record decides, never the message or how often it was received. [`deliver`] tells
//! what a lost race, a lost answer or a crash leaves behind.

mod alike;
mod config;
mod decide;
mod deliver;
mod learn;
mod pace;
mod signers;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::clients::Clients;
use boot::config::ConfigError;
use boot::{Ambient, SecretCache, Vars};
use domain::message::Deliver;
use queue::{JobQueues, Source, WebhookQueues, drive};
use store::Store;

pub use config::{ACTIONS, Config, VARIABLES};

use crate::alike::Alike;
use crate::deliver::Courier;
use crate::signers::Signers;

/// The function, ready for events.
#[derive(Clone, Debug)]
pub struct Webhook {
    courier: Arc<Courier>,
    source: Source,
}

/// The function as this process' environment describes it; starts the log.
pub async fn init() -> Result<Webhook, ConfigError> {
    boot::telemetry::init();
    let mut vars = Vars::from_process();
    let config = Config::read(&mut vars);
    vars.finish()?;
    let (clients, ambient) = (Clients::from_environment().await, Ambient::system());
    let data = SecretCache::new(clients.secrets_manager(), &config.data_secret, ambient.clock.clone());
    Ok(Webhook::new(&clients, Arc::new(data), config, ambient))
}

impl Webhook {
    /// The function with these clients; `data` holds the key that sealed the secrets in the table.
    pub fn new(clients: &Clients, data: Arc<SecretCache>, config: Config, ambient: Ambient) -> Self {
        let options = egress::Options { allow: config.allow.clone(), ..Default::default() };
        Self::through(egress::Client::new(options), clients, data, config, ambient)
    }

    /// As [`new`](Self::new), with this client for the way out.
    pub fn through(
        egress: egress::Client,
        clients: &Clients,
        data: Arc<SecretCache>,
        config: Config,
        ambient: Ambient,
    ) -> Self {
        let store = Store::new(clients.dynamodb(), config.table);
        let queues = WebhookQueues::new(clients.sqs(), config.queue_url.clone()).with_dead(config.dead_url);
        let deployment = config.secret.map(|secret| secret.cache(clients, Arc::clone(&ambient.clock)));
        let low = &config.low_queue_url;
        let courier = Courier {
            signers: Signers::new(data, deployment, ambient.clone()),
            store,
            queues,
            jobs: JobQueues::new(clients.sqs(), low.clone(), low.clone(), low.clone()),
            egress,
            steps: config.steps,
            retention: config.retention,
            disable_after: config.disable_after,
            ambient,
        };
        Self { courier: Arc::new(courier), source: Source::new(clients.sqs(), [config.queue_url]) }
    }

    /// Handles a batch; what the answer names comes again.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let (courier, alike) = (Arc::clone(&self.courier), Alike::of(event.records.len()));
        drive(event, &self.source, move |message: Deliver, receives| {
            let (courier, alike) = (Arc::clone(&courier), alike.clone());
            async move {
                let _place = alike.join();
                courier.handle(&message, receives, &alike).await
            }
        })
        .await
    }
}

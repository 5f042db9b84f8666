//! A table, the queues and the secrets on an engine in memory, with a clock of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use boot::Ambient;
use boot::clients::Clients;
use boot::secrets::{SecretCache, Secrets};
use domain::seal::SealKey;
use domain::time::{Clock, Moment};
use engine::Engine;
use serde_dynamo::aws_sdk_dynamodb_1::from_item;
use serde_json::Value;
use store::Store;

use crate::{Faults, Journal, ManualClock, Seeded};

/// The table's name.
pub const TABLE: &str = "nightjar";
/// What signs tokens.
const AUTH_SECRET: &str = "a-signing-secret-for-tests-of-more-than-32-bytes";
/// What seals secrets.
const DATA_SECRET: &str = "a-sealing-secret-for-tests-of-more-than-32-bytes";

/// All that a function needs, on one engine.
pub struct Bed {
    /// The engine.
    pub engine: Engine,
    /// Its clock, and that of all parts.
    pub clock: Arc<ManualClock>,
    /// The clock and a randomness that repeats.
    pub ambient: Ambient,
    /// What can go wrong between the parts and the engine.
    pub faults: Faults,
    /// Every version of a job that was written.
    pub journal: Journal,
    urls: HashMap<&'static str, String>,
}

impl Bed {
    /// A fresh bed. It begins on 2026-03-01.
    ///
    /// # Panics
    /// If the engine does not come up: no test could go on.
    #[allow(clippy::unwrap_used, reason = "a test without an engine has failed")]
    pub async fn new() -> Self {
        let clock = Arc::new(ManualClock::at(Moment::from_millis(1_772_323_200_000)));
        let engine = Engine::open(engine::Options { data_dir: None, clock: clock.clone() }).unwrap();
        let journal = Journal::new(engine.connector());
        let faults = Faults::new(journal.clone());
        let clients = Clients::from_config(&engine.sdk_config());
        store::schema::create(&clients.dynamodb(), TABLE).await.unwrap();
        let urls = queue::topology::create(&clients.sqs(), "").await.unwrap();
        let ambient = Ambient { clock: clock.clone(), entropy: Arc::new(Seeded::new(7)) };
        Self { engine, clock, ambient, faults, journal, urls }
    }

    /// Clients that go through the faults.
    pub fn clients(&self) -> Clients {
        Clients::from_config(&self.engine.sdk_config_with(SharedHttpClient::new(self.faults.clone())))
    }

    /// Clients that nothing goes wrong with.
    pub fn sound_clients(&self) -> Clients {
        Clients::from_config(&self.engine.sdk_config_with(SharedHttpClient::new(self.journal.clone())))
    }

    /// The table, without faults.
    pub fn store(&self) -> Store {
        Store::new(self.sound_clients().dynamodb(), TABLE)
    }

    /// All items of the table, or of one of its indexes, as plain JSON: a number is a number, a text a text.
    ///
    /// # Panics
    /// If the table cannot be read: no test could go on.
    #[allow(clippy::unwrap_used, reason = "a test that cannot read the table has failed")]
    pub async fn rows(&self, index: Option<&str>) -> Vec<Value> {
        let scan = self.sound_clients().dynamodb().scan().table_name(TABLE);
        let mut pages = scan.set_index_name(index.map(str::to_owned)).into_paginator().send();
        let mut rows = Vec::new();
        while let Some(page) = pages.next().await {
            let items = page.unwrap().items.unwrap_or_default();
            rows.extend(items.into_iter().map(|item| from_item::<Value>(item).unwrap()));
        }
        rows
    }

    /// The secrets that sign tokens.
    pub fn auth_secrets(&self) -> Arc<SecretCache> {
        Arc::new(SecretCache::fixed(Secrets::of(AUTH_SECRET), self.clock.clone()))
    }

    /// The secrets that seal.
    pub fn data_secrets(&self) -> Arc<SecretCache> {
        Arc::new(SecretCache::fixed(Secrets::of(DATA_SECRET), self.clock.clone()))
    }

    /// The key made of the secrets that seal.
    pub fn seal_key(&self) -> SealKey {
        SealKey::from_secret(DATA_SECRET)
    }

    /// The URL of a queue, by its name in `queue::topology`.
    pub fn queue(&self, name: &str) -> String {
        self.urls.get(name).cloned().unwrap_or_default()
    }

    /// The URLs of the job queues: high, medium, low.
    pub fn job_queues(&self) -> [String; 3] {
        [queue::topology::JOBS_HIGH, queue::topology::JOBS_MEDIUM, queue::topology::JOBS_LOW]
            .map(|queue| self.queue(queue.name))
    }

    /// The variables of every function, as they are here.
    pub fn vars(&self) -> HashMap<String, String> {
        let [high, medium, low] = self.job_queues();
        let all = [
            ("TABLE_NAME", TABLE.to_owned()),
            ("AUTH_SECRET_ID", "auth".to_owned()),
            ("DATA_SECRET_ID", "data".to_owned()),
            ("JOBS_HIGH_QUEUE_URL", high),
            ("JOBS_MEDIUM_QUEUE_URL", medium),
            ("JOBS_LOW_QUEUE_URL", low),
            ("JOBS_DLQ_URL", self.queue(queue::topology::JOBS_DLQ.name)),
            ("WEBHOOK_QUEUE_URL", self.queue(queue::topology::WEBHOOKS.name)),
            ("WEBHOOK_DLQ_URL", self.queue(queue::topology::WEBHOOKS_DLQ.name)),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The present.
    pub fn now(&self) -> Moment {
        self.clock.now()
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.engine.clock_moved();
    }
}

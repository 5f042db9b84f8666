//! A copy of the table that lags behind: what DynamoDB answers a read that is only eventually consistent, and all its
//! indexes.

use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use engine::{Engine, Options};

use crate::{Bed, Journal, TABLE};

/// A second engine with the same table, to which the writes of a bed come later and in their order.
pub struct Replica {
    connector: SharedHttpConnector,
    journal: Journal,
}

impl Replica {
    /// A copy to which nothing that was written to the bed has come yet.
    ///
    /// # Panics
    /// If the engine does not come up: no test could go on.
    #[allow(clippy::unwrap_used, reason = "a test without an engine has failed")]
    pub async fn new(bed: &Bed) -> Self {
        let engine = Engine::open(Options { data_dir: None, clock: Arc::clone(&bed.clock) as _ }).unwrap();
        let client = aws_sdk_dynamodb::Client::new(&engine.sdk_config());
        store::schema::create(&client, TABLE).await.unwrap();
        Self { connector: SharedHttpConnector::new(engine.connector()), journal: bed.journal.clone() }
    }

    /// By how many writes it is behind.
    pub fn lag(&self) -> usize {
        self.journal.untaken()
    }

    /// Takes over the next writes, at most so many.
    ///
    /// # Panics
    /// If a write that the table took is refused here.
    pub async fn follow(&self, most: usize) {
        for write in self.journal.take_writes(most) {
            let answer = self.connector.call(write).await;
            assert!(answer.is_ok_and(|answer| answer.status().is_success()), "the replica refuses a write");
        }
    }

    /// Answers a read with what it has.
    pub(crate) fn read(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.connector.call(request)
    }
}

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Replica")
    }
}

//! The one DynamoDB table: what stands under which key, and every read and conditional write of it.
//!
//! Each write of a job replaces the whole record under the condition that it still has the version that the
//! writer saw. A write is billed by the item's size and not by what it changes, so that costs nothing, and the
//! index keys cannot disagree with the status and priority they are made of. What a race or a crash leaves
//! behind is told where the write stands.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

mod accounts;
mod api_keys;
mod cells;
mod create;
mod deliveries;
mod due;
mod endpoints;
mod error;
mod health;
mod job_item;
mod jobs;
mod keys;
mod lists;
mod notices;
mod purge;
mod rates;
mod replace;
mod runs;
mod scan;
pub mod schema;
mod sessions;
mod users;

pub use accounts::UserPage;
pub use api_keys::KeyMade;
pub use create::{Claimed, Created, IdempotencyKey, NewJob};
pub use deliveries::{DeliveryContext, DeliveryFilter, DeliveryPage};
pub use due::{CHECK_BACK, DueCursor, DuePage, DueRow, GivenUp, NotShards, Shards};
pub use endpoints::EndpointMade;
pub use error::StoreError;
pub use health::Turn;
pub use jobs::JobAndAll;
pub use lists::{JobPage, Total};
pub use rates::{Count, Hold, Window};
pub use replace::Replaced;
pub use runs::RunPage;
pub use scan::{AllJobs, ScanPlace};
pub use sessions::Session;
pub use users::CreateUserError;

/// A record as DynamoDB has it.
pub(crate) type Item = std::collections::HashMap<String, AttributeValue>;

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: Arc<str>,
    shards: Shards,
}

impl Store {
    /// The table of that name, spoken to by that client.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into().into(), shards: Shards::default() }
    }

    /// With another number of shards of what falls due. Rows that another setting has placed stay where they
    /// are until their jobs are written again.
    #[must_use]
    pub fn with_shards(self, shards: Shards) -> Self {
        Self { shards, ..self }
    }

    pub(crate) fn table(&self) -> &str {
        &self.table
    }
}

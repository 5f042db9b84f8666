//! DynamoDB, SQS, Secrets Manager and SES inside one process.
//!
//! The real AWS SDK talks to them through its HTTP connector, without a socket: what the product runs on a
//! laptop and what its tests run against. The table is dynoxide's, secrets and mail are winterbaume's, and
//! the queues are ours: what is sent survives `kill -9`, delayed and hidden messages too, and a queue that
//! is 300,000 messages deep is as fast as an empty one.

mod dynamo;
mod folder;
mod http;
pub mod ledger;
mod mail;
pub mod mapping;
mod secrets;
mod sqs;
mod ttl;

use std::path::PathBuf;
use std::sync::Arc;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use domain::time::{Clock, Moment};
use dynoxide::Database;

pub use crate::http::Connector;
pub use crate::mail::SentMail;
pub use crate::sqs::{Depth, QueueWake};

use crate::dynamo::Dynamo;
use crate::folder::Folder;
use crate::http::Services;
use crate::mail::Mail;
use crate::secrets::Secrets;
use crate::sqs::{Queues, wire};

/// What an engine is made of.
pub struct Options {
    /// Where it keeps its files; without one, all is in memory and gone with the engine.
    pub data_dir: Option<PathBuf>,
    /// The time by which messages become visible and items expire.
    pub clock: Arc<dyn Clock>,
}

/// The engine cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("another process is using the data folder {}", .0.display())]
    InUse(PathBuf),
    /// The folder cannot be made or locked.
    #[error("cannot use the data folder {}", .0.display())]
    Folder(PathBuf, #[source] std::io::Error),
    /// The table's file is not one.
    #[error("cannot open the table")]
    Table(#[source] dynoxide::DynoxideError),
    /// The file of queues and secrets is not one.
    #[error("cannot open the queues")]
    Queues(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An operation of the engine itself, not of a service, failed.
#[derive(Debug, thiserror::Error)]
#[error("{what} failed")]
pub struct EngineError {
    what: &'static str,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// The services. Cheap to clone; the last clone, of the engine or of a client made from it, closes the files.
#[derive(Clone)]
pub struct Engine {
    connector: Connector,
}

impl Engine {
    /// Opens the engine: the files of its folder, or empty services in memory.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let folder = options.data_dir.map(Folder::lock).transpose()?;
        let database = folder::open_table(folder.as_ref())?;
        let queues_path = folder.as_ref().map(Folder::queues);
        let queues = Queues::open(queues_path.as_deref(), Arc::clone(&options.clock));
        let queues = Arc::new(queues.map_err(|fault| OpenError::Queues(fault.into()))?);
        let secrets = Secrets::open(Arc::clone(&queues)).map_err(|fault| OpenError::Queues(fault.into()))?;
        let mail = Mail::new(Arc::clone(&options.clock));
        let dynamo = Dynamo::new(database, options.clock);
        let services = Services { dynamo, queues, secrets, mail, _folder: folder };
        Ok(Self { connector: Connector(Arc::new(services)) })
    }

    /// The connector, for who wants to put something between it and the SDK.
    pub fn connector(&self) -> Connector {
        self.connector.clone()
    }

    /// The SDK's HTTP client that ends in this engine.
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.connector())
    }

    /// What the SDK's clients are made from.
    pub fn sdk_config(&self) -> SdkConfig {
        self.sdk_config_with(self.http_client())
    }

    /// The same with another HTTP client, such as one that wraps this engine's connector.
    pub fn sdk_config_with(&self, client: SharedHttpClient) -> SdkConfig {
        let credentials = Credentials::from_keys("engine", "engine", None);
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static(wire::REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(client)
            .build()
    }

    /// The table's database itself, for bulk imports.
    pub fn database(&self) -> &Database {
        &self.services().dynamo.database
    }

    /// Deletes what has expired by the engine's clock; says how many items. Reads whole tables: run it off
    /// the async threads.
    pub fn sweep_ttl(&self) -> Result<usize, EngineError> {
        let now = self.services().queues.clock().now();
        ttl::sweep(self.database(), now)
            .map_err(|error| EngineError { what: "the TTL sweep", source: error.into() })
    }

    /// Creates a secret unless there is one of that name; says whether it did.
    pub async fn set_secret_if_absent(&self, name: &str, value: &str) -> Result<bool, EngineError> {
        let set = self.services().secrets.set_if_absent(name, value).await;
        set.map_err(|fault| EngineError { what: "creating a secret", source: fault.into() })
    }

    /// The e-mails sent since the engine was opened, the oldest first; of more than 1,000 the last.
    pub fn sent_mail(&self) -> Vec<SentMail> {
        self.services().mail.sent()
    }

    /// Tells when the queue of that name has a message; the queue need not exist yet.
    pub fn queue_wake(&self, queue_name: &str) -> QueueWake {
        QueueWake { queues: Arc::clone(&self.services().queues), name: queue_name.to_owned() }
    }

    /// When the next message of a queue that nobody can see now becomes visible, or the present if one is visible.
    pub fn queue_due(&self, queue_name: &str) -> Option<Moment> {
        let queues = &self.services().queues;
        queues.next_visible_at(queue_name).map(|at| Moment::from_millis(at.max(queues.now())))
    }

    /// How many messages a queue holds; none if there is no such queue.
    pub fn queue_depth(&self, queue_name: &str) -> Option<Depth> {
        self.services().queues.depth(queue_name).ok()
    }

    /// To be called after a clock was moved by hand: everyone who waits looks at it anew.
    pub fn clock_moved(&self) {
        self.services().queues.wakes.ring_all();
    }

    /// The URL of the queue of that name.
    pub fn queue_url(&self, queue_name: &str) -> String {
        wire::url_of(queue_name)
    }

    /// The ARN of the queue of that name.
    pub fn queue_arn(&self, queue_name: &str) -> String {
        wire::arn_of(queue_name)
    }

    fn services(&self) -> &Services {
        &self.connector.0
    }
}

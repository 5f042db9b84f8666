//! Secrets that are read from Secrets Manager, kept for a while and read again.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use domain::time::{Clock, Moment};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::clients::Clients;
use crate::config::Vars;

/// How long a secret is believed before it is read again.
pub const TTL: Duration = Duration::from_secs(300);
/// How long after a read nobody may ask for another, and how long a failed one is not repeated.
pub const PAUSE: Duration = Duration::from_secs(30);

/// One secret and the name that a token gives it.
#[derive(Clone)]
pub struct Secret {
    kid: String,
    text: SecretString,
}

impl Secret {
    /// A secret text.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let hash = hex::encode(Sha256::digest(&text));
        Self { kid: hash[..16].to_owned(), text: text.into() }
    }

    /// The first 16 hexadecimal digits of its SHA-256: tells secrets apart without telling them.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The text itself, for whoever signs with it.
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret({})", self.kid)
    }
}

/// What one record of Secrets Manager holds: `{"current": "..", "previous": ".."}`.
#[derive(Clone, Debug)]
pub struct Secrets {
    current: Secret,
    previous: Option<Secret>,
}

impl Secrets {
    /// The current secret alone.
    pub fn of(current: impl Into<String>) -> Self {
        Self { current: Secret::new(current), previous: None }
    }

    /// The same with the secret before it.
    #[must_use]
    pub fn with_previous(self, previous: impl Into<String>) -> Self {
        Self { previous: Some(Secret::new(previous)), ..self }
    }

    /// Reads the record's text.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        #[derive(Deserialize)]
        struct Record {
            current: String,
            #[serde(default)]
            previous: Option<String>,
        }
        // The parser's own words could quote the secret.
        let record: Record = serde_json::from_str(text).map_err(|_| SecretError::Malformed)?;
        let filled = |text: &String| !text.is_empty();
        if !filled(&record.current) {
            return Err(SecretError::Malformed);
        }
        Ok(Self {
            current: Secret::new(record.current),
            previous: record.previous.filter(filled).map(Secret::new),
        })
    }

    /// What signs.
    pub fn current(&self) -> &Secret {
        &self.current
    }

    /// What was current before and is still believed.
    pub fn previous(&self) -> Option<&Secret> {
        self.previous.as_ref()
    }

    /// All that are believed, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The secret of that name.
    pub fn by_kid(&self, kid: &str) -> Option<&Secret> {
        self.all().find(|secret| secret.kid == kid)
    }
}

/// A secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Secrets Manager does not answer, or not with the secret.
    #[error("the secret cannot be read from Secrets Manager")]
    Unreachable(#[source] Box<aws_sdk_secretsmanager::Error>),
    /// The record is not of the form wanted.
    #[error("the secret is not JSON of the form {{\"current\": \"..\", \"previous\": \"..\"}}")]
    Malformed,
}

/// The secrets of one record, read when they are first needed and again after [`TTL`].
///
/// Many requests that find them stale cause one read. When that fails, the old ones serve on: a rotation can
/// wait, requests cannot.
pub struct SecretCache {
    source: Option<(aws_sdk_secretsmanager::Client, String)>,
    clock: Arc<dyn Clock>,
    held: RwLock<Option<Held>>,
    reading: Mutex<()>,
}

#[derive(Clone)]
struct Held {
    secrets: Arc<Secrets>,
    read_at: Moment,
    tried_at: Moment,
}

impl SecretCache {
    /// The record of this name or ARN.
    pub fn new(client: aws_sdk_secretsmanager::Client, id: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { source: Some((client, id.into())), clock, held: RwLock::new(None), reading: Mutex::new(()) }
    }

    /// Secrets that are known already and never change.
    pub fn fixed(secrets: Secrets, clock: Arc<dyn Clock>) -> Self {
        let now = clock.now();
        let held = Held { secrets: Arc::new(secrets), read_at: now, tried_at: now };
        Self { source: None, clock, held: RwLock::new(Some(held)), reading: Mutex::new(()) }
    }

    /// The secrets, at most [`TTL`] old unless Secrets Manager fails.
    pub async fn get(&self) -> Result<Arc<Secrets>, SecretError> {
        self.not_older_than(TTL).await
    }

    /// The secrets, read again unless that was done within [`PAUSE`]: for a token signed with one that is unknown.
    pub async fn refresh(&self) -> Result<Arc<Secrets>, SecretError> {
        self.not_older_than(PAUSE).await
    }

    async fn not_older_than(&self, age: Duration) -> Result<Arc<Secrets>, SecretError> {
        if let Some(secrets) = self.fresh(age) {
            return Ok(secrets);
        }
        let Some((client, id)) = &self.source else {
            return self.held().map(|held| held.secrets).ok_or(SecretError::Malformed);
        };
        let _alone = self.reading.lock().await;
        // Whoever held the lock before may have read them.
        if let Some(secrets) = self.fresh(age) {
            return Ok(secrets);
        }
        let now = self.clock.now();
        match read(client, id).await {
            Ok(secrets) => {
                let secrets = Arc::new(secrets);
                self.hold(Held { secrets: secrets.clone(), read_at: now, tried_at: now });
                Ok(secrets)
            }
            Err(failure) => {
                let Some(old) = self.held() else { return Err(failure) };
                tracing::warn!(error = &failure as &dyn std::error::Error, "an older secret serves on");
                self.hold(Held { tried_at: now, ..old.clone() });
                Ok(old.secrets)
            }
        }
    }

    /// What is held, if it is young enough, or if an attempt to renew it failed just now.
    fn fresh(&self, age: Duration) -> Option<Arc<Secrets>> {
        let now = self.clock.now();
        let held = self.held()?;
        let serves = now.since(held.read_at) < age || now.since(held.tried_at) < PAUSE;
        serves.then_some(held.secrets)
    }

    fn held(&self) -> Option<Held> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) {
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(held);
    }
}

/// Where to find what signs the deployment's own webhooks.
#[derive(Clone, Debug)]
pub enum WebhookSecret {
    /// It is this text, for one machine and for tests: `WEBHOOK_SECRET`.
    Text(SecretString),
    /// In the record of this name or ARN: `WEBHOOK_SECRET_ID`.
    Record(String),
}

impl WebhookSecret {
    /// Reads both variables; the text goes first.
    pub fn read(vars: &mut Vars) -> Option<Self> {
        let (text, id) = (vars.text("WEBHOOK_SECRET"), vars.text("WEBHOOK_SECRET_ID"));
        text.map(|text| Self::Text(text.into())).or(id.map(Self::Record))
    }

    /// The secrets; a record is read when they are first needed.
    pub fn cache(self, clients: &Clients, clock: Arc<dyn Clock>) -> SecretCache {
        match self {
            Self::Text(text) => SecretCache::fixed(Secrets::of(text.expose_secret()), clock),
            Self::Record(id) => SecretCache::new(clients.secrets_manager(), id, clock),
        }
    }
}

impl fmt::Debug for SecretCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretCache(..)")
    }
}

async fn read(client: &aws_sdk_secretsmanager::Client, id: &str) -> Result<Secrets, SecretError> {
    let answer = client.get_secret_value().secret_id(id).send().await;
    let answer = answer.map_err(|failure| SecretError::Unreachable(Box::new(failure.into())))?;
    Secrets::parse(answer.secret_string().ok_or(SecretError::Malformed)?)
}

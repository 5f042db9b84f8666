//! Whose secret signs a delivery, and how it is had.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boot::secrets::SecretError;
use boot::{Ambient, SecretCache};
use domain::id::UserId;
use domain::job::Job;
use domain::message::{Deliver, Endpoint};
use domain::seal::{SealKey, Sealed};
use domain::time::Moment;
use domain::user::User;

/// How long an owner's secret is believed. A rotation waits so long, which the previous secret bridges.
const BELIEVED: Duration = Duration::from_secs(60);
/// How many owners' secrets are held at once.
const HELD: usize = 1_000;

/// Finds the secrets that sign.
pub(crate) struct Signers {
    data: Arc<SecretCache>,
    deployment: Option<SecretCache>,
    ambient: Ambient,
    owners: Mutex<HashMap<UserId, Owner>>,
}

/// One owner's secrets, opened.
#[derive(Clone)]
pub(crate) struct Owner {
    current: String,
    previous: Option<(String, Moment)>,
    read_at: Moment,
}

/// Why nothing signs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSigner {
    /// There is no secret: the owner is to be told.
    #[error("{0}")]
    None(&'static str),
    /// Secrets Manager is out of reach: it may not be in a moment.
    #[error(transparent)]
    Secrets(#[from] SecretError),
}

impl Signers {
    pub(crate) fn new(data: Arc<SecretCache>, deployment: Option<SecretCache>, ambient: Ambient) -> Self {
        Self { data, deployment, ambient, owners: Mutex::default() }
    }

    /// The owner's secrets, if they were read a short while ago.
    pub(crate) fn known(&self, owner: UserId, now: Moment) -> Option<Owner> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&owner).filter(|known| known.fresh(now)).cloned()
    }

    /// The secrets that sign the message, the current one first. `known` or else `owner` is who owns the job.
    pub(crate) async fn of(
        &self,
        message: &Deliver,
        job: &Job,
        known: Option<Owner>,
        owner: Option<User>,
    ) -> Result<Vec<String>, NoSigner> {
        if message.endpoint_id == Endpoint::Deployment {
            return self.deployment().await;
        }
        if let Some(sealed) = job.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()) {
            let opened = self.open(sealed, &job.id.to_string()).await?;
            let secret = opened.ok_or(NoSigner::None("the job's webhookSecret cannot be opened"))?;
            return Ok(vec![secret]);
        }
        let known = match (known, owner) {
            (Some(known), _) => known,
            (None, Some(owner)) => self.read(owner).await?,
            (None, None) => return Err(NoSigner::None("the job's owner is gone, and the secret too")),
        };
        let now = self.ambient.now();
        let previous = known.previous.filter(|(_, until)| *until > now).map(|(secret, _)| secret);
        Ok(std::iter::once(known.current).chain(previous).collect())
    }

    /// The deployment's secrets. During a rotation both sign.
    async fn deployment(&self) -> Result<Vec<String>, NoSigner> {
        const NONE: NoSigner = NoSigner::None("the deployment has no webhook secret: set WEBHOOK_SECRET_ID");
        let secrets = self.deployment.as_ref().ok_or(NONE)?.get().await?;
        Ok(secrets.all().map(|secret| secret.expose().to_owned()).collect())
    }

    /// Opens the owner's secrets and remembers them.
    async fn read(&self, owner: User) -> Result<Owner, NoSigner> {
        let (id, read_at) = (owner.id, self.ambient.now());
        // Whoever gave the job its URL has been given a secret with it, and this function writes no users.
        let signing = owner.signing.ok_or(NoSigner::None("the job's owner has no signing secret"))?;
        let text = id.to_string();
        let current = self.open(&signing.current, &text).await?;
        let current = current.ok_or(NoSigner::None("the owner's signing secret cannot be opened"))?;
        let previous = match (&signing.previous, signing.previous_until) {
            (Some(sealed), Some(until)) => self.open(sealed, &text).await?.map(|secret| (secret, until)),
            _ => None,
        };
        let known = Owner { current, previous, read_at };
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if owners.len() >= HELD {
            owners.retain(|_, known| known.fresh(read_at));
        }
        if owners.len() < HELD {
            owners.insert(id, known.clone());
        }
        Ok(known)
    }

    /// Opens a secret with any key that is believed; `None` if none fits. One that fits no key may have been
    /// sealed after a rotation that is not known here yet.
    async fn open(&self, sealed: &Sealed, owner: &str) -> Result<Option<String>, SecretError> {
        let with = |data: &boot::secrets::Secrets| {
            data.all().find_map(|secret| SealKey::from_secret(secret.expose()).open(sealed, owner).ok())
        };
        match with(&*self.data.get().await?) {
            Some(secret) => Ok(Some(secret)),
            None => Ok(with(&*self.data.refresh().await?)),
        }
    }
}

impl Owner {
    fn fresh(&self, now: Moment) -> bool {
        now.since(self.read_at) < BELIEVED
    }
}

impl fmt::Debug for Signers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signers(..)")
    }
}

//! Whose secret signs a delivery, and how it is had.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use boot::secrets::SecretError;
use boot::{Ambient, SecretCache, Vault};
use courier::Header;
use domain::endpoint::Endpoint;
use domain::id::UserId;
use domain::job::Job;
use domain::message::{Deliver, Target};
use domain::seal::Sealed;
use domain::time::Moment;
use domain::user::User;

/// How long an owner's secret is believed. A rotation waits so long, which the previous secret bridges.
const BELIEVED: Duration = Duration::from_secs(60);
/// How many owners' secrets are held at once.
const HELD: usize = 1_000;

/// Finds the secrets that sign.
pub(crate) struct Signers {
    vault: Vault,
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

/// Who may sign a delivery, as far as the records tell.
pub(crate) struct Candidates<'a> {
    /// The job.
    pub(crate) job: &'a Job,
    /// Its owner's secrets, if they were read a short while ago.
    pub(crate) known: Option<Owner>,
    /// Its owner.
    pub(crate) owner: Option<User>,
    /// The endpoint that it goes to.
    pub(crate) endpoint: Option<&'a Endpoint>,
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
        let vault = Vault::new(data, Arc::clone(&ambient.entropy));
        Self { vault, deployment, ambient, owners: Mutex::default() }
    }

    /// The owner's secrets, if they were read a short while ago.
    pub(crate) fn known(&self, owner: UserId, now: Moment) -> Option<Owner> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(&owner).filter(|known| known.fresh(now)).cloned()
    }

    /// The secrets that sign the message, the current one first.
    pub(crate) async fn of(&self, message: &Deliver, from: Candidates<'_>) -> Result<Vec<String>, NoSigner> {
        match message.endpoint_id {
            Target::Deployment => self.deployment().await,
            Target::Job => self.of_job(from).await,
            Target::Endpoint(id) => {
                let endpoint =
                    from.endpoint.ok_or(NoSigner::None("the endpoint is gone, and its secret too"))?;
                let now = self.ambient.now();
                let opened = self.vault.signing(&endpoint.signing, &id.to_string(), now).await?;
                opened.ok_or(NoSigner::None("the endpoint's secret cannot be opened"))
            }
        }
    }

    async fn of_job(&self, from: Candidates<'_>) -> Result<Vec<String>, NoSigner> {
        let job = from.job;
        if let Some(sealed) = job.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()) {
            let opened = self.vault.open(sealed, &job.id.to_string()).await?;
            let secret = opened.ok_or(NoSigner::None("the job's webhookSecret cannot be opened"))?;
            return Ok(vec![secret]);
        }
        let known = match (from.known, from.owner) {
            (Some(known), _) => known,
            (None, Some(owner)) => self.read(owner).await?,
            (None, None) => return Err(NoSigner::None("the job's owner is gone, and the secret too")),
        };
        let now = self.ambient.now();
        let previous = known.previous.filter(|(_, until)| *until > now).map(|(secret, _)| secret);
        Ok(std::iter::once(known.current).chain(previous).collect())
    }

    /// What an endpoint's owner wants sent besides.
    pub(crate) async fn headers(&self, endpoint: Option<&Endpoint>) -> Result<Vec<Header>, NoSigner> {
        let sealed = endpoint.and_then(|endpoint| Some((endpoint.id, endpoint.headers.as_ref()?)));
        let Some((id, sealed)) = sealed else { return Ok(Vec::new()) };
        read_headers(&self.vault, sealed, &id.to_string()).await
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
        let current = self.vault.open(&signing.current, &text).await?;
        let current = current.ok_or(NoSigner::None("the owner's signing secret cannot be opened"))?;
        let previous = match (&signing.previous, signing.previous_until) {
            (Some(sealed), Some(until)) => {
                self.vault.open(sealed, &text).await?.map(|secret| (secret, until))
            }
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
}

async fn read_headers(vault: &Vault, sealed: &Sealed, owner: &str) -> Result<Vec<Header>, NoSigner> {
    const UNREADABLE: NoSigner = NoSigner::None("the endpoint's headers cannot be opened");
    let text = vault.open(sealed, owner).await?.ok_or(UNREADABLE)?;
    Header::read(&text).ok_or(UNREADABLE)
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

//! Secrets that the table keeps sealed: closed with the current data key, opened with any that is believed.

use std::fmt;
use std::sync::Arc;

use domain::seal::{SealKey, Sealed};
use domain::time::{Entropy, Moment};
use domain::user::Signing;

use crate::secrets::{SecretCache, SecretError, Secrets};

/// Seals and opens.
#[derive(Clone)]
pub struct Vault {
    data: Arc<SecretCache>,
    entropy: Arc<dyn Entropy>,
}

impl Vault {
    /// With the keys in this record of Secrets Manager.
    pub fn new(data: Arc<SecretCache>, entropy: Arc<dyn Entropy>) -> Self {
        Self { data, entropy }
    }

    /// Seals a secret that only `owner` opens: a user's id for the user's own, a job's or an endpoint's for theirs.
    pub async fn seal(&self, text: &str, owner: &str) -> Result<Sealed, SecretError> {
        let data = self.data.get().await?;
        Ok(SealKey::from_secret(data.current().expose()).seal(text, owner, &*self.entropy))
    }

    /// Opens a secret; `None` if no key fits. One that fits no key may have been sealed after a rotation that is
    /// not known here yet, so the keys are read again.
    pub async fn open(&self, sealed: &Sealed, owner: &str) -> Result<Option<String>, SecretError> {
        let with = |data: &Secrets| {
            data.all().find_map(|secret| SealKey::from_secret(secret.expose()).open(sealed, owner).ok())
        };
        match with(&*self.data.get().await?) {
            Some(secret) => Ok(Some(secret)),
            None => Ok(with(&*self.data.refresh().await?)),
        }
    }

    /// The secrets that sign at this moment, the current one first; `None` if that cannot be opened.
    pub async fn signing(
        &self,
        signing: &Signing,
        owner: &str,
        now: Moment,
    ) -> Result<Option<Vec<String>>, SecretError> {
        let Some(current) = self.open(&signing.current, owner).await? else { return Ok(None) };
        let mut secrets = vec![current];
        if let Some((previous, _)) = signing.before(now) {
            secrets.extend(self.open(previous, owner).await?);
        }
        Ok(Some(secrets))
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

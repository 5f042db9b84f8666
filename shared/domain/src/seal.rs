//! Secrets at rest: sealed with XChaCha20-Poly1305, so that a dump of the table cannot sign.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::time::Entropy;

const NONCE_BYTES: usize = 24;

/// A sealed text: base64 of the nonce and the ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sealed(String);

/// A sealed text could not be opened: another key sealed it, for another owner, or it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a stored secret cannot be opened with the present data key")]
pub struct CannotOpen;

/// The key that seals.
#[derive(Clone)]
pub struct SealKey(XChaCha20Poly1305);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

impl SealKey {
    /// The key made of a secret text of any length that nobody can guess.
    pub fn from_secret(secret: &str) -> Self {
        let key = Sha256::new().chain_update("nightjar seal v1\0").chain_update(secret).finalize();
        Self(XChaCha20Poly1305::new(&key))
    }

    /// Seals `text` for `owner`; only for the same owner does it open again.
    pub fn seal(&self, text: &str, owner: &str, entropy: &dyn Entropy) -> Sealed {
        let mut nonce = [0; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: text.as_bytes(), aad: owner.as_bytes() };
        // Encrypting fails only on a text of more than 256 GiB.
        let ciphertext = self.0.encrypt(&XNonce::from(nonce), payload).unwrap_or_default();
        Sealed(crate::signature::to_base64(&[&nonce[..], &ciphertext].concat()))
    }

    /// Opens what was sealed for `owner`.
    pub fn open(&self, sealed: &Sealed, owner: &str) -> Result<String, CannotOpen> {
        let bytes = crate::signature::from_base64(&sealed.0).ok_or(CannotOpen)?;
        let (nonce, ciphertext) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(CannotOpen)?;
        let payload = Payload { msg: ciphertext, aad: owner.as_bytes() };
        let text = self.0.decrypt(&XNonce::from(*nonce), payload).map_err(|_| CannotOpen)?;
        String::from_utf8(text).map_err(|_| CannotOpen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(9);
        }
    }

    #[test]
    fn opens_for_its_owner_with_its_key_and_not_otherwise() {
        let key = SealKey::from_secret("one");
        let sealed = key.seal("whsec_x", "usr_1", &Fixed);
        assert!(!sealed.0.contains("whsec"));
        assert_eq!(key.open(&sealed, "usr_1").unwrap(), "whsec_x");
        assert_eq!(key.open(&sealed, "usr_2"), Err(CannotOpen));
        assert_eq!(SealKey::from_secret("two").open(&sealed, "usr_1"), Err(CannotOpen));
        assert_eq!(key.open(&Sealed("short".into()), "usr_1"), Err(CannotOpen));
        let mut changed = sealed.0.clone();
        changed.replace_range(40..41, if &sealed.0[40..41] == "A" { "B" } else { "A" });
        assert_eq!(key.open(&Sealed(changed), "usr_1"), Err(CannotOpen));
    }
}

//! Passwords: how hard they are to guess, their hashes, and the same work for those who have none.

use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::Error as HashError;
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher, PasswordVerifier, Version};
use domain::time::Entropy;
use domain::user::Password;
use edge::Problem;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How long a request waits for a core to hash on before it is told to come back.
const PATIENCE: Duration = Duration::from_secs(10);

/// A hash that no password has, with the cost of a real one: what an unknown account is verified against.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and verifies, on as many threads as there are cores: more would only take 19 MiB each and wait.
#[derive(Clone)]
pub(crate) struct Hasher {
    cores: Arc<Semaphore>,
    min_score: u8,
}

/// What became of a new password.
pub(crate) enum Chosen {
    /// Its hash, in PHC form.
    Hash(String),
    /// It is too easy to guess, and why.
    TooWeak(String),
}

impl Hasher {
    pub(crate) fn new(min_score: u8) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores: Arc::new(Semaphore::new(cores)), min_score }
    }

    /// The hash of a password that is hard enough to guess for somebody who knows these words.
    pub(crate) async fn choose(
        &self,
        password: Password,
        known: Vec<String>,
        entropy: &dyn Entropy,
    ) -> Result<Chosen, Problem> {
        let mut salt = [0; 16];
        entropy.fill(&mut salt);
        let min_score = self.min_score;
        let work = move || {
            if let Some(reason) = weakness(password.expose(), &known, min_score) {
                return Ok(Chosen::TooWeak(reason));
            }
            let hash = argon2()?.hash_password_with_salt(password.expose().as_bytes(), &salt)?;
            Ok(Chosen::Hash(hash.to_string()))
        };
        self.on_a_core(work).await
    }

    /// Whether this is the password of that hash; without a hash it takes as long and is not.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        let work = move || {
            let hash = PasswordHash::new(hash.as_deref().unwrap_or(NOBODY)).map_err(HashError::from)?;
            match argon2()?.verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(HashError::PasswordInvalid) => Ok(false),
                Err(failure) => Err(failure.into()),
            }
        };
        self.on_a_core(work).await
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, CannotHash> + Send + 'static,
    ) -> Result<T, Problem> {
        let waiting = Arc::clone(&self.cores).acquire_owned();
        let Ok(Ok(core)) = tokio::time::timeout(PATIENCE, waiting).await else {
            tracing::warn!("no core became free to hash on");
            return Err(Problem::unavailable());
        };
        // The thread holds the permit: a caller who hangs up does not free a core that is still at work.
        let outcome = spawn_blocking(move || {
            let _core = core;
            work()
        });
        match outcome.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => {
                tracing::error!(error = &failure as &dyn std::error::Error, "hashing failed");
                Err(Problem::internal())
            }
            Err(_) => {
                tracing::error!("hashing panicked");
                Err(Problem::internal())
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a password cannot be hashed or its hash not be read: {0}")]
struct CannotHash(HashError);

impl From<HashError> for CannotHash {
    fn from(failure: HashError) -> Self {
        Self(failure)
    }
}

impl From<argon2::Error> for CannotHash {
    fn from(failure: argon2::Error) -> Self {
        Self(failure.into())
    }
}

/// OWASP's first choice: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, CannotHash> {
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19 * 1024, 2, 1, Some(32))?))
}

/// Why a password is too easy to guess, in words for the one who chose it.
fn weakness(password: &str, known: &[String], min_score: u8) -> Option<String> {
    let known = spellings(known);
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let entropy = zxcvbn::zxcvbn(password, &known);
    if u8::from(entropy.score()) >= min_score {
        return None;
    }
    let mut text = "is too easy to guess.".to_owned();
    if let Some(feedback) = entropy.feedback() {
        let reason = feedback.warning().map(|warning| warning.to_string());
        let advice = feedback.suggestions().iter().map(ToString::to_string);
        for sentence in reason.into_iter().chain(advice) {
            text.push(' ');
            text.push_str(&sentence);
        }
    }
    Some(text)
}

/// zxcvbn compares whole words: "Ada Lovelace" shall also count as "adalovelace", "ada" and "lovelace".
fn spellings(known: &[String]) -> Vec<String> {
    let mut all = vec!["nightjar".to_owned()];
    for text in known {
        let parts = || text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
        all.extend(parts().map(str::to_owned));
        all.push(parts().collect());
        all.push(text.clone());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting;
    impl Entropy for Counting {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(7);
        }
    }

    async fn chosen(password: &str, known: &[&str], min_score: u8) -> Chosen {
        let known = known.iter().map(|word| (*word).to_owned()).collect();
        Hasher::new(min_score).choose(Password::parse(password).unwrap(), known, &Counting).await.unwrap()
    }

    #[tokio::test]
    async fn a_hash_verifies_its_password_and_no_other() {
        let Chosen::Hash(hash) = chosen("correct horse battery", &[], 2).await else { panic!("refused") };
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let hasher = Hasher::new(2);
        assert!(hasher.verify("correct horse battery".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("correct horse batterz".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("correct horse battery".into(), None).await.unwrap());
    }

    #[test]
    fn nobody_costs_as_much_as_somebody() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = argon2().unwrap().hash_password_with_salt(b"x", &[0; 16]).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!((nobody.algorithm, nobody.version), (somebody.algorithm, somebody.version));
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
    }

    #[tokio::test]
    async fn a_damaged_hash_is_a_fault_of_ours() {
        let problem = Hasher::new(2).verify("x".into(), Some("plain".into())).await.unwrap_err();
        assert_eq!(problem.code(), edge::Code::Internal);
    }

    #[tokio::test]
    async fn a_weak_password_is_refused_with_the_reason() {
        for (password, known, told) in [
            ("password1", &[][..], "common password"),
            ("aaaaaaaaaa", &[], "Repeats like"),
            ("AdaLovelace", &["Ada Lovelace", "ada@example.com"], "too easy"),
            ("lovelace1", &["Ada", "ada.lovelace@example.com"], "too easy"),
            ("nightjar1", &[], "too easy"),
        ] {
            let Chosen::TooWeak(reason) = chosen(password, known, 2).await else {
                panic!("{password} is taken")
            };
            assert!(reason.starts_with("is too easy to guess.") && reason.contains(told), "{reason}");
        }
        assert!(matches!(chosen("password1", &[], 0).await, Chosen::Hash(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_for_a_core_is_told_to_come_back() {
        let hasher = Hasher { cores: Arc::new(Semaphore::new(0)), min_score: 2 };
        let problem = hasher.verify("x".into(), None).await.unwrap_err();
        assert_eq!(problem.code(), edge::Code::Unavailable);
    }
}

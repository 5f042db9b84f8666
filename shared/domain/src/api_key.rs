//! API keys: what a program signs in with in its user's place, and how far that goes.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::{KeyId, UserId};
use crate::time::{Entropy, Moment};
use crate::user::{self, User, UserName};

/// How many live keys a user may have.
pub const MOST_KEYS: usize = 50;

const SECRET_BYTES: usize = 32;
const PREFIX_CHARS: usize = 8;

/// What a key may be used for. No scope implies another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Look at records.
    Read,
    /// Create, change and delete records.
    Write,
    /// Start, stop, pause and resume jobs.
    Run,
}

/// At least one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<Scope>);

/// A key, as read from the table. What it was made of is not in it: the record stands under the key's digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Its id, by which it is listed and revoked.
    pub id: KeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for, in its owner's words.
    pub name: String,
    /// What it may be used for.
    pub scopes: Scopes,
    /// How its text begins, so that its owner recognises it.
    pub prefix: String,
    /// When it was made.
    #[serde(with = "crate::time::millis")]
    pub created_at: Moment,
    /// From when on it is dead. A whole second, for the table's TTL knows no less.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
    /// Which of its owner's keys it belongs to: the value of `keys_valid_after` that it was made under.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub generation: Option<Moment>,
    /// When it was last used, give or take some minutes.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Moment>,
}

/// The text of a key: `njk_` and 32 random bytes. It is shown once, never stored and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText(String);

/// Why a part of a key to be made is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Nothing is allowed to it.
    #[error("must name at least one of read, write and run")]
    NoScope,
    /// There is no such scope.
    #[error("must be read, write or run")]
    NotAScope,
    /// Its expiry is no time.
    #[error("must be an RFC 3339 time such as 2026-03-01T12:00:00Z")]
    NotATime,
    /// It would be dead at once.
    #[error("must be in the future")]
    NotInTheFuture,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Run];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Run => "run",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        let named = |scope: &Self| text.eq_ignore_ascii_case(scope.as_str());
        Self::ALL.into_iter().find(named).ok_or(Refused::NotAScope)
    }
}

impl Scopes {
    /// These, each once.
    pub fn of(scopes: impl IntoIterator<Item = Scope>) -> Result<Self, Refused> {
        let mut scopes: Vec<_> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        if scopes.is_empty() { Err(Refused::NoScope) } else { Ok(Self(scopes)) }
    }

    /// Whether this is among them.
    pub fn allow(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }
}

impl ApiKey {
    /// A name that a key may have: the same rule as for the name of a user.
    pub fn name(text: &str) -> Result<String, user::Refused> {
        UserName::parse(text).map(|name| name.as_str().to_owned())
    }

    /// Reads when a key is to die, down to the whole second.
    pub fn expiry(text: &str, now: Moment) -> Result<Moment, Refused> {
        let moment = Moment::parse(text.trim()).map_err(|_| Refused::NotATime)?;
        let moment = Moment::from_millis(moment.as_millis() - moment.as_millis().rem_euclid(1_000));
        if moment > now { Ok(moment) } else { Err(Refused::NotInTheFuture) }
    }

    /// Whether it has not expired.
    pub fn is_fresh(&self, now: Moment) -> bool {
        self.expires_at.is_none_or(|expires| expires > now)
    }

    /// Whether it opens anything of this user's: it is theirs, was not made dead with all others, and has not
    /// expired.
    pub fn is_live(&self, owner: &User, now: Moment) -> bool {
        self.user_id == owner.id && self.generation == owner.keys_valid_after && self.is_fresh(now)
    }
}

impl KeyText {
    /// What every key begins with.
    pub const MARK: &'static str = "njk_";

    /// A new key.
    pub fn fresh(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; SECRET_BYTES];
        entropy.fill(&mut bytes);
        Self(format!("{}{}", Self::MARK, URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes a text that could be a key; what is none is not worth a look into the table.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(Self::MARK)?).ok()?;
        (bytes.len() == SECRET_BYTES).then(|| Self(text.to_owned()))
    }

    /// What its record is named after. The text has 256 random bits: no salt and no slow hash would make it
    /// harder to guess.
    pub fn digest(&self) -> String {
        hex::encode(Sha256::digest(&self.0))
    }

    /// How it begins: enough to recognise it by, and far too little to guess it.
    pub fn prefix(&self) -> String {
        self.0.chars().take(PREFIX_CHARS).collect()
    }

    /// For the one who is shown it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(..)")
    }
}

/// Stores a moment as DynamoDB's TTL reads it.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::time::Moment;

    pub(super) fn serialize<S: Serializer>(
        moment: &Option<Moment>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match moment {
            Some(moment) => serializer.serialize_some(&moment.as_seconds_ceil()),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Moment>, D::Error> {
        let seconds = Option::<i64>::deserialize(deserializer)?;
        Ok(seconds.map(|seconds| Moment::from_millis(seconds.saturating_mul(1_000))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);
    impl Entropy for Fixed {
        fn fill(&self, buffer: &mut [u8]) {
            buffer.fill(self.0);
        }
    }

    #[test]
    fn a_key_is_read_back_and_never_printed() {
        let key = KeyText::fresh(&Fixed(255));
        assert_eq!(key.expose(), format!("njk_{}8", "_".repeat(42)));
        assert_eq!(KeyText::parse(key.expose()).unwrap(), key);
        assert_eq!((key.prefix().as_str(), key.digest().len()), ("njk_____", 64));
        assert_ne!(key.digest(), KeyText::fresh(&Fixed(254)).digest());
        assert_eq!(format!("{key:?}"), "KeyText(..)");
    }

    #[test]
    fn what_is_no_key() {
        let good = KeyText::fresh(&Fixed(7)).expose().to_owned();
        // The last letter holds two spare bits: only one spelling of them is a key.
        let respelt = format!("{}d", &good[..good.len() - 1]);
        let wrong = ["", "njk_", "njk_AAAA", "eyJh.e30.x", &good[4..], &good[..46], &format!("{good}A")];
        for wrong in wrong.into_iter().chain([good.to_uppercase().as_str(), respelt.as_str()]) {
            assert!(KeyText::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn scopes_are_a_set_that_is_not_empty() {
        let scopes = Scopes::of(["RUN", " read", "run"].map(|text| text.parse().unwrap())).unwrap();
        assert_eq!(scopes.iter().collect::<Vec<_>>(), [Scope::Read, Scope::Run]);
        assert!(scopes.allow(Scope::Run) && !scopes.allow(Scope::Write));
        assert_eq!(Scopes::of([]), Err(Refused::NoScope));
        assert_eq!("admin".parse::<Scope>(), Err(Refused::NotAScope));
    }

    #[test]
    fn an_expiry_is_a_whole_second_of_the_future() {
        let now = Moment::from_millis(1_700_000_000_500);
        let at = |text: &str| ApiKey::expiry(text, now);
        assert_eq!(at("2023-11-14T22:13:21.999Z"), Ok(Moment::from_millis(1_700_000_001_000)));
        assert_eq!(at("2023-11-14T22:13:20.999Z"), Err(Refused::NotInTheFuture));
        assert_eq!(at("1999-01-01T00:00:00Z"), Err(Refused::NotInTheFuture));
        assert_eq!(at("tomorrow"), Err(Refused::NotATime));
    }

    #[test]
    fn a_record_lives_until_the_second_in_which_it_expires() {
        let key = ApiKey {
            id: KeyId::fresh(Moment::from_millis(0), &Fixed(1)),
            user_id: UserId::fresh(Moment::from_millis(0), &Fixed(1)),
            name: ApiKey::name(" ci ").unwrap(),
            scopes: Scopes::of([Scope::Read]).unwrap(),
            prefix: "njk_AAAA".to_owned(),
            created_at: Moment::from_millis(1),
            expires_at: Some(Moment::from_millis(5_000)),
            generation: None,
            last_used_at: None,
        };
        assert!(key.is_fresh(Moment::from_millis(4_999)) && !key.is_fresh(Moment::from_millis(5_000)));
        assert!(ApiKey { expires_at: None, ..key.clone() }.is_fresh(Moment::from_millis(i64::MAX)));
        let written = serde_json::to_value(&key).unwrap();
        assert_eq!((&written["expiresAt"], &written["scopes"][0]), (&5.into(), &"read".into()));
        assert_eq!(serde_json::from_value::<ApiKey>(written).unwrap(), key);
    }
}

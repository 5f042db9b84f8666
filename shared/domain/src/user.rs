//! Accounts: what a name, an e-mail address and a password may be, and the record of a user.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::id::UserId;
use crate::seal::Sealed;
use crate::time::Moment;

/// What a user may do beyond their own records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Nothing.
    User,
    /// See and operate all users' records.
    Admin,
}

/// A user, as read from the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// How it is called.
    pub name: String,
    /// Its address, as it was given.
    pub email: String,
    /// argon2id, in PHC form.
    pub password_hash: String,
    /// What it may do.
    pub role: Role,
    /// What signs its webhooks, once one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signing: Option<Signing>,
    /// When all tokens were last made dead at once. A token names the value it was issued under, and is believed
    /// as long as that still stands here.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub tokens_valid_after: Option<Moment>,
    /// When all API keys were last made dead at once, in the same way.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub keys_valid_after: Option<Moment>,
    /// When a session was last logged out. Only a token that was issued before may be one of those.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub logged_out_at: Option<Moment>,
    /// When the account was deleted: from then on the user counts as absent, until all that was theirs is gone.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Moment>,
    /// When it registered.
    #[serde(with = "crate::time::millis")]
    pub created_at: Moment,
    /// Grows by one with each write, and fences it.
    pub version: u64,
}

impl User {
    /// The user with every token dead that was issued so far.
    #[must_use]
    pub fn without_tokens(self, now: Moment) -> Self {
        Self { tokens_valid_after: Some(later(self.tokens_valid_after, now)), ..self }
    }

    /// The user with every API key dead that was made so far.
    #[must_use]
    pub fn without_keys(self, now: Moment) -> Self {
        Self { keys_valid_after: Some(later(self.keys_valid_after, now)), ..self }
    }
}

/// The present, but never a moment that stood there before, or credentials of that time would live again: a
/// machine's clock may be behind the one that wrote it.
fn later(last: Option<Moment>, now: Moment) -> Moment {
    last.map_or(now, |last| now.max(last.plus(Duration::from_millis(1))))
}

/// The secret that signs a user's webhooks, sealed, and the one before it while a rotation lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Signing {
    /// What signs.
    pub current: Sealed,
    /// What signs too, until `previous_until`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Sealed>,
    /// When the previous secret stops to sign.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub previous_until: Option<Moment>,
}

impl Signing {
    /// A secret that nothing was before.
    pub const fn of(current: Sealed) -> Self {
        Self { current, previous: None, previous_until: None }
    }

    /// Another secret in its place; what was current so far signs until then, if that is still to come.
    #[must_use]
    pub fn rotated(self, current: Sealed, until: Moment, now: Moment) -> Self {
        let overlaps = until > now;
        Self {
            current,
            previous: Some(self.current).filter(|_| overlaps),
            previous_until: overlaps.then_some(until),
        }
    }

    /// The secret before the current one and until when it signs, if it does at this moment.
    pub fn before(&self, now: Moment) -> Option<(&Sealed, Moment)> {
        self.previous.as_ref().zip(self.previous_until).filter(|(_, until)| *until > now)
    }
}

/// Why a name, address or password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A name is missing or longer than 100 characters.
    #[error("must have 1 to 100 characters that are not all blank")]
    Name,
    /// An address is not of the form local@domain, or longer than 150 characters.
    #[error("must be an e-mail address of at most 150 characters")]
    Email,
    /// A password is too short or too long.
    #[error("must have 8 to 128 characters")]
    PasswordLength,
}

/// A name that may be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName(String);

impl UserName {
    /// Takes a name as it stood in a request; blanks around it do not count.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        let fits = (1..=100).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(Refused::Name) }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the lock record is named after: two spellings of one name in other cases are one name.
    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

/// An e-mail address that may be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Takes an address as it stood in a request. Whether it receives mail only mail can tell; here it must
    /// have one `@` with something before it and a dotted or single host name behind it.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let text = text.trim();
        let fits = text.chars().count() <= 150
            && text.split_once('@').is_some_and(|(local, host)| {
                let host_fits = !host.is_empty()
                    && host.split('.').all(|label| {
                        !label.is_empty()
                            && !label.starts_with('-')
                            && label.chars().all(|c| c.is_alphanumeric() || c == '-')
                    });
                let local_fits = !local.is_empty()
                    && local.len() <= 64
                    && local
                        .chars()
                        .all(|c| !c.is_control() && !c.is_whitespace() && !"\"(),:;<>[\\]@".contains(c));
                host_fits && local_fits
            });
        if fits { Ok(Self(text.to_owned())) } else { Err(Refused::Email) }
    }

    /// As it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What the lock record is named after.
    pub fn digest(&self) -> String {
        digest(&self.0)
    }
}

/// A password of acceptable length. It is never printed.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes a password as it stood in a request.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let fits = (8..=128).contains(&text.chars().count());
        if fits { Ok(Self(text.to_owned())) } else { Err(Refused::PasswordLength) }
    }

    /// For the one who hashes it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// SHA-256 of the lower case, in hex.
pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for good in ["a@b", "first.last+tag@example.co.uk", " trimmed@example.com ", "ü@exämple.de"] {
            assert!(Email::parse(good).is_ok(), "{good}");
        }
        let long = format!("{}@example.com", "a".repeat(150));
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c", "a@b..c", "a@-b", "a\n@b.c", "a<x>@b.c", &long] {
            assert_eq!(Email::parse(bad), Err(Refused::Email), "{bad}");
        }
        assert_eq!(Email::parse("A@B.c").unwrap().digest(), Email::parse("a@b.C").unwrap().digest());
    }

    #[test]
    fn tokens_and_keys_never_live_again() {
        let id = "usr_018bcfe568007abcabababababababab".parse().unwrap();
        let user = User {
            id,
            name: "Ada".to_owned(),
            email: "ada@example.com".to_owned(),
            password_hash: String::new(),
            role: Role::User,
            signing: None,
            tokens_valid_after: None,
            keys_valid_after: None,
            logged_out_at: None,
            deleted_at: None,
            created_at: Moment::from_millis(1),
            version: 1,
        };
        let at = Moment::from_millis;
        let once = user.without_tokens(at(500));
        assert_eq!(once.tokens_valid_after, Some(at(500)));
        // At the same moment, and by a clock that is behind.
        let again = once.without_tokens(at(500));
        assert_eq!(again.tokens_valid_after, Some(at(501)));
        let behind = again.without_tokens(at(100));
        assert_eq!(behind.tokens_valid_after, Some(at(502)));
        assert_eq!(behind.clone().without_tokens(at(900)).tokens_valid_after, Some(at(900)));
        let keyless = behind.without_keys(at(100)).without_keys(at(100));
        assert_eq!((keyless.keys_valid_after, keyless.tokens_valid_after), (Some(at(101)), Some(at(502))));
    }

    #[test]
    fn names_and_passwords() {
        assert_eq!(UserName::parse("  Ada ").unwrap().as_str(), "Ada");
        assert!(UserName::parse(" ").is_err() && UserName::parse(&"x".repeat(101)).is_err());
        assert!(UserName::parse("a\u{0}b").is_err());
        assert!(Password::parse("1234567").is_err() && Password::parse(&"x".repeat(129)).is_err());
        assert_eq!(format!("{:?}", Password::parse("hunter2hunter2").unwrap()), "Password(..)");
    }
}

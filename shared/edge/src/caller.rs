//! Who asks: a bearer token, the user it stands for, and that it was not revoked.

use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use boot::secrets::Secrets;
use boot::{Ambient, SecretCache};
use domain::user::{Role, User};
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue};
use store::Store;

use crate::code::Code;
use crate::problem::Problem;
use crate::tokens::{self, TokenClaims, Untrusted};

/// What authentication needs; a function's state holds one.
#[derive(Clone)]
pub struct Sessions {
    store: Store,
    secrets: Arc<SecretCache>,
    ambient: Ambient,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(..)")
    }
}

/// A state that callers are authenticated with.
pub trait HasSessions: Send + Sync {
    /// What authentication needs.
    fn sessions(&self) -> &Sessions;
}

impl HasSessions for Sessions {
    fn sessions(&self) -> &Self {
        self
    }
}

/// The user who sent a request, as its token proves.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// What the token says.
    pub token: TokenClaims,
}

impl Caller {
    /// Whether they may see and operate all users' records.
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }
}

impl Sessions {
    /// Tokens are signed with these secrets, and users and revocations stand in this table.
    pub fn new(store: Store, secrets: Arc<SecretCache>, ambient: Ambient) -> Self {
        Self { store, secrets, ambient }
    }

    /// The table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The clock and the randomness.
    pub fn ambient(&self) -> &Ambient {
        &self.ambient
    }

    /// The secrets that sign tokens and cursors.
    pub async fn secrets(&self) -> Result<Arc<Secrets>, Problem> {
        Ok(self.secrets.get().await?)
    }

    /// The caller whom these headers prove, or a 401.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let text = bearer(headers)?;
        let token = self.verify(text).await?;
        let session = self.store.session(token.user, &token.jti).await?;
        if session.revoked {
            return Err(refuse(Code::Unauthorized, "the token was logged out; log in again"));
        }
        let Some(user) = session.user else {
            return Err(refuse(Code::Unauthorized, "the token's user does not exist any more"));
        };
        if user.tokens_valid_after.is_some_and(|moment| token.issued_at < moment) {
            return Err(refuse(Code::Unauthorized, "the token was revoked; log in again"));
        }
        Ok(Caller { user, token })
    }

    /// A token signed with a secret that is unknown here may be signed with one that is new.
    async fn verify(&self, text: &str) -> Result<TokenClaims, Problem> {
        let secrets = self.secrets.get().await?;
        let now = self.ambient.now();
        let outcome = match tokens::verify(&secrets, text, now) {
            Err(Untrusted::UnknownKey) => {
                let renewed = self.secrets.refresh().await?;
                tokens::verify(&renewed, text, now)
            }
            outcome => outcome,
        };
        outcome.map_err(|untrusted| {
            let code = if untrusted == Untrusted::Expired { Code::TokenExpired } else { Code::Unauthorized };
            refuse(code, &untrusted.to_string())
        })
    }
}

impl<S: HasSessions> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        state.sessions().authenticate(&parts.headers).await
    }
}

fn bearer(headers: &HeaderMap) -> Result<&str, Problem> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = given.next() else {
        let detail = "this needs a token: log in and send Authorization: Bearer <token>";
        // RFC 6750, section 3.1: no error code where no credentials were sent.
        let challenge = HeaderValue::from_static("Bearer realm=\"nightjar\"");
        return Err(Problem::new(Code::Unauthorized, detail).with_header(WWW_AUTHENTICATE, challenge));
    };
    let text = header.to_str().unwrap_or_default().trim();
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    let token = token.trim();
    if given.next().is_some() || !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(refuse(Code::Unauthorized, "send one header of the form Authorization: Bearer <token>"));
    }
    Ok(token)
}

fn refuse(code: Code, detail: &str) -> Problem {
    let challenge = HeaderValue::from_static("Bearer realm=\"nightjar\", error=\"invalid_token\"");
    Problem::new(code, detail).with_header(WWW_AUTHENTICATE, challenge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (AUTHORIZATION, value.parse().unwrap())).collect()
    }

    #[test]
    fn reads_one_bearer_token() {
        assert_eq!(bearer(&headers(&["Bearer abc"])).unwrap(), "abc");
        assert_eq!(bearer(&headers(&["bearer  abc "])).unwrap(), "abc");
        for wrong in [&["abc"][..], &["Basic abc"], &["Bearer"], &["Bearer "], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(wrong)).unwrap_err().code(), Code::Unauthorized, "{wrong:?}");
        }
        assert!(bearer(&headers(&[])).unwrap_err().detail().contains("log in"));
    }
}

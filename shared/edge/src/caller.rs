//! Who asks: a token or an API key, the user it stands for, and that it was not revoked.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use boot::secrets::Secrets;
use boot::{Ambient, SecretCache};
use domain::api_key::{ApiKey, KeyText, Scope, Scopes};
use domain::id::KeyId;
use domain::time::Moment;
use domain::user::{Role, User};
use http::header::WWW_AUTHENTICATE;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use store::Store;

use crate::code::Code;
use crate::credentials::{Shown, refuse, shown};
use crate::problem::Problem;
use crate::tokens::{self, TokenClaims, Untrusted};

/// How often the use of a key is written down, at most.
const TOUCH_PAUSE: Duration = Duration::from_secs(300);
/// How long a request waits for that.
const TOUCH_PATIENCE: Duration = Duration::from_secs(1);

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

/// The user who sent a request, as a token or an API key proves.
///
/// As a handler's argument it demands of a key the scope that fits the method: `read` for GET and HEAD, `write`
/// for the others.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The user.
    pub user: User,
    /// What proves it.
    pub credential: Credential,
}

/// The sender of a request that only looks, whatever its method: a key needs the scope `read`, and no other.
#[derive(Clone, Debug)]
pub struct ReadCaller(pub Caller);

/// The sender of a request that starts or stops jobs: a key needs the scope `run`, and no other.
#[derive(Clone, Debug)]
pub struct RunCaller(pub Caller);

/// The sender of a request about the account itself: it takes a session, and no key will do.
#[derive(Clone, Debug)]
pub struct SessionCaller {
    /// The user.
    pub user: User,
    /// What the session's token says.
    pub token: TokenClaims,
}

/// What a request was believed for.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A session's token, which may do everything that its user may.
    Token(TokenClaims),
    /// An API key.
    Key {
        /// Which one.
        id: KeyId,
        /// What it may be used for.
        scopes: Scopes,
    },
}

impl Caller {
    /// Whether they may see and operate all users' records.
    pub fn is_admin(&self) -> bool {
        self.user.role == Role::Admin
    }

    /// Lets a token pass, and a key that has this scope; else a 403 that names the scope.
    pub fn require(&self, scope: Scope) -> Result<(), Problem> {
        match &self.credential {
            Credential::Key { scopes, .. } if !scopes.allow(scope) => Err(lacks(scope)),
            _ => Ok(()),
        }
    }
}

impl Sessions {
    /// Tokens are signed with these secrets, and users, keys and revocations stand in this table.
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

    /// The caller whom these headers prove, or a 401. What a key may be used for is not looked at.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        match shown(headers)? {
            Shown::Token(text) => self.by_token(text).await,
            Shown::Key(text) => self.by_key(&text).await,
        }
    }

    async fn by_token(&self, text: &str) -> Result<Caller, Problem> {
        let token = self.verify(text).await?;
        let session = self.store.session(token.user, &token.jti, token.issued_at).await?;
        if session.revoked {
            return Err(refuse(Code::Unauthorized, "the token was logged out; log in again"));
        }
        let Some(user) = session.user else {
            return Err(refuse(Code::Unauthorized, "the token's user does not exist any more"));
        };
        if user.tokens_valid_after != token.generation {
            return Err(refuse(Code::Unauthorized, "the token was revoked; log in again"));
        }
        Ok(Caller { user, credential: Credential::Token(token) })
    }

    async fn by_key(&self, text: &KeyText) -> Result<Caller, Problem> {
        let (digest, now) = (text.digest(), self.ambient.now());
        let Some(key) = self.store.api_key(&digest).await? else {
            return Err(refuse(Code::Unauthorized, "the API key does not exist, or was revoked"));
        };
        if !key.is_fresh(now) {
            return Err(refuse(Code::Unauthorized, "the API key has expired"));
        }
        let Some(user) = self.store.user(key.user_id).await? else {
            return Err(refuse(Code::Unauthorized, "the API key's user does not exist any more"));
        };
        if !key.is_live(&user, now) {
            return Err(refuse(Code::Unauthorized, "the API key was revoked, with all others of its user"));
        }
        self.touch(&key, &digest, now).await;
        Ok(Caller { user, credential: Credential::Key { id: key.id, scopes: key.scopes } })
    }

    /// Writes down that a key is in use, now and then. No request fails for it, nor waits long.
    async fn touch(&self, key: &ApiKey, digest: &str, now: Moment) {
        let pause = i64::try_from(TOUCH_PAUSE.as_millis()).unwrap_or(i64::MAX);
        let before = Moment::from_millis(now.as_millis().saturating_sub(pause));
        if key.last_used_at.is_some_and(|last| last > before) {
            return;
        }
        let write = self.store.touch_key(digest, now, before);
        match tokio::time::timeout(TOUCH_PATIENCE, write).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => {
                let error = &failure as &dyn std::error::Error;
                tracing::warn!(key = %key.id, error, "a key's use was not written down");
            }
            Err(_) => tracing::warn!(key = %key.id, "a key's use was not written down in time"),
        }
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
        let caller = state.sessions().authenticate(&parts.headers).await?;
        let looks = matches!(parts.method, Method::GET | Method::HEAD);
        caller.require(if looks { Scope::Read } else { Scope::Write })?;
        Ok(caller)
    }
}

impl<S: HasSessions> FromRequestParts<S> for ReadCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = state.sessions().authenticate(&parts.headers).await?;
        caller.require(Scope::Read)?;
        Ok(Self(caller))
    }
}

impl<S: HasSessions> FromRequestParts<S> for RunCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = state.sessions().authenticate(&parts.headers).await?;
        caller.require(Scope::Run)?;
        Ok(Self(caller))
    }
}

impl<S: HasSessions> FromRequestParts<S> for SessionCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = state.sessions().authenticate(&parts.headers).await?;
        match caller.credential {
            Credential::Token(token) => Ok(Self { user: caller.user, token }),
            Credential::Key { .. } => {
                let detail = "an API key may not do this: log in and send the session's token";
                Err(Problem::new(Code::Forbidden, detail))
            }
        }
    }
}

fn lacks(scope: Scope) -> Problem {
    let problem = Problem::new(Code::Forbidden, format!("the API key lacks the scope {scope}"));
    // RFC 6750, section 3.1.
    let challenge = format!("Bearer realm=\"nightjar\", error=\"insufficient_scope\", scope=\"{scope}\"");
    match HeaderValue::try_from(challenge) {
        Ok(challenge) => problem.with_header(WWW_AUTHENTICATE, challenge),
        Err(_) => problem,
    }
}

//! Who asks for what a secret is shown for or used.

use axum::extract::FromRequestParts;
use domain::api_key::Scope;
use edge::{Caller, HasSessions, Problem};
use http::request::Parts;

/// The sender of a request whose answer shows a secret, or that uses one: a key needs the scope `read` besides
/// `write`.
#[derive(Clone, Debug)]
pub(crate) struct SecretCaller(pub(crate) Caller);

impl<S: HasSessions> FromRequestParts<S> for SecretCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        caller.require(Scope::Read)?;
        Ok(Self(caller))
    }
}

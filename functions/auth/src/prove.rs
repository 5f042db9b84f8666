//! Whether somebody knows a password, and how often they may be wrong about it.

use domain::user::{User, digest};
use edge::credentials::refuse;
use edge::{Answer, Code, Problem, SessionCaller};

use crate::App;

impl App {
    /// The user, if this is their password.
    ///
    /// The attempt holds a place within the limit of failures before anything is judged, and gives it back
    /// unless it was a failure: of many guesses at the same moment no more are judged than are allowed. It is
    /// counted by what was given, whether or not such an account exists.
    pub(crate) async fn prove(
        &self,
        subject: &str,
        user: impl Future<Output = Answer<Option<User>>>,
        password: String,
    ) -> Answer<Option<User>> {
        let held = self.config.failure_limit().hold(self.store(), subject, self.ambient().now()).await?;
        let judged = async {
            let user = user.await?;
            let hash = user.as_ref().map(|user| user.password_hash.clone());
            let right = self.hasher.verify(password, hash).await?;
            Ok(user.filter(|_| right))
        };
        let judged = judged.await;
        match judged {
            Ok(None) => held.keep().await,
            // Whether it was right was not found out, or it was.
            Ok(Some(_)) | Err(_) => held.give_back().await,
        }
        judged
    }

    /// Lets pass who knows the caller's password; what is given stands at this place of the body. A session alone
    /// is not enough to take an account away: it may have been left open on somebody else's desk.
    pub(crate) async fn prove_again(
        &self,
        caller: &SessionCaller,
        place: &str,
        password: String,
    ) -> Answer<User> {
        let user = caller.user.clone();
        let subject = digest(user.email.trim());
        let proved = self.prove(&subject, async { Ok(Some(user)) }, password).await?;
        proved.ok_or_else(|| Problem::at_with(Code::Forbidden, place, "is not your password"))
    }

    /// The caller as the table has it now, after somebody else wrote it; a 401 if the session has died of that.
    pub(crate) async fn look_again(&self, caller: &SessionCaller) -> Answer<User> {
        let user = self.store().user(caller.user.id).await?;
        user.filter(|user| user.tokens_valid_after == caller.token.generation)
            .ok_or_else(|| refuse(Code::Unauthorized, "the token was revoked; log in again"))
    }
}

/// Others kept writing the user.
pub(crate) fn too_many_races() -> Problem {
    Problem::new(Code::Conflict, "the account was being changed at the same time; try again")
}

//! Whether somebody knows a password, and how often they may be wrong about it.

use domain::user::User;
use edge::credentials::refuse;
use edge::rate::Limit;
use edge::{Answer, Code, Problem, SessionCaller};

use crate::App;

impl App {
    /// The user, if this is their password.
    ///
    /// The attempt holds a place within the limit of failures before anything is judged, and gives it back
    /// unless it was a failure: of many guesses at the same moment no more are judged than are allowed. Without
    /// a user it takes as long and is a failure.
    pub(crate) async fn prove(
        &self,
        failures: Limit,
        subject: &str,
        user: Option<User>,
        password: String,
    ) -> Answer<Option<User>> {
        let held = failures.hold(self.store(), subject, self.ambient().now()).await?;
        let hash = user.as_ref().map(|user| user.password_hash.clone());
        let judged = self.hasher.verify(password, hash).await;
        match judged {
            Ok(false) => held.keep().await,
            // Whether it was right was not found out, or it was.
            Ok(true) | Err(_) => held.give_back().await,
        }
        judged.map(|right| user.filter(|_| right))
    }

    /// Lets pass who knows the caller's password; what is given stands at this place of the body. A session alone
    /// is not enough to take an account away: it may have been left open on somebody else's desk.
    pub(crate) async fn prove_again(
        &self,
        caller: &SessionCaller,
        place: &str,
        password: String,
    ) -> Answer<User> {
        let (failures, subject) = (self.config.proof_limit(), caller.user.id.to_string());
        let proved = self.prove(failures, &subject, Some(caller.user.clone()), password).await?;
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

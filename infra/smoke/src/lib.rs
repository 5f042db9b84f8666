//! What everybody who uses a deployment does, done once from outside: register, log in, run a job to its end, see its
//! webhook delivered, list, and leave. It needs nothing of the system but its URL.

mod api;
mod steps;

use std::time::{Duration, Instant};

use crate::api::Api;
use crate::steps::Visit;

/// What the deployment did not do: the step, and what came instead.
#[derive(Debug, thiserror::Error)]
#[error("{step}: {reason}")]
pub struct Failed {
    /// The step that failed.
    pub step: String,
    /// What came instead.
    pub reason: String,
}

/// Goes through all steps, tells of each how long it took, and ends with the first that fails. What has to come by
/// itself may take as long as `patience`. The account is deleted however it ends.
pub async fn smoke(
    url: &str,
    patience: Duration,
    mut tell: impl FnMut(&str, Duration),
) -> Result<(), Failed> {
    let begun = Api::of(url).and_then(|api| Visit::new(api, patience));
    let mut visit = begun.map_err(|reason| Failed { step: "begin".to_owned(), reason })?;
    let mut ended = Ok(());
    for step in steps::ALL {
        let began = now();
        match step.take(&mut visit).await {
            Ok(()) => tell(step.name(), began.elapsed()),
            Err(reason) => {
                ended = Err(Failed { step: step.name().to_owned(), reason });
                break;
            }
        }
    }
    match ended {
        Ok(()) => Ok(()),
        Err(failed) => Err(leave_anyway(&mut visit, failed).await),
    }
}

/// Nothing is left behind by a walk that broke off, or its failure says so too.
async fn leave_anyway(visit: &mut Visit, failed: Failed) -> Failed {
    match visit.leave_if_there().await {
        Ok(()) => failed,
        Err(left) => Failed { reason: format!("{}; and the account stays: {left}", failed.reason), ..failed },
    }
}

#[allow(clippy::disallowed_methods, reason = "it measures a system elsewhere, whose time is not ours")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

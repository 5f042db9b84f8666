//! What travels through the queues. The member names are a contract: a queue outlives a deployment.

use serde::{Deserialize, Serialize};

use crate::id::{CancelId, JobId, RunId, UserId, WebhookId};
use crate::time::Moment;

/// A message of the three job queues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum JobMessage {
    /// Run the job under this run, if it stands as the sender saw it or runs under this run already.
    Run {
        /// The job.
        job_id: JobId,
        /// The run that the sender made.
        run_id: RunId,
        /// The job's version that the sender saw.
        version: u64,
        /// How often it was taken out of the dead-letter queue.
        #[serde(default, skip_serializing_if = "is_zero")]
        rescued: u32,
    },
    /// Run the job for one occurrence of its schedule, if that is still the next one.
    Fire {
        /// The job.
        job_id: JobId,
        /// The run of that occurrence.
        run_id: RunId,
        /// The state of the schedule that the occurrence belongs to.
        schedule_rev: u64,
        /// The occurrence.
        #[serde(with = "crate::time::millis")]
        due_at: Moment,
        /// How often it was taken out of the dead-letter queue.
        #[serde(default, skip_serializing_if = "is_zero")]
        rescued: u32,
    },
    /// Tell the owner that this run of the job has failed for good.
    Notice {
        /// The job.
        job_id: JobId,
        /// The run.
        run_id: RunId,
        /// How often it was tried and is known not to be sent.
        #[serde(default, skip_serializing_if = "is_zero")]
        round: u32,
        /// How often it was taken out of the dead-letter queue.
        #[serde(default, skip_serializing_if = "is_zero")]
        rescued: u32,
    },
    /// Remove all jobs of a user who has deleted the account, and then the user.
    PurgeUser {
        /// The user.
        user_id: UserId,
        /// How many rounds have gone before: the last one looks again after the index has settled.
        #[serde(default, skip_serializing_if = "is_zero")]
        round: u32,
    },
    /// Remove what a deleted job left behind.
    Purge {
        /// The job.
        job_id: JobId,
    },
}

impl JobMessage {
    /// The first message of a run.
    pub fn run(job_id: JobId, run_id: RunId, version: u64) -> Self {
        Self::Run { job_id, run_id, version, rescued: 0 }
    }

    /// The message about a run that its sender is about to write, and that has ended by then: it starts nothing,
    /// for no record is at this version, and asks for what the run owes.
    pub fn of_ended(job_id: JobId, run_id: RunId) -> Self {
        Self::run(job_id, run_id, Self::NO_VERSION)
    }

    /// The version of no record: they begin with 1.
    pub const NO_VERSION: u64 = 0;

    /// The message of one occurrence of a job's schedule.
    pub fn fire(job_id: JobId, schedule_rev: u64, due_at: Moment) -> Self {
        let run_id = RunId::of_occurrence(job_id, due_at);
        Self::Fire { job_id, run_id, schedule_rev, due_at, rescued: 0 }
    }

    /// The first message that a run has failed.
    pub fn notice(job_id: JobId, run_id: RunId) -> Self {
        Self::Notice { job_id, run_id, round: 0, rescued: 0 }
    }

    /// The job it is about, if it is about one.
    pub fn job_id(&self) -> Option<JobId> {
        match self {
            Self::Run { job_id, .. }
            | Self::Fire { job_id, .. }
            | Self::Notice { job_id, .. }
            | Self::Purge { job_id } => Some(*job_id),
            Self::PurgeUser { .. } => None,
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Whose secret signs a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Endpoint {
    /// The job's own `webhookUrl`: its `webhookSecret`, or else its owner's secret.
    Job,
    /// The deployment's `WEBHOOK_URL`: the deployment's secret.
    Deployment,
}

impl Endpoint {
    /// Its id in delivery records, and a part of the `webhook-id`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Job => "job",
            Self::Deployment => "deployment",
        }
    }
}

/// A message of the webhooks queue: deliver this body to that URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deliver {
    /// The same on every attempt, duplicate and redelivery.
    pub webhook_id: WebhookId,
    /// The job it tells of.
    pub job_id: JobId,
    /// The job's owner.
    pub user_id: UserId,
    /// The run it tells of.
    pub run_id: RunId,
    /// Where it goes, by id.
    pub endpoint_id: Endpoint,
    /// Where it goes.
    pub url: String,
    /// The exact bytes to sign and send.
    pub body: String,
    /// 0, and one more with each redelivery that somebody asks for.
    #[serde(default)]
    pub round: u32,
    /// Set where a cancellation announced itself before it was written: deliver only if the job shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_id: Option<CancelId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_on_the_wire_do_not_change() {
        let job = "job_018bcfe568007abcabababababababab";
        let run = "run_018bcfe568007abcabababababababab";
        let text = format!(r#"{{"kind":"run","jobId":"{job}","runId":"{run}","version":7}}"#);
        let message: JobMessage = serde_json::from_str(&text).unwrap();
        assert_eq!(
            message,
            JobMessage::Run {
                job_id: job.parse().unwrap(),
                run_id: run.parse().unwrap(),
                version: 7,
                rescued: 0
            }
        );
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        assert!(serde_json::from_str::<JobMessage>(r#"{"kind":"explode"}"#).is_err());
        let text = format!(r#"{{"kind":"notice","jobId":"{job}","runId":"{run}"}}"#);
        let message = JobMessage::notice(job.parse().unwrap(), run.parse().unwrap());
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
        assert_eq!(serde_json::from_str::<JobMessage>(&text).unwrap(), message);
    }
}

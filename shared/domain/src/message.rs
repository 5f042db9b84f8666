//! What travels through the queues. The member names are a contract: a queue outlives a deployment.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::endpoint::Told;
use crate::id::{CancelId, EndpointId, JobId, NotAnId, RunId, UserId, WebhookId};
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
    /// Tell the owner what has become of a webhook endpoint.
    EndpointNotice {
        /// The owner.
        user_id: UserId,
        /// The endpoint.
        endpoint_id: EndpointId,
        /// What is to be told.
        told: Told,
        /// Since when the endpoint has failed, or the moment at which it was switched off.
        #[serde(with = "crate::time::millis")]
        at: Moment,
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
            Self::PurgeUser { .. } | Self::EndpointNotice { .. } => None,
        }
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Where a delivery goes, and whose secret signs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The job's own `webhookUrl`: its `webhookSecret`, or else its owner's secret.
    Job,
    /// The deployment's `WEBHOOK_URL`: the deployment's secret.
    Deployment,
    /// An endpoint of the job's owner: the endpoint's secret.
    Endpoint(EndpointId),
}

impl Target {
    /// The endpoint, if it is one.
    pub const fn endpoint(self) -> Option<EndpointId> {
        match self {
            Self::Endpoint(id) => Some(id),
            Self::Job | Self::Deployment => None,
        }
    }
}

/// Its id in delivery records, and a part of the `webhook-id`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job => f.write_str("job"),
            Self::Deployment => f.write_str("deployment"),
            Self::Endpoint(id) => id.fmt(f),
        }
    }
}

impl FromStr for Target {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        match text {
            "job" => Ok(Self::Job),
            "deployment" => Ok(Self::Deployment),
            id => id.parse().map(Self::Endpoint),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
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
    pub endpoint_id: Target,
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
    /// Its turn among those that wait for the same receiver, if it has been given one.
    #[serde(default, with = "crate::time::millis::option", skip_serializing_if = "Option::is_none")]
    pub turn: Option<Moment>,
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

    #[test]
    fn a_target_is_written_as_its_id() {
        let endpoint = "end_018bcfe568007abcabababababababab";
        let targets = [
            (Target::Job, "job"),
            (Target::Deployment, "deployment"),
            (Target::Endpoint(endpoint.parse().unwrap()), endpoint),
        ];
        for (target, text) in targets {
            assert_eq!(serde_json::to_value(target).unwrap(), text);
            assert_eq!(serde_json::from_value::<Target>(text.into()).unwrap(), target);
        }
        assert!("usr_018bcfe568007abcabababababababab".parse::<Target>().is_err());
    }
}

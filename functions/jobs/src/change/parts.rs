//! What a change makes of a job's payload and of its webhook.

use domain::job::{Job, JobWebhook};
use domain::payload::Payload;
use edge::{Answer, Problem};

use super::Change;
use crate::App;
use crate::members::{Members, check_task};

impl App {
    /// The payload, if it changes. A client that sends a whole job back has changed the one of its two names
    /// that differs from what is stored.
    pub(super) async fn next_payload(
        &self,
        job: &Job,
        task_type: &str,
        members: &Members,
    ) -> Answer<Option<Payload>> {
        let names = [("payload", &members.payload), ("parameters", &members.parameters)];
        if members.task_type.is_none() && names.iter().all(|(_, given)| given.is_none()) {
            return Ok(None);
        }
        let stored = self.store().payload(job).await?;
        let mut new = names.into_iter().filter_map(|(name, given)| Some((name, given.as_ref()?)));
        let mut new = new.by_ref().filter(|(_, given)| **given != stored);
        let (name, payload) = match (new.next(), new.next()) {
            (Some((_, payload)), Some((_, parameters))) if payload != parameters => {
                let told = "is the payload's other name, and differs from it: send one of them";
                return Err(Problem::at("/parameters", told));
            }
            (Some((name, payload)), _) => (name, Some(payload.clone())),
            (None, _) => ("payload", None),
        };
        let faults = check_task(
            task_type,
            payload.as_ref().unwrap_or(&stored),
            name,
            self.config.refuse_unknown_types && task_type != job.task_type,
        );
        if faults.is_empty() { Ok(payload) } else { Err(faults.into()) }
    }

    /// Where it tells of its end after the change.
    pub(super) async fn next_webhook(&self, job: &Job, change: &Change) -> Answer<Option<JobWebhook>> {
        if change.no_webhook {
            return Ok(None);
        }
        let members = &change.members;
        let url = members.webhook_url.as_ref().map(|url| url.as_str().to_owned());
        let Some(url) = url.or_else(|| job.webhook.as_ref().map(|webhook| webhook.url.clone())) else {
            return match members.webhook_secret {
                Some(_) => Err(Problem::at("/webhookSecret", "needs a webhookUrl beside it")),
                None => Ok(None),
            };
        };
        let kept = job.webhook.as_ref().and_then(|webhook| webhook.secret.clone());
        let secret = match &members.webhook_secret {
            Some(text) => Some(self.vault.seal(text, &job.id.to_string()).await?),
            None => kept.filter(|_| !change.no_secret),
        };
        let webhook = JobWebhook { url, secret };
        if webhook.secret.is_none()
            && job.webhook.as_ref() != Some(&webhook)
            && let Some(owner) = self.store().user(job.user_id).await?
        {
            self.with_signing(owner).await?;
        }
        Ok(Some(webhook))
    }
}

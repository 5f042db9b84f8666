//! What attempts tell of their receivers, and what follows from it.

use std::time::Duration;

use courier::{Outcome, Verdict};
use domain::endpoint::Told;
use domain::health::{Health, SLOW_AFTER, SLOWEST, Showing, Step, Subject};
use domain::id::EndpointId;
use domain::job::Priority;
use domain::message::{Deliver, JobMessage};
use domain::time::Moment;
use store::StoreError;

use crate::deliver::Courier;

/// How long what tells of a change waits for the change to be written.
const HEAD_START: Duration = Duration::from_secs(5);

impl Courier {
    /// The outcome of an attempt. One that takes long says so while it goes on, so that not every function comes to
    /// wait for the same receiver.
    pub(crate) async fn watched(
        &self,
        message: &Deliver,
        health: &Health,
        sending: impl Future<Output = Outcome>,
    ) -> Outcome {
        let mut sending = std::pin::pin!(sending);
        if let Ok(outcome) = tokio::time::timeout(SLOW_AFTER, &mut sending).await {
            return outcome;
        }
        let is_news = health.latency.is_none_or(|latency| latency == 0);
        let note = async {
            if is_news {
                let latency = u32::try_from(SLOWEST.as_secs()).unwrap_or(u32::MAX);
                let noted = self.store.note_slow(&Subject::of(message), latency, self.ambient.now()).await;
                unless_noted(message, noted);
            }
        };
        tokio::join!(sending, note).0
    }

    /// Notes what the attempt has shown, where that is news, and acts on it: an endpoint that is gone is switched off,
    /// and so is one that has done nothing but fail for long, after a warning.
    ///
    /// No delivery fails for it. What cannot be noted now, and what a crash keeps from being noted, the next attempt
    /// notes.
    pub(crate) async fn learn(&self, message: &Deliver, health: &Health, outcome: &Outcome) {
        // Without a request the receiver has shown nothing.
        if outcome.attempt.request_headers.is_empty() {
            return;
        }
        let subject = Subject::of(message);
        let (taken, sent_at) = (outcome.verdict == Verdict::Taken, outcome.attempt.sent_at);
        let showing = Showing::of(Duration::from_millis(outcome.attempt.duration_ms), taken);
        if health.is_news(showing, subject.is_endpoint()) {
            unless_noted(message, self.store.note_showing(&subject, showing, sent_at).await);
        }
        let Some(endpoint) = message.endpoint_id.endpoint().filter(|_| !taken) else { return };
        let since = health.failing_since.unwrap_or(sent_at);
        let now = self.ambient.now();
        if outcome.verdict == Verdict::Gone {
            // It is switched off even if its owner cannot be told: there is nobody there.
            self.tell(message, endpoint, Told::Gone, now).await;
            return self.switch_off(message, &subject, Told::Gone, None, now).await;
        }
        let failing = Health { failing_since: Some(since), ..health.clone() };
        match failing.step(now, self.disable_after) {
            Some(Step::Warn) if self.tell(message, endpoint, Told::Warning, since).await => {
                unless_noted(message, self.store.note_warned(&subject, since, now).await.map(drop));
            }
            Some(Step::Disable) if self.tell(message, endpoint, Told::Failing, now).await => {
                self.switch_off(message, &subject, Told::Failing, Some(since), now).await;
            }
            _ => {}
        }
    }

    async fn switch_off(
        &self,
        message: &Deliver,
        subject: &Subject,
        told: Told,
        since: Option<Moment>,
        now: Moment,
    ) {
        match self.store.switch_off(subject, told, since, now).await {
            Ok(true) => tracing::warn!(endpoint = %subject, %told, "an endpoint was switched off"),
            Ok(false) => {}
            Err(error) => unless_noted(message, Err(error)),
        }
    }

    /// Sends word to who tells the owner, a little delayed: the record must show what is told, or nothing is. False if
    /// that could not be sent.
    async fn tell(&self, message: &Deliver, endpoint_id: EndpointId, told: Told, at: Moment) -> bool {
        let user_id = message.user_id;
        let notice = JobMessage::EndpointNotice { user_id, endpoint_id, told, at, round: 0, rescued: 0 };
        let sent = self.jobs.send(Priority::Low, user_id, &notice, HEAD_START).await;
        if let Err(error) = &sent {
            tracing::warn!(endpoint = %endpoint_id, %told, %error, "an owner cannot be told of an endpoint");
        }
        sent.is_ok()
    }
}

fn unless_noted(message: &Deliver, noted: Result<(), StoreError>) {
    if let Err(error) = noted {
        tracing::warn!(endpoint = %message.endpoint_id, %error, "what a receiver has shown was not noted");
    }
}

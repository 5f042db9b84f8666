//! A bed with its queues, and hands to take messages out of them.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use domain::event::EventType;
use domain::id::{JobId, RunId, UserId, WebhookId};
use domain::message::{Deliver, Target};
use testkit::Bed;

pub(crate) struct Post {
    pub(crate) bed: Bed,
    /// Without faults.
    pub(crate) sound: Client,
    /// Through the faults, and each call is made once.
    pub(crate) blunt: Client,
    pub(crate) owner: UserId,
}

impl Post {
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        let config = bed.clients().config().to_builder().retry_config(RetryConfig::disabled()).build();
        let owner = UserId::fresh(bed.now(), bed.ambient.entropy());
        Self { owner, sound: bed.sound_clients().sqs(), blunt: Client::new(&config), bed }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn job_id(&self) -> JobId {
        JobId::fresh(self.bed.now(), self.bed.ambient.entropy())
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId::fresh(self.bed.now(), self.bed.ambient.entropy())
    }

    /// A delivery with that body.
    pub(crate) fn delivery(&self, endpoint: Target, body: String) -> Deliver {
        let run = self.run_id();
        Deliver {
            webhook_id: WebhookId::derive(run, EventType::Completed, self.bed.now(), &endpoint.to_string()),
            job_id: self.job_id(),
            user_id: self.owner,
            run_id: run,
            endpoint_id: endpoint,
            url: "https://example.com/hook".to_owned(),
            body,
            round: 0,
            cancel_id: None,
            turn: None,
        }
    }

    /// Everything that can be received from the queue now.
    pub(crate) async fn take(&self, queue: &str) -> Vec<Message> {
        let mut all = Vec::new();
        loop {
            let received = self
                .sound
                .receive_message()
                .queue_url(self.bed.queue(queue))
                .max_number_of_messages(10)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send();
            match received.await.unwrap().messages.unwrap_or_default() {
                none if none.is_empty() => return all,
                some => all.extend(some),
            }
        }
    }

    /// Visible, in flight and delayed.
    pub(crate) fn depth(&self, queue: &str) -> (i64, i64, i64) {
        let depth = self.bed.engine.queue_depth(queue).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }
}

pub(crate) fn group(message: &Message) -> &str {
    &message.attributes().unwrap()[&MessageSystemAttributeName::MessageGroupId]
}

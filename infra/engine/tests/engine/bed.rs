//! What every test lies on: an engine, a clock moved by hand, clients.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_sdk_dynamodb as dynamodb;
use aws_sdk_sqs as sqs;
use domain::time::{Clock, Moment};
use engine::{Depth, Engine, Options};
use sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};

pub(crate) const START: i64 = 1_800_000_000_000;

/// A clock that stands still until it is moved.
pub(crate) struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Moment {
        Moment::from_millis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Bed {
    pub(crate) engine: Engine,
    pub(crate) hands: Arc<Hands>,
    pub(crate) sqs: sqs::Client,
    pub(crate) table: dynamodb::Client,
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::at(None, START)
    }

    pub(crate) fn at(folder: Option<&Path>, now: i64) -> Self {
        let hands = Arc::new(Hands(AtomicI64::new(now)));
        let clock = Arc::clone(&hands) as Arc<dyn Clock>;
        let engine = Engine::open(Options { data_dir: folder.map(Path::to_owned), clock }).unwrap();
        let config = engine.sdk_config();
        Self { sqs: sqs::Client::new(&config), table: dynamodb::Client::new(&config), engine, hands }
    }

    pub(crate) fn pass(&self, millis: i64) {
        self.hands.0.fetch_add(millis, Ordering::SeqCst);
        self.engine.clock_moved();
    }

    /// Makes a queue and says its URL.
    pub(crate) async fn queue(&self, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
        let mut create = self.sqs.create_queue().queue_name(name);
        for (key, value) in attributes {
            create = create.attributes(key.clone(), *value);
        }
        create.send().await.unwrap().queue_url.unwrap()
    }

    /// Makes `name` with a dead-letter queue `name-dlq`; says both URLs.
    pub(crate) async fn queue_with_dlq(&self, name: &str, max_receive_count: u32) -> (String, String) {
        let dead = self.queue(&format!("{name}-dlq"), &[]).await;
        let arn = self.engine.queue_arn(&format!("{name}-dlq"));
        let policy = format!(r#"{{"deadLetterTargetArn":"{arn}","maxReceiveCount":{max_receive_count}}}"#);
        (self.queue(name, &[(QueueAttributeName::RedrivePolicy, &policy)]).await, dead)
    }

    pub(crate) async fn send(&self, url: &str, body: &str) -> String {
        self.sqs.send_message().queue_url(url).message_body(body).send().await.unwrap().message_id.unwrap()
    }

    pub(crate) async fn receive(&self, url: &str) -> Vec<Message> {
        let receive = self.sqs.receive_message().queue_url(url).max_number_of_messages(10);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        receive.message_attribute_names("All").send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn delete(&self, url: &str, message: &Message) {
        let handle = message.receipt_handle.clone().unwrap();
        self.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
    }

    /// Visible, in flight, delayed: as the SDK tells it, which must be what the engine tells.
    pub(crate) async fn depth(&self, url: &str) -> (i64, i64, i64) {
        let get = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All);
        let all = get.send().await.unwrap().attributes.unwrap();
        let read = |name| all.get(&name).unwrap().parse::<i64>().unwrap();
        let told = (
            read(QueueAttributeName::ApproximateNumberOfMessages),
            read(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            read(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        );
        let Depth { visible, in_flight, delayed } =
            self.engine.queue_depth(url.rsplit('/').next().unwrap()).unwrap();
        assert_eq!(told, (visible, in_flight, delayed));
        told
    }
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.body().unwrap()).collect()
}

pub(crate) fn attribute(message: &Message, name: MessageSystemAttributeName) -> Option<&str> {
    message.attributes()?.get(&name).map(String::as_str)
}

//! The function on the embedded engine, with a job to tell of and a receiver to tell it to.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_lambda_events::event::sqs::SqsBatchResponse;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use boot::clients::Clients;
use boot::{Ambient, SecretCache, Vars};
use domain::delivery::{Delivery, Receivers, owed};
use domain::endpoint::{Endpoint, Events};
use domain::health::{Health, Subject};
use domain::id::{EndpointId, JobId, RunId, UserId};
use domain::job::{Job, JobWebhook, PayloadPlace, Priority, Run, Status};
use domain::log::Log;
use domain::message::{Deliver, JobMessage, Target};
use domain::payload::Payload;
use domain::seal::{SealKey, Sealed};
use domain::time::{Clock, Entropy, Moment};
use domain::user::{Email, Role, Signing, User, UserName};
use engine::mapping::{self, HandlerError, Mapping};
use engine::{Depth, Engine};
use queue::{WebhookQueues, topology};
use store::{EndpointMade, NewJob, Store, schema};
use webhook::{Config, Webhook};

use egress::{Looking, Lookup};
use tokio::task::JoinSet;

use crate::faults::Faults;
use crate::sink::Sink;

pub(crate) const DATA_KEY: &str = "a key that nobody can guess";
pub(crate) const DEPLOYMENT_SECRET: &str = "whsec_ZGVwbG95bWVudA==";
pub(crate) const ENDPOINT_SECRET: &str = "whsec_ZW5kcG9pbnQ=";
pub(crate) const OWNER_SECRET: &str = "whsec_b3duZXI=";
const TABLE: &str = "nightjar";

/// Names without a network. `rebinding.test` is a receiver's at first, and then an inner address.
struct Names;

impl Lookup for Names {
    fn lookup(&self, name: &str) -> Looking {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let answer = match name.trim_end_matches('.') {
            "rebinding.test" if ASKED.fetch_add(1, Ordering::SeqCst) == 0 => Ok(vec![[127, 0, 0, 1].into()]),
            "rebinding.test" => Ok(vec![[10, 0, 0, 1].into()]),
            _ => Err(std::io::Error::other("no such host is known")),
        };
        Box::pin(async move { answer })
    }
}

/// A clock that stands until it is moved.
pub(crate) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> Moment {
        Moment::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Bytes that differ from call to call.
pub(crate) struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let number = self.0.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            chunk.copy_from_slice(&number.to_be_bytes()[..chunk.len()]);
        }
    }
}

pub(crate) struct House {
    pub(crate) clock: Arc<HandClock>,
    pub(crate) ambient: Ambient,
    pub(crate) engine: Engine,
    pub(crate) faults: Faults,
    pub(crate) store: Store,
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) queues: WebhookQueues,
    pub(crate) sink: Sink,
    pub(crate) webhook: Webhook,
    urls: HashMap<&'static str, String>,
}

impl House {
    pub(crate) async fn build() -> Self {
        Self::with(&[]).await
    }

    /// With these variables besides the usual ones, or in their place.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_250)));
        let engine = Engine::open(engine::Options { data_dir: None, clock: clock.clone() }).unwrap();
        for (id, secret) in [("data", DATA_KEY), ("hooks", DEPLOYMENT_SECRET)] {
            engine.set_secret_if_absent(id, &format!(r#"{{"current":"{secret}"}}"#)).await.unwrap();
        }
        let clean = Clients::from_config(&engine.sdk_config());
        schema::create(&clean.dynamodb(), TABLE).await.unwrap();
        let urls = topology::create(&clean.sqs(), "").await.unwrap();
        let url = |name| urls[name].clone();
        let entropy = Arc::new(Counting(AtomicU64::new(1)));
        let ambient = Ambient { clock: clock.clone(), entropy };

        let faults = Faults::new(engine.connector());
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let faulty = engine.sdk_config_with(SharedHttpClient::new(faults.clone()));
        let faulty = Clients::from_config(&faulty.to_builder().retry_config(retries).build());
        let usual = [
            ("TABLE_NAME", TABLE.to_owned()),
            ("DATA_SECRET_ID", "data".to_owned()),
            ("WEBHOOK_SECRET_ID", "hooks".to_owned()),
            ("JOBS_LOW_QUEUE_URL", url("jobs-low")),
            ("WEBHOOK_QUEUE_URL", url("webhooks")),
            ("WEBHOOK_DLQ_URL", url("webhooks-dlq")),
            ("EGRESS_ALLOW", "127.0.0.0/8".to_owned()),
        ];
        let more = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let mut vars = Vars::new(usual.into_iter().chain(more));
        let config = Config::read(&mut vars);
        vars.finish().unwrap();
        let data = SecretCache::new(faulty.secrets_manager(), "data", clock.clone());
        let options =
            egress::Options { allow: config.allow.clone(), lookup: Arc::new(Names), ..Default::default() };
        let egress = egress::Client::new(options);
        Self {
            webhook: Webhook::through(egress, &faulty, Arc::new(data), config, ambient.clone()),
            store: Store::new(clean.dynamodb(), TABLE),
            queues: WebhookQueues::new(clean.sqs(), url("webhooks")),
            sqs: clean.sqs(),
            sink: Sink::start().await,
            clock,
            ambient,
            engine,
            faults,
            urls,
        }
    }

    /// From now on the clock goes as the world's does, and the function gets what is in the queue, as Lambda would do
    /// it with so many of them at once. Until what this returns is dropped.
    pub(crate) fn live(&self, maximum_concurrency: usize) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        let (clock, engine) = (Arc::clone(&self.clock), self.engine.clone());
        tasks.spawn(async move {
            let (began, start) = (tokio::time::Instant::now(), clock.now().as_millis());
            loop {
                tokio::time::sleep(Duration::from_millis(20)).await;
                clock.0.store(start + i64::try_from(began.elapsed().as_millis()).unwrap(), Ordering::SeqCst);
                engine.clock_moved();
            }
        });
        let mapping = Mapping { maximum_concurrency, ..self.mapping() };
        let (engine, sqs, webhook) = (self.engine.clone(), self.sqs.clone(), self.webhook.clone());
        tasks.spawn(async move {
            let handler = move |event| {
                let webhook = webhook.clone();
                async move { Ok::<SqsBatchResponse, HandlerError>(webhook.handle(event).await) }
            };
            mapping.run(&engine, sqs, handler, std::future::pending()).await;
        });
        tasks
    }

    fn mapping(&self) -> Mapping {
        Mapping {
            queue_url: self.urls["webhooks"].clone(),
            function: "webhook".to_owned(),
            batch_size: 10,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(60),
        }
    }

    /// A completed job of a new user, with its webhook at the sink, and the message that it owes.
    pub(crate) async fn owing(&self, endpoint: Target) -> (Job, Deliver) {
        let owner = self.user(Some(self.seal(OWNER_SECRET))).await;
        let job = self.job(owner.id, None).await;
        let message = self.message(&job, endpoint);
        (job, message)
    }

    pub(crate) fn seal(&self, secret: &str) -> impl Fn(UserId) -> Signing {
        let (secret, ambient) = (secret.to_owned(), self.ambient.clone());
        move |owner| {
            let key = SealKey::from_secret(DATA_KEY);
            let current = key.seal(&secret, &owner.to_string(), ambient.entropy());
            Signing { current, previous: None, previous_until: None }
        }
    }

    pub(crate) async fn user(&self, signing: Option<impl Fn(UserId) -> Signing>) -> User {
        let id = UserId::fresh(self.now(), self.ambient.entropy());
        let email = format!("{id}@example.com");
        let user = User {
            id,
            name: id.to_string(),
            email: email.clone(),
            password_hash: String::new(),
            role: Role::User,
            signing: signing.map(|signing| signing(id)),
            tokens_valid_after: None,
            keys_valid_after: None,
            logged_out_at: None,
            deleted_at: None,
            created_at: self.now(),
            version: 1,
        };
        let (email, name) = (Email::parse(&email).unwrap(), UserName::parse(&user.name).unwrap());
        self.store.create_user(&user, &email, &name).await.unwrap();
        user
    }

    /// A job that completed just now.
    pub(crate) async fn job(&self, owner: UserId, secret: Option<&dyn Fn(JobId) -> Sealed>) -> Job {
        let (now, entropy) = (self.now(), self.ambient.entropy());
        let id = JobId::fresh(now, entropy);
        let mut run = Run::new(RunId::fresh(now, entropy), now);
        (run.attempt, run.completed_at, run.outcome) = (1, Some(now), Some(Status::Completed));
        let job = Job {
            id,
            user_id: owner,
            task_name: "report".to_owned(),
            task_type: "simulate".to_owned(),
            payload: PayloadPlace::Here(Payload::empty()),
            priority: Priority::Low,
            status: Status::Completed,
            version: 1,
            max_retries: 3,
            timeout_seconds: domain::job::LONGEST_TIMEOUT,
            timetable: None,
            webhook: Some(JobWebhook { url: self.sink.url(), secret: secret.map(|secret| secret(id)) }),
            run: Some(run),
            log: Log::default(),
            created_at: now,
            updated_at: now,
            cancel_id: None,
            deleted_at: None,
            expires_at: None,
        };
        let new = NewJob { job: job.clone(), payload: Payload::empty() };
        self.store.create_job(new, None, now).await.unwrap();
        job
    }

    /// An endpoint of that user at the sink, changed like this before it is written.
    pub(crate) async fn endpoint(&self, owner: UserId, change: impl FnOnce(&mut Endpoint)) -> Endpoint {
        let (now, id) = (self.now(), EndpointId::fresh(self.now(), self.ambient.entropy()));
        let mut endpoint = Endpoint {
            id,
            user_id: owner,
            url: self.sink.url(),
            description: String::new(),
            events: Events::All,
            enabled: true,
            signing: Signing::of(self.sealed(ENDPOINT_SECRET, &id.to_string())),
            steps: None,
            rate: None,
            headers: None,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        change(&mut endpoint);
        let owner = self.store.user(owner).await.unwrap().unwrap();
        assert_eq!(self.store.create_endpoint(&endpoint, &owner).await.unwrap(), EndpointMade::Made);
        endpoint
    }

    pub(crate) fn sealed(&self, text: &str, owner: &str) -> Sealed {
        SealKey::from_secret(DATA_KEY).seal(text, owner, self.ambient.entropy())
    }

    /// The endpoint, changed like this by its owner.
    pub(crate) async fn change(&self, endpoint: &Endpoint, change: impl FnOnce(&mut Endpoint)) -> Endpoint {
        let mut next = Endpoint { version: endpoint.version + 1, ..endpoint.clone() };
        change(&mut next);
        assert!(self.store.replace_endpoint(&next).await.unwrap());
        next
    }

    /// An endpoint of a new user, and the message that a job owes it.
    pub(crate) async fn heard_by(&self, change: impl FnOnce(&mut Endpoint)) -> (Endpoint, Deliver) {
        let owner = self.user(Some(self.seal(OWNER_SECRET))).await;
        let endpoint = self.endpoint(owner.id, change).await;
        let message = self.owed_to(&endpoint).await;
        (endpoint, message)
    }

    /// What a job that has just completed owes the endpoint.
    pub(crate) async fn owed_to(&self, endpoint: &Endpoint) -> Deliver {
        let job = self.job(endpoint.user_id, None).await;
        let to = Receivers { deployment: None, endpoints: std::slice::from_ref(endpoint) };
        let all = owed(&job, job.run.as_ref().unwrap(), &Payload::empty(), to);
        all.into_iter().find(|message| message.endpoint_id == Target::Endpoint(endpoint.id)).unwrap()
    }

    /// What is known of the endpoint.
    pub(crate) async fn health(&self, endpoint: &Endpoint) -> Health {
        self.store.health(&Subject::endpoint(endpoint.id), self.now()).await.unwrap()
    }

    /// What owners are to be told, by the messages of the low queue.
    pub(crate) async fn told(&self) -> Vec<JobMessage> {
        let url = &self.urls["jobs-low"];
        let received = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        for message in &messages {
            let handle = message.receipt_handle.as_deref().unwrap();
            self.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
        }
        messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
    }

    /// What the job owes to that endpoint.
    pub(crate) fn message(&self, job: &Job, endpoint: Target) -> Deliver {
        let url = self.sink.url();
        let to = Receivers { deployment: Some(&url), endpoints: &[] };
        let all = owed(job, job.run.as_ref().unwrap(), &Payload::empty(), to);
        all.into_iter().find(|message| message.endpoint_id == endpoint).unwrap()
    }

    pub(crate) async fn send(&self, message: &Deliver) {
        self.queues.send(std::slice::from_ref(message), Duration::ZERO).await.unwrap();
    }

    pub(crate) async fn send_text(&self, queue: &str, text: &str) {
        self.sqs.send_message().queue_url(&self.urls[queue]).message_body(text).send().await.unwrap();
    }

    /// One batch through the function, as Lambda would do it: how many messages were done, how many come again.
    pub(crate) async fn step(&self) -> (usize, usize) {
        let (mapping, webhook) = (self.mapping(), self.webhook.clone());
        let handler = move |event| {
            let webhook = webhook.clone();
            async move { Ok::<SqsBatchResponse, HandlerError>(webhook.handle(event).await) }
        };
        match mapping.step(&self.sqs, &handler).await.unwrap() {
            mapping::Delivery::Idle => (0, 0),
            mapping::Delivery::Settled { deleted, failed } => (deleted.len(), failed.len()),
            failed @ mapping::Delivery::Failed { .. } => panic!("{failed:?}"),
        }
    }

    pub(crate) fn now(&self) -> Moment {
        self.clock.now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.clock.0.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        self.engine.clock_moved();
    }

    pub(crate) fn pass_seconds(&self, seconds: u64) {
        self.pass(Duration::from_secs(seconds));
    }

    /// Waits until the record's next attempt is due, in whole seconds as SQS hides messages.
    pub(crate) async fn pass_step(&self, message: &Deliver) {
        let due = self.record(message).await.next_attempt_at.unwrap();
        self.pass_seconds(due.since(self.now()).as_millis().div_ceil(1000).try_into().unwrap());
    }

    pub(crate) async fn found(&self, message: &Deliver) -> Option<Delivery> {
        self.store.delivery(message.job_id, message.webhook_id).await.unwrap()
    }

    pub(crate) async fn record(&self, message: &Deliver) -> Delivery {
        self.found(message).await.expect("a record")
    }

    pub(crate) fn depth(&self, queue: &str) -> (i64, i64, i64) {
        let Depth { visible, in_flight, delayed } = self.engine.queue_depth(queue).unwrap();
        (visible, in_flight, delayed)
    }

    /// Nothing lies in the queue of deliveries.
    pub(crate) fn is_idle(&self) -> bool {
        self.depth("webhooks") == (0, 0, 0)
    }

    /// Takes what lies in the dead-letter queue.
    pub(crate) async fn exhume(&self) -> Vec<String> {
        let url = &self.urls["webhooks-dlq"];
        let received = self.sqs.receive_message().queue_url(url).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        for message in &messages {
            let handle = message.receipt_handle.as_deref().unwrap();
            self.sqs.delete_message().queue_url(url).receipt_handle(handle).send().await.unwrap();
        }
        messages.into_iter().filter_map(|message| message.body).collect()
    }
}

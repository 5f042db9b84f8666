//! A worker with its table and queues.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::clients::Clients;
use boot::{Ambient, Vars};
use domain::endpoint::{Endpoint, Events};
use domain::id::{EndpointId, RunId, UserId};
use domain::job::{Job, JobWebhook, Run};
use domain::life;
use domain::message::{Deliver, JobMessage};
use domain::payload::Payload;
use domain::time::Moment;
use domain::user::{Signing, User};
use engine::mapping::{Delivery, HandlerError, Mapping};
use queue::{JobQueues, topology};
use serde_json::Value;
use store::{Created, EndpointMade, NewJob, Replaced, Store};
use testkit::Bed;
use worker::{Config, Worker};

pub(crate) struct Shop {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    pub(crate) worker: Worker,
    pub(crate) queues: JobQueues,
    owner: UserId,
}

impl Shop {
    /// A worker whose simulated tasks take no time.
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// A worker with these variables besides.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        let bed = Bed::new().await;
        let [high, medium, low] = bed.job_queues();
        let queues = JobQueues::new(bed.sound_clients().sqs(), high, medium, low);
        let worker = worker(&bed, variables, bed.ambient.clone());
        let owner = UserId::fresh(bed.now(), bed.ambient.entropy());
        Self { store: bed.store(), worker, queues, owner, bed }
    }

    /// From now on the jobs are those of a user who is registered.
    pub(crate) async fn settle_in(&mut self, name: &str) {
        let persona = testkit::user(&self.bed, name);
        self.store.create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
        self.owner = persona.user.id;
    }

    pub(crate) fn owner(&self) -> UserId {
        self.owner
    }

    /// An endpoint of the owner that hears of these events.
    pub(crate) async fn endpoint(&self, events: &[&str]) -> Endpoint {
        let id = EndpointId::fresh(self.now(), self.bed.ambient.entropy());
        let sealed = self.bed.seal_key().seal("whsec_ZW5k", &id.to_string(), self.bed.ambient.entropy());
        let endpoint = Endpoint {
            id,
            user_id: self.owner,
            url: "https://example.com/endpoint".to_owned(),
            description: String::new(),
            events: Events::read(events).unwrap(),
            enabled: true,
            signing: Signing::of(sealed),
            steps: None,
            rate: None,
            headers: None,
            created_at: self.now(),
            updated_at: self.now(),
            version: 1,
        };
        let owner = self.store.user(self.owner).await.unwrap().unwrap();
        assert_eq!(self.store.create_endpoint(&endpoint, &owner).await.unwrap(), EndpointMade::Made);
        endpoint
    }

    /// Marks the owner's account as deleted.
    pub(crate) async fn delete_account(&self) {
        let user = self.store.user(self.owner).await.unwrap().unwrap();
        let marked = User { deleted_at: Some(self.now()), version: user.version + 1, ..user };
        assert!(self.store.delete_user(&marked).await.unwrap());
    }

    pub(crate) fn now(&self) -> Moment {
        self.bed.now()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId::fresh(self.now(), self.bed.ambient.entropy())
    }

    /// A job that tells a webhook of its end, not yet written.
    pub(crate) fn draft(&self) -> Job {
        let webhook = JobWebhook { url: "https://example.com/hook".to_owned(), secret: None };
        Job { webhook: Some(webhook), ..testkit::job(&self.bed, self.owner) }
    }

    pub(crate) async fn write(&self, job: Job, payload: Value) -> Job {
        let payload = Payload::stored(payload.to_string()).unwrap();
        let new = NewJob { job, payload };
        match self.store.create_job(new, None, self.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    /// The job, written and started, with its message in the queue.
    pub(crate) async fn start(&self, job: Job, payload: Value) -> Job {
        let job = self.write(job, payload).await;
        let run = self.run_id();
        self.send(&job, run, Duration::ZERO).await;
        let started = life::start(&job, run, self.now());
        self.replace(&started).await;
        started
    }

    pub(crate) async fn send(&self, job: &Job, run: RunId, delay: Duration) {
        let message = JobMessage::run(job.id, run, job.version);
        self.queues.send(job.priority, job.user_id, &message, delay).await.unwrap();
    }

    pub(crate) async fn replace(&self, next: &Job) {
        assert!(matches!(self.store.replace_job(next).await.unwrap(), Replaced::Written));
    }

    /// One batch of the low queue: how many messages are done, and how many come again.
    pub(crate) async fn step(&self) -> (usize, usize) {
        self.step_of(&self.worker).await
    }

    pub(crate) async fn step_of(&self, worker: &Worker) -> (usize, usize) {
        let mapping = Mapping {
            queue_url: self.bed.queue(topology::JOBS_LOW.name),
            function: "worker".to_owned(),
            batch_size: 10,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(60),
        };
        let handler =
            |event: SqsEvent| async move { Ok::<SqsBatchResponse, HandlerError>(worker.handle(event).await) };
        match mapping.step(&self.bed.sound_clients().sqs(), &handler).await.unwrap() {
            Delivery::Idle => (0, 0),
            Delivery::Settled { deleted, failed } => (deleted.len(), failed.len()),
            failed @ Delivery::Failed { .. } => panic!("{failed:?}"),
        }
    }

    pub(crate) async fn read(&self, job: &Job) -> Job {
        self.store.job(job.id, self.now()).await.unwrap().expect("the job")
    }

    /// The deliveries asked for since the last look.
    pub(crate) async fn asked(&self) -> Vec<Deliver> {
        let (sqs, url) = (self.bed.sound_clients().sqs(), self.bed.queue(topology::WEBHOOKS.name));
        let mut all = Vec::new();
        loop {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
            let messages = received.await.unwrap().messages.unwrap_or_default();
            if messages.is_empty() {
                return all;
            }
            for message in messages {
                all.push(serde_json::from_str(message.body().unwrap()).unwrap());
                let handle = message.receipt_handle().unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
            }
        }
    }

    /// Visible, in flight and delayed messages of the low queue.
    pub(crate) fn depth(&self) -> (i64, i64, i64) {
        let depth = self.bed.engine.queue_depth(topology::JOBS_LOW.name).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }
}

/// A worker that makes each call once, through the faults.
pub(crate) fn worker(bed: &Bed, variables: &[(&str, &str)], ambient: Ambient) -> Worker {
    Worker::new(&blunt(bed.clients().config()), config_of(bed, variables), ambient)
}

/// Clients that make each call once.
pub(crate) fn blunt(sdk: &SdkConfig) -> Clients {
    Clients::from_config(&sdk.to_builder().retry_config(RetryConfig::disabled()).build())
}

pub(crate) fn config_of(bed: &Bed, variables: &[(&str, &str)]) -> Config {
    let mut all = bed.vars();
    all.insert("SIMULATED_TASK_MS".to_owned(), "0".to_owned());
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut vars = Vars::new(all);
    let config = Config::read(&mut vars);
    vars.finish().unwrap();
    config
}

/// The run that the job shows.
pub(crate) fn run(job: &Job) -> &Run {
    job.run.as_ref().expect("a run")
}

/// What the job's log tells.
pub(crate) fn told(job: &Job) -> Vec<&str> {
    job.log.entries().iter().map(|entry| entry.message.as_str()).collect()
}

//! The function with its table and queues.

use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::Vars;
use boot::clients::Clients;
use deadletter::{Config, DeadLetter};
use domain::id::{RunId, UserId};
use domain::job::{Job, Priority};
use domain::life::{self, Present};
use domain::message::JobMessage;
use domain::payload::Payload;
use domain::time::Moment;
use engine::mapping::{Delivery, HandlerError, Mapping};
use queue::topology;
use store::{Created, NewJob, Replaced, Store};
use testkit::Bed;

pub(crate) struct Morgue {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    function: DeadLetter,
    owner: UserId,
}

impl Morgue {
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        let mut vars = Vars::new(bed.vars());
        let config = Config::read(&mut vars);
        vars.finish().unwrap();
        let sdk = bed.clients().config().to_builder().retry_config(RetryConfig::disabled()).build();
        let function = DeadLetter::new(&Clients::from_config(&sdk), config, bed.ambient.clone());
        let owner = UserId::fresh(bed.now(), bed.ambient.entropy());
        Self { store: bed.store(), function, owner, bed }
    }

    pub(crate) fn now(&self) -> Moment {
        self.bed.now()
    }

    /// The present; the function keeps what ends for its 90 days.
    pub(crate) fn present(&self) -> Present {
        Present { now: self.now(), keep: Some(Duration::from_secs(90 * 86_400)) }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn run_id(&self) -> RunId {
        RunId::fresh(self.now(), self.bed.ambient.entropy())
    }

    /// An urgent pending job in the table.
    pub(crate) async fn job(&self) -> Job {
        let draft = testkit::job(&self.bed, self.owner);
        let job = Job { priority: Priority::High, max_retries: 1, ..draft };
        let new = NewJob { job, payload: Payload::empty() };
        match self.store.create_job(new, None, self.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    /// A job that runs, and nobody works on it.
    pub(crate) async fn running(&self) -> Job {
        let job = self.job().await;
        self.replace(life::start(&job, self.run_id(), self.now())).await
    }

    /// A job whose attempt of that number is held by somebody.
    pub(crate) async fn held(&self, attempt: u32) -> Job {
        let mut job = self.running().await;
        for _ in 0..attempt {
            let run = job.run.as_ref().unwrap().id;
            job = self.replace(life::claim(&job, run, 7, self.now())).await;
        }
        job
    }

    pub(crate) async fn replace(&self, next: Job) -> Job {
        assert!(matches!(self.store.replace_job(&next).await.unwrap(), Replaced::Written));
        next
    }

    pub(crate) async fn read(&self, job: &Job) -> Job {
        self.store.job(job.id, self.now()).await.unwrap().expect("the job")
    }

    /// Puts a text among the dead letters.
    pub(crate) async fn bury(&self, body: &str) {
        let url = self.bed.queue(topology::JOBS_DLQ.name);
        self.bed.sound_clients().sqs().send_message().queue_url(url).message_body(body).send().await.unwrap();
    }

    /// Puts the job's run message among them.
    pub(crate) async fn bury_run(&self, job: &Job, rescued: u32) {
        let run_id = job.run.as_ref().unwrap().id;
        let message = JobMessage::Run { job_id: job.id, run_id, version: job.version, rescued };
        self.bury(&serde_json::to_string(&message).unwrap()).await;
    }

    /// One batch: how many messages are done, and how many come again.
    pub(crate) async fn step(&self) -> (usize, usize) {
        let mapping = Mapping {
            queue_url: self.bed.queue(topology::JOBS_DLQ.name),
            function: "deadletter".to_owned(),
            batch_size: 10,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(60),
        };
        let handler = |event: SqsEvent| async move {
            Ok::<SqsBatchResponse, HandlerError>(self.function.handle(event).await)
        };
        match mapping.step(&self.bed.sound_clients().sqs(), &handler).await.unwrap() {
            Delivery::Idle => (0, 0),
            Delivery::Settled { deleted, failed } => (deleted.len(), failed.len()),
            failed @ Delivery::Failed { .. } => panic!("{failed:?}"),
        }
    }

    /// What can be received from a job queue now.
    pub(crate) async fn fresh(&self, queue: topology::Queue) -> Vec<JobMessage> {
        let (sqs, url) = (self.bed.sound_clients().sqs(), self.bed.queue(queue.name));
        let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        messages.iter().map(|message| serde_json::from_str(message.body().unwrap()).unwrap()).collect()
    }

    /// Visible, in flight and delayed.
    pub(crate) fn depth(&self, queue: topology::Queue) -> (i64, i64, i64) {
        let depth = self.bed.engine.queue_depth(queue.name).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }

    /// Nothing lies in any queue.
    pub(crate) fn is_idle(&self) -> bool {
        topology::ALL.into_iter().all(|queue| self.depth(queue) == (0, 0, 0))
    }
}

/// The message of the job's run, taken out so often.
pub(crate) fn message_of(job: &Job, rescued: u32) -> JobMessage {
    let run_id = job.run.as_ref().unwrap().id;
    JobMessage::Run { job_id: job.id, run_id, version: job.version, rescued }
}

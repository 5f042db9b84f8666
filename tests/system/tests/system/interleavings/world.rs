//! All functions on one bed, and hands to move them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use axum::body::Body;
use boot::Vars;
use boot::clients::Clients;
use deadletter::DeadLetter;
use domain::id::{JobId, RunId, UserId};
use domain::job::{Job, JobWebhook};
use domain::life::Present;
use domain::message::Deliver;
use domain::payload::Payload;
use engine::mapping::{Delivery, HandlerError, Mapping};
use http::{Request, StatusCode};
use queue::topology::{self, Queue};
use scheduler::Scheduler;
use serde_json::Value;
use store::{Created, NewJob, Shards, Store};
use testkit::{Bed, Fault, When};
use tower::ServiceExt;
use worker::Worker;

use super::gate::Gate;

const JOBS: [Queue; 4] = [topology::JOBS_HIGH, topology::JOBS_MEDIUM, topology::JOBS_LOW, topology::JOBS_DLQ];
/// Few shards are few calls of a tick, and each call is disturbed.
const SHARDS: u8 = 2;
/// How much virtual time passes while nothing is visible.
const TICK: Duration = Duration::from_secs(15);
/// After so much of it every queue must be empty: longer than any visibility timeout, several times.
const MOST_TICKS: usize = 400;

pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    pub(crate) owner: UserId,
    /// Every delivery that was asked for.
    pub(crate) asked: RefCell<Vec<Deliver>>,
    pub(crate) hands: Hands,
    sound: aws_sdk_sqs::Client,
    token: String,
    dies: Cell<bool>,
    has_died: Cell<bool>,
}

/// What a process has: the functions, with its own way to AWS.
#[derive(Clone)]
pub(crate) struct Hands {
    router: Router,
    worker: Worker,
    deadletter: DeadLetter,
    pub(crate) scheduler: Scheduler,
    sqs: aws_sdk_sqs::Client,
}

impl World {
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        let persona = testkit::user(&bed, "ann");
        bed.store().create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
        let hands = hands(&bed, SharedHttpClient::new(bed.faults.clone()));
        let mut world = Self {
            store: bed.store().with_shards(Shards::new(SHARDS).unwrap()),
            owner: persona.user.id,
            asked: RefCell::default(),
            hands,
            sound: bed.sound_clients().sqs(),
            token: String::new(),
            dies: Cell::new(false),
            has_died: Cell::new(false),
            bed,
        };
        world.renew().await;
        world
    }

    /// Forgets what has happened; the owner logs in again.
    pub(crate) async fn renew(&mut self) {
        let secrets = self.bed.auth_secrets().get().await.unwrap();
        self.token = edge::tokens::issue(&secrets, self.owner, &self.bed.ambient).unwrap().token;
        self.asked.borrow_mut().clear();
        self.bed.faults.clear();
        self.has_died.set(false);
    }

    /// Another process, of which the nth call of that operation is held up.
    pub(crate) fn held_up(&self, operation: &'static str, nth: usize) -> (Hands, Gate) {
        let gate = Gate::new(self.bed.engine.connector(), operation, nth);
        (hands(&self.bed, SharedHttpClient::new(gate.clone())), gate)
    }

    /// The present, and that what ends is kept for 90 days.
    pub(crate) fn present(&self) -> Present {
        Present { now: self.bed.now(), keep: Some(Duration::from_secs(90 * 86_400)) }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    /// A pending job that tells a webhook of its end.
    pub(crate) async fn job(&self, payload: &Value, max_retries: u32) -> Job {
        let webhook = JobWebhook { url: "https://example.com/hook".to_owned(), secret: None };
        let draft = testkit::job(&self.bed, self.owner);
        let job = Job { webhook: Some(webhook), max_retries, ..draft };
        let payload = Payload::stored(payload.to_string()).unwrap();
        match self.store.create_job(NewJob { job, payload }, None, self.bed.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    pub(crate) async fn read(&self, id: JobId) -> Job {
        self.store.job(id, self.bed.now()).await.unwrap().expect("the job")
    }

    /// The request as its owner sends it.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> Request<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        request.body(Body::from(body.to_owned())).unwrap()
    }

    /// Asks for that to be done to the job; nothing if the process dies of it.
    pub(crate) async fn ask(&self, job: JobId, what: &str) -> Option<StatusCode> {
        let request = match what {
            "delete" => self.request("DELETE", &format!("/jobs/{job}"), ""),
            _ => self.request("POST", &format!("/jobs/{job}/{what}"), ""),
        };
        self.survive(self.hands.send(request)).await
    }

    /// From now on, at the nth call: that fault.
    pub(crate) fn plan(&self, nth: usize, fault: Fault) {
        self.dies.set(matches!(fault, Fault::DiesBefore | Fault::DiesAfter));
        // Only a conditional write can be refused for its condition.
        let only = (fault == Fault::ConditionFailed).then_some("PutItem");
        self.bed.faults.plan(When::Nth(nth), fault, only);
    }

    /// Whether what was planned has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.has_died.get() || self.bed.faults.strikes() > 0
    }

    /// Waits for the future, unless its process dies.
    pub(crate) async fn survive<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        let death = async {
            while !self.dies.get() || self.bed.faults.strikes() == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The call before the death takes effect.
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        tokio::select! {
            biased;
            done = future => Some(done),
            () = death => {
                self.has_died.set(true);
                self.dies.set(false);
                self.bed.faults.clear();
                None
            }
        }
    }

    /// One batch of a queue; whether anything was delivered.
    pub(crate) async fn step(&self, queue: Queue) -> bool {
        let step = self.survive(self.hands.step(&self.bed, queue)).await;
        !matches!(step, Some(Delivery::Idle))
    }

    /// Delivers what the queues hold now.
    pub(crate) async fn work_off(&self) {
        for _ in 0..100 {
            let mut moved = false;
            for queue in JOBS {
                if self.visible(queue) > 0 {
                    moved |= self.step(queue).await;
                }
            }
            moved |= self.collect().await;
            if !moved {
                return;
            }
        }
        panic!("a message comes again and again at one moment");
    }

    /// Lets time pass until no queue holds anything.
    pub(crate) async fn settle(&self) {
        for _ in 0..MOST_TICKS {
            self.work_off().await;
            if topology::ALL.into_iter().all(|queue| self.depth(queue) == (0, 0, 0)) {
                return;
            }
            self.bed.advance(TICK);
        }
        let left: Vec<_> = topology::ALL.into_iter().map(|queue| (queue.name, self.depth(queue))).collect();
        panic!("something is never done with: {left:?}");
    }

    /// Takes what was asked for of the webhooks.
    async fn collect(&self) -> bool {
        if self.visible(topology::WEBHOOKS) == 0 {
            return false;
        }
        let (sqs, url) = (&self.sound, self.bed.queue(topology::WEBHOOKS.name));
        let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
        let messages = received.await.unwrap().messages.unwrap_or_default();
        for message in &messages {
            self.asked.borrow_mut().push(serde_json::from_str(message.body().unwrap()).unwrap());
            let handle = message.receipt_handle().unwrap();
            sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
        }
        !messages.is_empty()
    }

    fn visible(&self, queue: Queue) -> i64 {
        self.depth(queue).0
    }

    /// Visible, in flight and delayed messages.
    pub(crate) fn depth(&self, queue: Queue) -> (i64, i64, i64) {
        let depth = self.bed.engine.queue_depth(queue.name).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }

    /// What the deliveries tell of that run, each once.
    pub(crate) fn events(&self, run: RunId) -> BTreeSet<String> {
        let asked = self.asked.borrow();
        let of_run = asked.iter().filter(|one| one.run_id == run);
        of_run.map(|one| serde_json::from_str::<Value>(&one.body).unwrap()["type"].to_string()).collect()
    }
}

impl Hands {
    /// The answer's status.
    pub(crate) async fn send(&self, request: Request<Body>) -> StatusCode {
        self.router.clone().oneshot(request).await.unwrap().status()
    }

    /// One batch of a queue to its function, by a process that may fail at any call.
    pub(crate) async fn step(&self, bed: &Bed, queue: Queue) -> Delivery {
        let mapping = Mapping {
            queue_url: bed.queue(queue.name),
            function: queue.name.to_owned(),
            batch_size: 10,
            maximum_concurrency: 1,
            timeout: Duration::from_secs(60),
        };
        let handler = |event: SqsEvent| async move {
            let answer = match queue == topology::JOBS_DLQ {
                true => self.deadletter.handle(event).await,
                false => self.worker.handle(event).await,
            };
            Ok::<SqsBatchResponse, HandlerError>(answer)
        };
        // A source that cannot be asked, or told, comes back later.
        mapping.step(&self.sqs, &handler).await.unwrap_or(Delivery::Idle)
    }
}

/// The functions with that way to AWS; each call is made once.
fn hands(bed: &Bed, way: SharedHttpClient) -> Hands {
    let sdk = bed.engine.sdk_config_with(way).to_builder().retry_config(RetryConfig::disabled()).build();
    let (clients, ambient) = (Clients::from_config(&sdk), bed.ambient.clone());
    let mut all = bed.vars();
    let own = [("SIMULATED_TASK_MS", "0"), ("RATE_LIMIT_MAX", "1000000")];
    all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all.insert("DUE_SHARDS".to_owned(), SHARDS.to_string());
    let mut vars = Vars::new(all);
    let (run, jobs) = (run::Config::read(&mut vars), jobs::Config::read(&mut vars));
    let (worker, dead) = (worker::Config::read(&mut vars), deadletter::Config::read(&mut vars));
    let scheduler = scheduler::Config::read(&mut vars);
    vars.finish().unwrap();
    let run = run::routes(run::App::new(&clients, bed.auth_secrets(), run, ambient.clone()));
    let secrets = jobs::SecretCaches { auth: bed.auth_secrets(), data: bed.data_secrets() };
    let jobs = jobs::routes(jobs::App::new(&clients, secrets, jobs, ambient.clone()));
    Hands {
        router: edge::router::finish(run.merge(jobs), edge::CorsPolicy::default()),
        worker: Worker::new(&clients, worker, ambient.clone()),
        deadletter: DeadLetter::new(&clients, dead, ambient.clone()),
        scheduler: Scheduler::new(&clients, scheduler, ambient),
        sqs: aws_sdk_sqs::Client::new(&sdk),
    }
}

//! All functions on one bed, and hands to move them.

mod hands;
mod passing;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{HttpClient, SharedHttpClient};
use axum::body::Body;
use domain::id::{JobId, RunId, UserId};
use domain::job::{Job, JobWebhook};
use domain::life::Present;
use domain::message::Deliver;
use domain::payload::Payload;
use http::{Request, StatusCode};
use serde_json::Value;
use store::{Created, NewJob, Shards, Store};
use testkit::{Bed, Fault, When};

pub(crate) use hands::{Hands, Reply};
pub(crate) use passing::READ;

/// Few shards are few calls of a tick, and each call is disturbed.
const SHARDS: u8 = 2;
/// Whoever does nothing for so long, and is on no call, waits for the clock.
const NAP: Duration = Duration::from_millis(4);
/// After so many turns in which a process does not even wait for a call it waits for the clock.
pub(crate) const IDLE_TURNS: usize = 40;
/// No function sleeps longer between two calls.
pub(crate) const SLEEP: Duration = Duration::from_millis(100);
/// By how many seconds it is moved then: a worker waits out the last part of a second, and a bit.
pub(crate) const NUDGE: u64 = 2;
/// Who becomes an administrator.
const ADMIN: &str = "root@example.com";

pub(crate) struct World {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    pub(crate) owner: UserId,
    /// Every delivery that was asked for, where nobody delivers.
    pub(crate) asked: RefCell<Vec<Deliver>>,
    pub(crate) hands: Hands,
    /// Whether webhooks are delivered; otherwise what is asked for is only kept.
    pub(crate) delivers: bool,
    /// Whether the tick comes, each minute.
    pub(crate) ticks: Cell<bool>,
    /// Whether every second tick is lost: in every second minute it looks at the shards that nothing is in, too, and
    /// each is a call more to disturb and none more to learn from.
    pub(crate) loses_ticks: bool,
    /// Whether a process that does nothing is told by its turns and not by the real time, which is another each time.
    /// None may talk to anybody but AWS then while it watches the clock.
    pub(crate) counts_turns: Cell<bool>,
    sound: aws_sdk_sqs::Client,
    token: String,
    /// Whether a process that stops goes on one day.
    freezes: Cell<bool>,
    /// The process that stands still.
    frozen: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        let persona = testkit::user(&bed, "ann");
        bed.store().create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
        let hands = Hands::new(&bed, SharedHttpClient::new(bed.faults.clone()));
        let mut world = Self {
            store: bed.store().with_shards(Shards::new(SHARDS).unwrap()),
            owner: persona.user.id,
            asked: RefCell::default(),
            hands,
            delivers: false,
            ticks: Cell::new(false),
            loses_ticks: false,
            counts_turns: Cell::new(false),
            sound: bed.sound_clients().sqs(),
            token: String::new(),
            freezes: Cell::new(false),
            frozen: RefCell::default(),
            bed,
        };
        world.renew().await;
        world
    }

    /// Forgets what has happened; the owner logs in again.
    pub(crate) async fn renew(&mut self) {
        self.token = self.token_of(self.owner).await;
        self.asked.borrow_mut().clear();
        self.bed.faults.clear();
        self.frozen.take();
    }

    /// A token of that user's.
    pub(crate) async fn token_of(&self, user: UserId) -> String {
        let secrets = self.bed.auth_secrets().get().await.unwrap();
        edge::tokens::issue(&secrets, user, &self.bed.ambient).unwrap().token
    }

    /// Another process, with that way to AWS.
    pub(crate) fn process(&self, way: impl HttpClient + 'static) -> Hands {
        Hands::new(&self.bed, SharedHttpClient::new(way))
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
        let draft = testkit::job(&self.bed, self.owner);
        self.written(Job { max_retries, ..draft }, payload, "https://example.com/hook").await
    }

    /// The job, written, with that payload and that webhook.
    pub(crate) async fn written(&self, job: Job, payload: &Value, hook: &str) -> Job {
        let webhook = JobWebhook { url: hook.to_owned(), secret: None };
        let job = Job { webhook: Some(webhook), ..job };
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
        request(&self.token, method, path, body)
    }

    /// Asks for that to be done to the job; nothing if the process stops.
    pub(crate) async fn ask(&self, job: JobId, what: &str) -> Option<StatusCode> {
        let reply = match what {
            "delete" => self.call("DELETE", &format!("/jobs/{job}"), &Value::Null).await,
            _ => self.call("POST", &format!("/jobs/{job}/{what}"), &Value::Null).await,
        };
        reply.map(|reply| reply.status)
    }

    /// Sends a request as the owner; nothing if the process stops.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Option<Reply> {
        self.call_with(self.request(method, path, &text(body))).await
    }

    /// Sends a request; nothing if the process stops.
    pub(crate) async fn call_with(&self, request: Request<Body>) -> Option<Reply> {
        let hands = self.hands.clone();
        self.survive(async move { hands.answer(request).await }, false).await
    }

    /// From now on, at the nth call: that fault.
    pub(crate) fn plan(&self, nth: usize, fault: Fault) {
        self.freezes.set(fault == Fault::Freezes);
        self.bed.faults.plan(When::Nth(nth), fault, None);
    }

    /// Whether what was planned has happened.
    pub(crate) fn has_struck(&self) -> bool {
        self.bed.faults.strikes() > 0
    }

    /// Waits for what a process does, unless that stops. What stands still is kept for [`thaw`](Self::thaw). If it
    /// watches the clock, time passes while it does nothing else.
    pub(crate) async fn survive<T: 'static>(
        &self,
        process: impl Future<Output = T> + 'static,
        watches_clock: bool,
    ) -> Option<T> {
        if watches_clock && self.counts_turns.get() {
            return Some(self.count_turns(process).await);
        }
        let mut stopped = std::pin::pin!(self.bed.faults.stopped());
        let mut process = Box::pin(process);
        loop {
            tokio::select! {
                biased;
                done = &mut process => return Some(done),
                () = &mut stopped => break,
                () = tokio::time::sleep(NAP), if watches_clock => {
                    if !self.bed.faults.is_passing() {
                        self.pass(NUDGE);
                    }
                }
            }
        }
        if self.freezes.get() {
            *self.frozen.borrow_mut() = Some(Box::pin(async move {
                process.await;
            }));
        }
        None
    }

    /// Lets a process go on to its end. What it sleeps through is over after some turns, and the clock moves on.
    async fn count_turns<T>(&self, process: impl Future<Output = T>) -> T {
        tokio::time::pause();
        let (mut process, mut idle) = (Box::pin(process), 0);
        let done = loop {
            if let Poll::Ready(done) = futures::poll!(&mut process) {
                break done;
            }
            if !self.bed.faults.is_passing() {
                idle += 1;
                if idle % IDLE_TURNS == 0 {
                    self.pass(NUDGE);
                    tokio::time::advance(SLEEP).await;
                }
            }
            tokio::task::yield_now().await;
        };
        tokio::time::resume();
        done
    }

    /// Lets the process that stands still go on to its end; false if there is none.
    pub(crate) async fn thaw(&self) -> bool {
        let Some(frozen) = self.frozen.take() else { return false };
        self.bed.faults.thaw();
        frozen.await;
        true
    }

    /// What the deliveries tell of that run, each once.
    pub(crate) fn events(&self, run: RunId) -> BTreeSet<String> {
        let asked = self.asked.borrow();
        let of_run = asked.iter().filter(|one| one.run_id == run);
        of_run.map(|one| serde_json::from_str::<Value>(&one.body).unwrap()["type"].to_string()).collect()
    }
}

/// A request under that token.
pub(crate) fn request(token: &str, method: &str, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    request.body(Body::from(body.to_owned())).unwrap()
}

/// A body as it is sent: nothing for `null`.
pub(crate) fn text(body: &Value) -> String {
    if body.is_null() { String::new() } else { body.to_string() }
}

//! The functions as Lambda runs them: each with its own way to AWS, one invocation a request, a tick or a batch, and a
//! stopwatch that shows what is billed.
//!
//! Time is virtual. It passes a millisecond at a time, when nobody has anything left to do at the moment: so a call takes
//! as long as [`super::ledger`] says, and not as long as the engine takes on this machine. What a function computes takes
//! no time here; the bill adds it.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use engine::mapping::{Delivery, HandlerError};
use http::StatusCode;
use queue::topology::{self, Queue};
use serde_json::Value;
use testkit::Bed;
use tokio::time::Instant;

use super::ledger::{Entry, Ledger};
use super::stack::Stack;
use crate::sink::Sink;
use crate::world::{Hands, READ, request, text};

/// How long a receiver takes to answer.
const RECEIVER: Duration = Duration::from_millis(100);
/// After so many turns in which nobody is done a millisecond has passed.
const TURNS: usize = 24;
const TICK: Duration = Duration::from_millis(1);
/// What a log counts for each line besides.
const LINE: usize = 26;
/// The functions that come to anything here.
const FUNCTIONS: [&str; 5] = ["jobs", "run", "worker", "webhook", "scheduler"];

/// One invocation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Invocation {
    /// Of which function.
    pub(super) function: &'static str,
    /// How long it took.
    pub(super) took: Duration,
    /// How many messages or requests it was given.
    pub(super) given: usize,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Every call to AWS.
    pub(super) entries: Vec<Entry>,
    /// Every invocation.
    pub(super) invocations: Vec<Invocation>,
    /// Requests to the API, and the bytes of their lines in its log.
    pub(super) requests: (usize, usize),
    /// Bytes of log lines, by function.
    pub(super) logged: BTreeMap<&'static str, usize>,
    /// Metrics that are made of log lines.
    pub(super) metrics: BTreeSet<String>,
    /// Bytes that went to the internet: answers and webhooks.
    pub(super) sent: usize,
}

/// The cloud.
pub(super) struct Cloud {
    pub(super) bed: Bed,
    pub(super) sink: Sink,
    pub(super) stack: Stack,
    ledger: Ledger,
    hands: BTreeMap<&'static str, Hands>,
    token: String,
    lines: Lines,
    book: RefCell<Book>,
    arrived: Cell<usize>,
    _log: tracing::subscriber::DefaultGuard,
}

impl Cloud {
    /// A cloud with one user and nothing in it.
    pub(super) async fn new() -> Self {
        count_metrics();
        let bed = Bed::new().await;
        let ledger = Ledger::new(bed.faults.clone());
        let variables = variables(&bed);
        let hands = FUNCTIONS.map(|function| {
            let way = SharedHttpClient::new(ledger.of(function));
            (function, Hands::with(&bed, way, variables.clone()))
        });
        let persona = testkit::user(&bed, "ann");
        bed.store().create_user(&persona.user, &persona.email, &persona.name).await.unwrap();
        let secrets = bed.auth_secrets().get().await.unwrap();
        let token = edge::tokens::issue(&secrets, persona.user.id, &bed.ambient).unwrap().token;
        let lines = Lines::default();
        let writer = lines.clone();
        let log = boot::telemetry::lines("info", move || writer.clone());
        Self {
            sink: Sink::slow(RECEIVER, |_| StatusCode::OK).await,
            stack: Stack::read(),
            ledger,
            hands: hands.into_iter().collect(),
            token,
            lines,
            book: RefCell::default(),
            arrived: Cell::new(0),
            _log: tracing::subscriber::set_default(log),
            bed,
        }
    }

    /// Forgets what was counted.
    pub(super) fn begin(&self) {
        self.finish();
        self.bed.faults.clear();
    }

    /// What was counted since the beginning.
    pub(super) fn finish(&self) -> Book {
        let mut book = self.book.take();
        book.entries = self.ledger.take();
        let arrivals = self.sink.arrivals();
        book.sent += arrivals.iter().skip(self.arrived.get()).map(|one| one.body.len()).sum::<usize>();
        self.arrived.set(arrivals.len());
        book
    }

    /// A request of the user's to that function.
    pub(super) async fn call(&self, function: &'static str, method: &str, path: &str, body: &Value) -> Value {
        let request = request(&self.token, method, path, &text(body));
        let begun = Instant::now();
        let reply = self.drive(self.hands[function].answer(request)).await;
        assert!(reply.status.is_success(), "{method} {path}: {} {}", reply.status, reply.body);
        self.invoked(function, begun.elapsed(), 1);
        let answer = reply.body.to_string().len();
        let line = self.stack.access_line(&format!("{method} {path}"), reply.status, answer);
        let mut book = self.book.borrow_mut();
        book.requests.0 += 1;
        book.requests.1 += line.len() + LINE;
        book.sent += answer;
        reply.body
    }

    /// A tick.
    pub(super) async fn tick(&self) {
        let begun = Instant::now();
        let done = self.drive(self.hands["scheduler"].scheduler.handle(Value::Null)).await;
        assert!(done.finished().is_ok());
        self.invoked("scheduler", begun.elapsed(), 1);
    }

    /// Delivers what the queues hold in batches of up to so many, until they hold nothing. A batch is taken when nothing
    /// more is to come up soon, so that batches are full.
    pub(super) async fn work_off(&self, batch: usize) {
        loop {
            let depths = READ.map(|queue| (queue, self.bed.engine.queue_depth(queue.name).unwrap()));
            let ready = depths.iter().find(|(_, depth)| depth.visible > 0);
            let coming = depths.iter().any(|(_, depth)| depth.delayed + depth.in_flight > 0);
            match ready {
                Some((queue, depth)) if depth.delayed + depth.in_flight == 0 => {
                    self.serve(*queue, batch).await;
                }
                _ if coming => self.pass(self.until_something_comes_up()),
                _ => return,
            }
        }
    }

    /// Until the next message that is not to be seen yet comes up.
    fn until_something_comes_up(&self) -> Duration {
        let now = self.bed.now();
        let due = READ.iter().filter_map(|queue| self.bed.engine.queue_due(queue.name));
        // What is visible already is waiting for the others.
        due.map(|at| at.since(now)).filter(|wait| !wait.is_zero()).min().unwrap_or(Duration::from_secs(1))
    }

    /// Lets time pass in which nothing is done.
    pub(super) fn pass(&self, time: Duration) {
        self.bed.advance(time);
    }

    async fn serve(&self, queue: Queue, batch: usize) {
        let function = match queue {
            topology::WEBHOOKS => "webhook",
            topology::JOBS_DLQ => panic!("nothing dies here"),
            _ => "worker",
        };
        let hands = &self.hands[function];
        let mapping = Hands::mapping(self.bed.queue(queue.name), queue, batch);
        let handler = |event: SqsEvent| async move {
            let (begun, given) = (Instant::now(), event.records.len());
            let answer = hands.handle(queue, event).await;
            self.invoked(function, begun.elapsed(), given);
            Ok::<_, HandlerError>(answer)
        };
        let delivery = self.drive(hands.deliver(queue, &mapping, &handler)).await;
        assert!(matches!(delivery, Delivery::Settled { .. }), "{function}: {delivery:?}");
    }

    fn invoked(&self, function: &'static str, took: Duration, given: usize) {
        let mut book = self.book.borrow_mut();
        book.invocations.push(Invocation { function, took, given });
        let metrics_of_it = String::from_utf8(meter::emf::kept()).unwrap();
        for line in self.lines.take().into_iter().chain(metrics_of_it.lines().map(str::to_owned)) {
            *book.logged.entry(function).or_default() += line.len() + LINE;
            let told: Value = serde_json::from_str(&line).unwrap();
            assert!(!matches!(told["level"].as_str(), Some("ERROR")), "{line}");
            book.metrics.extend(metrics(function, &told));
        }
    }

    /// Waits for what is done, and lets time pass while nobody does anything.
    async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let mut idle = 0;
        loop {
            if let Poll::Ready(done) = futures::poll!(&mut work) {
                return done;
            }
            idle += 1;
            if idle % TURNS == 0 {
                self.bed.advance(TICK);
                tokio::time::advance(TICK).await;
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Has the lines of metrics kept, where this process has no other tests whose lines would be among them.
fn count_metrics() {
    #[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
    let alone = ["NEXTEST", super::JOBS].iter().any(|name| std::env::var_os(name).is_some());
    if alone {
        meter::emf::install("nightjar-jobs");
        meter::emf::kept();
    }
}

/// The metrics that a line makes, each with the function that its dimensions tell apart.
fn metrics(function: &str, line: &Value) -> Vec<String> {
    let directives = line["_aws"]["CloudWatchMetrics"].as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    for directive in &directives {
        let sets = directive["Dimensions"].as_array().cloned().unwrap_or_default();
        for (set, metric) in sets.iter().flat_map(|set| {
            directive["Metrics"].as_array().into_iter().flatten().map(move |metric| (set, metric))
        }) {
            let names = set.as_array().into_iter().flatten().filter_map(Value::as_str);
            let values: Vec<_> = names.map(|name| line[name].to_string()).collect();
            found.push(format!("{function} {} {values:?}", metric["Name"]));
        }
    }
    found
}

/// Lines that were written.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn take(&self) -> Vec<String> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// All is as the template sets it, but that no limit is met and that the receiver is on this machine.
fn variables(bed: &Bed) -> std::collections::HashMap<String, String> {
    let mut all = bed.vars();
    let own = [("RATE_LIMIT_MAX", "1000000"), ("EGRESS_ALLOW", "127.0.0.0/8")];
    all.extend(own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    all
}

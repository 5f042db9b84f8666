//! Faults in the SDK's HTTP connector: between a function and AWS, where faults come from.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::watch;

use crate::{Call, Fault};

/// Which calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The call of that number, from 0, and no other.
    Nth(usize),
    /// That call and the SDK's attempts to repeat it, so that the function sees the fault.
    NthAndRepeats(usize),
    /// Every call.
    Always,
}

/// A connector with faults, and a record of every call. Clones share both.
#[derive(Clone, Debug)]
pub struct Faults {
    inner: SharedHttpConnector,
    state: Arc<Mutex<State>>,
    /// How often a process has come to where it stops.
    stops: watch::Sender<usize>,
    /// How often those that stand still were told to go on.
    thaws: watch::Sender<usize>,
    /// How many calls are on their way.
    passing: Arc<AtomicUsize>,
}

/// A call on its way, until it is answered or its caller is gone.
struct Passing(Arc<AtomicUsize>);

impl Passing {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    plan: Option<(When, Fault, Option<String>)>,
    /// The call at which the plan struck, told apart by its body.
    struck: Option<Call>,
    strikes: usize,
    counted: usize,
}

impl Faults {
    /// Faults before this connector.
    pub fn new(inner: impl HttpConnector + 'static) -> Self {
        Self {
            inner: SharedHttpConnector::new(inner),
            state: Arc::default(),
            stops: watch::Sender::new(0),
            thaws: watch::Sender::new(0),
            passing: Arc::default(),
        }
    }

    /// From now on, counting calls from 0 anew: this fault at that call. With an operation, such as `PutItem`,
    /// only calls of it count.
    pub fn plan(&self, when: When, fault: Fault, operation: Option<&str>) {
        let mut state = self.state();
        *state = State { plan: Some((when, fault, operation.map(str::to_owned))), ..State::default() };
    }

    /// From now on, counting calls anew: no fault.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// The calls since the last plan.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often the plan has struck.
    pub fn strikes(&self) -> usize {
        self.state().strikes
    }

    /// Whether a call is on its way: its caller waits for nothing else.
    pub fn is_passing(&self) -> bool {
        self.passing.load(Ordering::SeqCst) > 0
    }

    /// Waits until a process comes to where it stops, from the moment of this call on.
    pub fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let mut stops = self.stops.subscribe();
        async move {
            if stops.changed().await.is_err() {
                std::future::pending().await
            }
        }
    }

    /// Lets the processes that stand still go on.
    pub fn thaw(&self) {
        self.thaws.send_modify(|thaws| *thaws += 1);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes the call and says what happens to it.
    fn next(&self, call: &Call) -> Option<Fault> {
        let mut state = self.state();
        state.calls.push(call.clone());
        let (when, fault, only) = state.plan.clone()?;
        if only.is_some_and(|only| call.name() != only) {
            return None;
        }
        let number = state.counted;
        let repeat = state.struck.as_ref() == Some(call);
        if !repeat {
            state.counted += 1;
        }
        let meant = match when {
            When::Always => true,
            When::Nth(n) => number == n && !repeat,
            When::NthAndRepeats(n) => number == n || repeat,
        };
        let strikes = meant && fault.befalls(call);
        if strikes {
            state.struck = Some(call.clone());
            state.strikes += 1;
        }
        strikes.then_some(fault)
    }
}

impl HttpConnector for Faults {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let fault = self.next(&call);
        let inner = self.inner.clone();
        match fault {
            None => {
                let passing = Passing::new(&self.passing);
                HttpConnectorFuture::new(async move {
                    let answer = inner.call(request).await;
                    drop(passing);
                    answer
                })
            }
            Some(stop @ (Fault::DiesBefore | Fault::DiesAfter | Fault::Freezes)) => {
                let (stops, mut thaws) = (self.stops.clone(), self.thaws.subscribe());
                HttpConnectorFuture::new(async move {
                    if stop == Fault::DiesAfter {
                        inner.call(request).await?;
                        stops.send_modify(|stops| *stops += 1);
                        return std::future::pending().await;
                    }
                    stops.send_modify(|stops| *stops += 1);
                    if stop == Fault::DiesBefore || thaws.changed().await.is_err() {
                        return std::future::pending().await;
                    }
                    inner.call(request).await
                })
            }
            Some(fault) => fault.befall(&inner, request, &call),
        }
    }
}

impl HttpClient for Faults {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl Call {
    /// The call that a request makes; SES is called by its paths and names no operation.
    pub fn of(request: &HttpRequest) -> Self {
        let operation = match request.headers().get("x-amz-target") {
            Some(target) => target.to_owned(),
            None if request.uri().ends_with("/v2/email/outbound-emails") => "SESv2.SendEmail".to_owned(),
            None => String::new(),
        };
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        Self { operation, body }
    }
}

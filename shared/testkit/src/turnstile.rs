//! A turnstile before AWS: each call waits there until a test lets it pass, or something happens to it. So a test, and
//! nothing else, decides in which order the calls of several processes take place.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::sync::oneshot;

use crate::{Call, Fault, Replica};

/// The turnstile. Clones share its state.
#[derive(Clone, Debug)]
pub struct Turnstile {
    inner: SharedHttpConnector,
    /// Who answers reads that may be stale.
    replica: Option<Arc<Replica>>,
    state: Arc<Mutex<State>>,
}

/// One process's way through it.
#[derive(Clone, Debug)]
pub struct Way {
    turnstile: Turnstile,
    process: u64,
}

/// A call that waits.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Its number; they count up.
    pub number: u64,
    /// Whose it is.
    pub process: u64,
    /// What it is.
    pub call: Call,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    waiting: Vec<(Waiting, oneshot::Sender<Option<Fault>>)>,
    /// Who has calls that passed and are not answered yet.
    passing: Vec<u64>,
    /// Who will never be answered again.
    dead: BTreeSet<u64>,
    /// Whether every call passes at once.
    open: bool,
}

impl Turnstile {
    /// A turnstile before this connector, with a replica for the reads that may be stale.
    pub fn new(inner: impl HttpConnector + 'static, replica: Option<Arc<Replica>>) -> Self {
        Self { inner: SharedHttpConnector::new(inner), replica, state: Arc::default() }
    }

    /// The way of the process of that number.
    pub fn way(&self, process: u64) -> Way {
        Way { turnstile: self.clone(), process }
    }

    /// The calls that wait, in the order in which they came; one that its process gave up does not.
    pub fn waiting(&self) -> Vec<Waiting> {
        let mut state = self.state();
        state.waiting.retain(|(_, go)| !go.is_closed());
        state.waiting.iter().map(|(waiting, _)| waiting.clone()).collect()
    }

    /// Whether the process has a call that waits, and none that is on its way.
    pub fn is_held(&self, process: u64) -> bool {
        let state = self.state();
        !state.passing.contains(&process)
            && state.waiting.iter().any(|(one, go)| one.process == process && !go.is_closed())
    }

    /// Whether the process has a call that has passed and is not answered.
    pub fn is_passing(&self, process: u64) -> bool {
        self.state().passing.contains(&process)
    }

    /// Lets a call pass, or has this happen to it.
    pub fn release(&self, number: u64, fault: Option<Fault>) {
        let mut state = self.state();
        let Some(place) = state.waiting.iter().position(|(one, _)| one.number == number) else { return };
        let (waiting, go) = state.waiting.remove(place);
        state.passing.push(waiting.process);
        drop(state);
        // Whoever has stopped waiting is dead.
        let _ = go.send(fault);
    }

    /// No call of that process returns any more.
    pub fn kill(&self, process: u64) {
        let mut state = self.state();
        state.dead.insert(process);
        state.waiting.retain(|(one, _)| one.process != process);
        state.passing.retain(|one| *one != process);
    }

    /// From now on every call passes at once, those that wait too.
    pub fn open(&self) {
        self.state().open = true;
        for waiting in self.waiting() {
            self.release(waiting.number, None);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a call waits for; nothing if every call passes.
    fn enter(&self, process: u64, call: &Call) -> Option<oneshot::Receiver<Option<Fault>>> {
        let mut state = self.state();
        if state.open && !state.dead.contains(&process) {
            return None;
        }
        let (go, gone) = oneshot::channel();
        if !state.dead.contains(&process) {
            state.count += 1;
            let waiting = Waiting { number: state.count, process, call: call.clone() };
            state.waiting.push((waiting, go));
        }
        Some(gone)
    }

    fn answered(&self, process: u64) {
        let mut state = self.state();
        if let Some(place) = state.passing.iter().position(|one| *one == process) {
            state.passing.remove(place);
        }
    }

    fn pass(&self, request: HttpRequest, call: &Call) -> HttpConnectorFuture {
        match &self.replica {
            Some(replica) if call.may_be_stale() => replica.read(request),
            _ => self.inner.call(request),
        }
    }
}

impl HttpConnector for Way {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (turnstile, process) = (self.turnstile.clone(), self.process);
        let call = Call::of(&request);
        let Some(gone) = turnstile.enter(process, &call) else { return turnstile.pass(request, &call) };
        HttpConnectorFuture::new(async move {
            // The sender is gone: so is the process.
            let Ok(fault) = gone.await else { return std::future::pending().await };
            let answer = match fault {
                None => turnstile.pass(request, &call).await,
                Some(Fault::DiesAfter) => {
                    drop(turnstile.pass(request, &call).await);
                    turnstile.answered(process);
                    return std::future::pending().await;
                }
                Some(fault) => fault.befall(&turnstile.inner, request, &call).await,
            };
            turnstile.answered(process);
            answer
        })
    }
}

impl HttpClient for Way {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

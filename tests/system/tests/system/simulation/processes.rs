//! Processes: what each does is a future, and it moves on only when it is told to.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use domain::time::Moment;
use engine::mapping::Delivery;
use testkit::{Bed, Turnstile};

use super::clients::Wish;
use crate::world::{Hands, IDLE_TURNS, NUDGE, Reply, SLEEP};

/// After so many turns in which a process only waits it has come to where it waits.
const TURNS: usize = 12;
/// And after so many for a moment that it sleeps through, which is over then: nobody's history shall hang on how busy the
/// machine is that it is lived on.
const ASLEEP: usize = 20;
/// No process takes longer from one call to the next.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a process has done.
pub(super) enum Done {
    Served(Delivery),
    Ticked,
    Answered(Wish, Reply),
}

/// A process that does something.
pub(super) struct Actor {
    pub(super) process: u64,
    pub(super) what: String,
    /// Whether it waits for moments to come.
    pub(super) watches_clock: bool,
    /// Whether it talks to receivers, and what it waits for may be theirs to say.
    pub(super) talks: bool,
    /// Whether it answers a client.
    pub(super) asks: bool,
    /// Until when it stands still.
    pub(super) frozen: Option<Moment>,
    hands: Hands,
    does: Pin<Box<dyn Future<Output = Done>>>,
}

/// Every process there is, at work or not.
pub(super) struct Processes {
    turnstile: Turnstile,
    started: u64,
    /// Those that have nothing to do; what they remember of the past they keep.
    idle: Vec<(u64, Hands)>,
}

impl Processes {
    pub(super) fn new(turnstile: Turnstile) -> Self {
        Self { turnstile, started: 0, idle: Vec::new() }
    }

    /// Has a process do that: one that is idle, or a new one.
    pub(super) fn start<F>(&mut self, bed: &Bed, what: String, does: impl FnOnce(Hands) -> F) -> Actor
    where
        F: Future<Output = Done> + 'static,
    {
        let (process, hands) = self.idle.pop().unwrap_or_else(|| {
            self.started += 1;
            let way = self.turnstile.way(self.started);
            (self.started, Hands::new(bed, SharedHttpClient::new(way)))
        });
        Actor {
            process,
            what,
            watches_clock: false,
            talks: false,
            asks: false,
            frozen: None,
            does: Box::pin(does(hands.clone())),
            hands,
        }
    }

    /// The process is free for something else.
    pub(super) fn is_done(&mut self, actor: Actor) {
        self.idle.push((actor.process, actor.hands));
    }

    /// The process is gone, with all that it had begun.
    pub(super) fn kill(&self, actor: Actor) {
        self.turnstile.kill(actor.process);
        drop(actor);
    }

    /// Lets a process go on until a call of its waits, or to its end. The runtime's time stands still meanwhile.
    pub(super) async fn go_on(&self, bed: &Bed, actor: &mut Actor) -> Option<Done> {
        let begun = clock();
        let (mut still, mut idle) = (0, 0);
        while still < TURNS {
            if let Poll::Ready(done) = futures::poll!(&mut actor.does) {
                return Some(done);
            }
            still = if self.turnstile.is_held(actor.process) { still + 1 } else { 0 };
            if still == 0 && !self.turnstile.is_passing(actor.process) {
                idle += 1;
                if idle == IDLE_TURNS && actor.watches_clock {
                    bed.advance(Duration::from_secs(NUDGE));
                }
                if idle % ASLEEP == 0 && !actor.talks {
                    tokio::time::advance(SLEEP).await;
                }
            }
            assert!(begun.elapsed() < PATIENCE, "{} neither calls nor ends", actor.what);
            tokio::task::yield_now().await;
        }
        None
    }

    /// Lets what passed of a process take effect, though it will not learn of it.
    pub(super) async fn take_effect(&self, actor: &mut Actor) {
        while self.turnstile.is_passing(actor.process) {
            assert!(futures::poll!(&mut actor.does).is_pending(), "{} went on after its death", actor.what);
            tokio::task::yield_now().await;
        }
    }

    /// Lets a process go on to its end, while every call passes.
    pub(super) async fn finish(&self, actor: Actor) -> Done {
        let Actor { what, does, .. } = actor;
        tokio::time::timeout(PATIENCE, does).await.unwrap_or_else(|_| panic!("{what} never ends"))
    }
}

#[allow(clippy::disallowed_methods, reason = "that a process hangs shows on no clock of the simulation")]
fn clock() -> Instant {
    Instant::now()
}

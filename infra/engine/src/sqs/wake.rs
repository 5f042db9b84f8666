//! Who waits for a message is woken when there is one: no polling, and a latency of the scheduler only.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::store::Queues;

/// A wait that no event ends looks again after so long: a queue may be deleted and made anew.
const LONGEST: Duration = Duration::from_secs(60);

/// One bell a queue name, whether the queue exists yet or not.
#[derive(Default)]
pub(crate) struct Wakes(Mutex<HashMap<String, Arc<Notify>>>);

impl Wakes {
    fn bell(&self, queue: &str) -> Arc<Notify> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(queue) {
            return Arc::clone(bell);
        }
        Arc::clone(bells.entry(queue.to_owned()).or_default())
    }

    pub(crate) fn ring(&self, queue: &str) {
        self.bell(queue).notify_waiters();
    }

    pub(crate) fn ring_all(&self) {
        for bell in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            bell.notify_waiters();
        }
    }
}

/// Tells when a queue has something to give.
#[derive(Clone)]
pub struct QueueWake {
    pub(crate) queues: Arc<Queues>,
    pub(crate) name: String,
}

impl QueueWake {
    /// Returns once the queue has a visible message; at once if it has one now.
    ///
    /// Delays and visibility timeouts are waited out by the wall. Who moves a clock by hand calls
    /// [`Engine::clock_moved`](crate::Engine::clock_moved) afterwards.
    pub async fn due(&self) {
        let bell = self.queues.wakes.bell(&self.name);
        loop {
            let mut rung = pin!(bell.notified());
            // Listen before looking, or a message sent in between would ring unheard.
            rung.as_mut().enable();
            let wait = match self.queues.next_visible_at(&self.name) {
                Some(at) => {
                    let left = at - self.queues.now();
                    if left <= 0 {
                        return;
                    }
                    Duration::from_millis(left.unsigned_abs()).min(LONGEST)
                }
                None => LONGEST,
            };
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

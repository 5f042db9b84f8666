//! What the messages of a batch do together: one read of an owner's endpoints and one request to a queue serve all that
//! come to it at the same moment. What fails for several of them each does by itself, for the others are innocent.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use domain::endpoint::Endpoint;
use domain::id::UserId;
use domain::job::Priority;
use domain::message::{Deliver, JobMessage};
use futures::future::join_all;
use queue::{Crew, Place, QueueError, Together};
use store::StoreError;

use crate::Worker;

type Message = (Priority, UserId, JobMessage, Duration);
/// Nothing where each must do it by itself.
type Perhaps<T, E> = Option<Result<T, E>>;

/// Those who work on a batch.
#[derive(Clone)]
pub(crate) struct Shift {
    crew: Crew,
    endpoints: Together<UserId, Perhaps<Vec<Endpoint>, StoreError>>,
    deliveries: Together<Vec<Deliver>, Perhaps<(), QueueError>>,
    messages: Together<Message, Perhaps<(), QueueError>>,
}

impl Shift {
    /// So many.
    pub(crate) fn of(members: usize) -> Self {
        let crew = Crew::of(members);
        Self {
            endpoints: Together::new(&crew),
            deliveries: Together::new(&crew),
            messages: Together::new(&crew),
            crew,
        }
    }

    /// Takes a place in it.
    pub(crate) fn join(&self) -> Place {
        self.crew.join()
    }
}

impl Worker {
    /// The owner's endpoints, by a read that begins after this call: what was created before is in it.
    pub(crate) async fn endpoints_of(&self, owner: UserId) -> Result<Vec<Endpoint>, StoreError> {
        let read = self.shift.endpoints.ask(owner, |owners| async move {
            if let [owner] = owners[..] {
                return vec![Some(self.store.endpoints_of(owner).await)];
            }
            let each: BTreeSet<_> = owners.iter().copied().collect();
            let reads =
                each.into_iter().map(async |owner| (owner, self.store.endpoints_of(owner).await.ok()));
            let found: HashMap<_, _> = join_all(reads).await.into_iter().collect();
            owners.iter().map(|owner| found.get(owner).cloned().flatten().map(Ok)).collect()
        });
        match read.await.flatten() {
            Some(found) => found,
            None => self.store.endpoints_of(owner).await,
        }
    }

    /// Sends deliveries.
    pub(crate) async fn deliver(&self, deliveries: Vec<Deliver>) -> Result<(), QueueError> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let sent = self.shift.deliveries.ask(deliveries.clone(), |mut several| async move {
            if several.len() == 1 {
                return vec![Some(self.webhooks.send(&several.remove(0), Duration::ZERO).await)];
            }
            let all = self.webhooks.send(&several.concat(), Duration::ZERO).await;
            several.iter().map(|_| all.is_ok().then_some(Ok(()))).collect()
        });
        match sent.await.flatten() {
            Some(sent) => sent,
            None => self.webhooks.send(&deliveries, Duration::ZERO).await,
        }
    }

    /// Sends a message about a job to the queue of its priority.
    pub(crate) async fn announce(
        &self,
        priority: Priority,
        owner: UserId,
        message: JobMessage,
        delay: Duration,
    ) -> Result<(), QueueError> {
        let alone = |message| async move { self.jobs.send(priority, owner, &message, delay).await };
        let sent = self.shift.messages.ask((priority, owner, message.clone(), delay), |several| async move {
            if several.len() == 1 {
                return vec![None];
            }
            let count = several.len();
            let not_sent =
                self.jobs.send_many(several).await.err().map(|error| error.which).unwrap_or_default();
            (0..count).map(|place| (!not_sent.contains(&place)).then_some(Ok(()))).collect()
        });
        match sent.await.flatten() {
            Some(sent) => sent,
            None => alone(message).await,
        }
    }
}

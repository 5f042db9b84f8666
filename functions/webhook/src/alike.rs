//! What the messages of a batch read together: many are for the same receiver.

use domain::message::Deliver;
use queue::{Crew, Place, Together};
use store::{DeliveryContext, StoreError};

use crate::deliver::Courier;

/// The messages of a batch. What an answer lacks its message reads by itself.
#[derive(Clone)]
pub(crate) struct Alike {
    crew: Crew,
    contexts: Together<(Deliver, bool), Option<DeliveryContext>>,
}

impl Alike {
    /// So many.
    pub(crate) fn of(members: usize) -> Self {
        let crew = Crew::of(members);
        Self { contexts: Together::new(&crew), crew }
    }

    /// Takes a place among them.
    pub(crate) fn join(&self) -> Place {
        self.crew.join()
    }
}

impl Courier {
    /// What there is to know when a message has come.
    pub(crate) async fn context(
        &self,
        message: &Deliver,
        with_owner: bool,
        alike: &Alike,
    ) -> Result<DeliveryContext, StoreError> {
        let read = alike.contexts.ask((message.clone(), with_owner), |messages| async move {
            if messages.len() == 1 {
                return vec![None];
            }
            let asked: Vec<_> = messages.iter().map(|(message, owner)| (message, *owner)).collect();
            match self.store.delivery_contexts(&asked, self.ambient.now()).await {
                Ok(contexts) => contexts.into_iter().map(Some).collect(),
                Err(_) => vec![None; messages.len()],
            }
        });
        match read.await.flatten() {
            Some(context) => Ok(context),
            None => self.store.delivery_context(message, with_owner, self.ambient.now()).await,
        }
    }
}

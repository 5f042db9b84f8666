//! How much mail a user may cause in a window of time.

use std::time::Duration;

use domain::id::UserId;
use domain::time::Moment;
use store::{Count, Store, StoreError, Window};

/// So many in a window; 0 is any number.
pub(crate) struct Quota {
    store: Store,
    scope: &'static str,
    max: u64,
    length: Duration,
}

/// Whether so many more are within the limit.
pub(crate) enum Take {
    /// They are, and count.
    Taken(Taken),
    /// They are not.
    Refused {
        /// What the limit is.
        max: u64,
        /// When the next window begins.
        until: Moment,
    },
}

/// What counts, unless it is given back.
#[must_use]
pub(crate) struct Taken(Option<Counted>);

struct Counted {
    store: Store,
    scope: &'static str,
    subject: String,
    window: Window,
    many: u64,
}

impl Quota {
    /// So many of what is counted under that name in windows of that length.
    pub(crate) fn new(store: Store, scope: &'static str, max: u64, length: Duration) -> Self {
        Self { store, scope, max, length }
    }

    /// Counts so many more of a user's, all of them or none.
    pub(crate) async fn take(&self, user: UserId, many: u64, now: Moment) -> Result<Take, StoreError> {
        let Self { store, scope, max, length } = self;
        if *max == 0 {
            return Ok(Take::Taken(Taken(None)));
        }
        let (window, subject) = (Window::around(now, *length), user.to_string());
        Ok(match store.count_many_in_window(scope, &subject, window, many, *max).await? {
            Count::Allowed { .. } => {
                Take::Taken(Taken(Some(Counted { store: store.clone(), scope, subject, window, many })))
            }
            Count::Refused => Take::Refused { max: *max, until: window.end() },
        })
    }
}

impl Taken {
    /// It has turned out not to count. If that cannot be written, it counts.
    pub(crate) async fn give_back(self) {
        let Some(Counted { store, scope, subject, window, many }) = self.0 else { return };
        if let Err(error) = store.uncount_in_window(scope, &subject, window, many).await {
            tracing::warn!(scope, %error, "what did not count was not given back");
        }
    }
}

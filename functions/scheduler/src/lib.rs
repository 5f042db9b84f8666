//! The tick: once a minute, what falls due soon is announced to the workers.
//!
//! It starts nothing itself, and remembers nothing: a message is sent for every row of the index that stands
//! within the time read ahead, and the row is then moved behind its occurrence. Only the worker that starts or
//! skips the occurrence takes it off the index. So a tick may die anywhere, run twice or overlap with another:
//! a row that was not moved is announced again, one that was moved and nothing came of it is announced again
//! two minutes after its time, and the occurrence starts once, for its run's id is derived from it.

mod config;
mod ticked;

use std::num::NonZeroUsize;
use std::pin::pin;
use std::time::Duration;

use boot::clients::Clients;
use boot::{Ambient, Vars};
use domain::job::Priority;
use domain::life::READ_AHEAD;
use domain::message::JobMessage;
use domain::time::Moment;
use futures::stream::{self, FuturesUnordered, Stream, StreamExt};
use queue::JobQueues;
use serde_json::Value;
use store::{DueRow, Shards, Store};

pub use config::{ACTIONS, Config, VARIABLES};
pub use ticked::{Ticked, Unfinished};

/// How long a tick goes on to begin new work: it is over before the next one.
const LONGEST_TICK: Duration = Duration::from_secs(50);
/// How much of a Lambda's time is kept for what is under way when no more work is begun.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// A tick that comes later than this is measured even if it has nothing to do.
const LATE: Duration = Duration::from_secs(60);
/// SQS takes so many messages in one request.
const BATCH: usize = 10;

/// The function.
#[derive(Clone)]
pub struct Scheduler {
    store: Store,
    jobs: JobQueues,
    shards: Shards,
    parallelism: NonZeroUsize,
    ambient: Ambient,
}

/// Why a shard was not read to its end.
enum Unread {
    /// There was no time left.
    TimeIsUp,
    /// The table failed.
    Failed(store::StoreError),
}

impl Scheduler {
    /// The function with these clients.
    pub fn new(clients: &Clients, config: Config, ambient: Ambient) -> Self {
        let [high, medium, low] = config.job_queues;
        Self {
            store: Store::new(clients.dynamodb(), &config.table).with_shards(config.shards),
            jobs: JobQueues::new(clients.sqs(), high, medium, low),
            shards: config.shards,
            parallelism: config.parallelism,
            ambient,
        }
    }

    /// The function as the process's environment describes it.
    pub async fn init() -> Result<Self, boot::config::ConfigError> {
        let mut vars = Vars::from_process();
        let config = Config::read(&mut vars);
        vars.finish()?;
        Ok(Self::new(&Clients::from_environment().await, config, Ambient::system()))
    }

    /// Handles an event: that it comes is all it says, and when it was to come.
    pub async fn handle(&self, event: Value) -> Ticked {
        self.measured(&event, self.ambient.now().plus(LONGEST_TICK)).await
    }

    /// As [`handle`](Self::handle), for a Lambda that is stopped at `end`.
    pub async fn handle_until(&self, event: Value, end: Moment) -> Result<Ticked, Unfinished> {
        let reserve = i64::try_from(LAST_WORDS.as_millis()).unwrap_or(0);
        self.measured(&event, Moment::from_millis(end.as_millis() - reserve)).await.finished()
    }

    /// A tick, and how late it was. One that came in time and had nothing to do says nothing, for an idle deployment
    /// shall cost nothing.
    async fn measured(&self, event: &Value, deadline: Moment) -> Ticked {
        let due = event["time"].as_str().and_then(|time| Moment::parse(time).ok());
        let late = due.map(|due| self.ambient.now().since(due));
        let ticked = self.tick(deadline).await;
        if let Some(late) = late.filter(|late| ticked.sent > 0 || *late > LATE) {
            meter::ticked(late);
        }
        meter::emf::flush(false);
        ticked
    }

    /// Announces what falls due. No page is begun after `deadline`: what is left is the next tick's.
    ///
    /// Pages are read and batches are sent at the same time. A batch may mix shards, and only as many rows are
    /// held in memory as the pages that were just read have.
    pub async fn tick(&self, deadline: Moment) -> Ticked {
        let began = self.ambient.now();
        let mut ticked = Ticked::default();
        let mut pages = pin!(self.pages(began, deadline));
        let mut batches = [const { Vec::new() }; Priority::ALL.len()];
        let mut sending = FuturesUnordered::new();
        loop {
            let page = tokio::select! {
                page = pages.next() => page,
                Some(sent) = sending.next() => {
                    ticked.add(sent);
                    continue;
                }
            };
            let Some(page) = page else { break };
            for row in take(page, began, &mut ticked) {
                let batch = &mut batches[row.priority as usize];
                batch.push(row);
                if batch.len() < BATCH {
                    continue;
                }
                let full = std::mem::take(batch);
                if sending.len() >= self.parallelism.get()
                    && let Some(sent) = sending.next().await
                {
                    ticked.add(sent);
                }
                sending.push(self.announce(full));
            }
        }
        sending.extend(batches.into_iter().filter(|rest| !rest.is_empty()).map(|rest| self.announce(rest)));
        while let Some(sent) = sending.next().await {
            ticked.add(sent);
        }
        ticked.log(self.ambient.now().since(began));
        ticked
    }

    /// The pages of all shards, several shards at a time.
    fn pages(&self, began: Moment, deadline: Moment) -> impl Stream<Item = Result<Vec<DueRow>, Unread>> {
        let until = began.plus(READ_AHEAD);
        let minute = began.as_millis().div_euclid(60_000).unsigned_abs();
        stream::iter(order(self.shards, minute))
            .map(move |shard| {
                Box::pin(stream::unfold(Some(None), move |cursor| async move {
                    let cursor = cursor?;
                    if self.ambient.now() >= deadline {
                        return Some((Err(Unread::TimeIsUp), None));
                    }
                    match self.store.due_page(shard, until, cursor).await {
                        Ok(page) => Some((Ok(page.rows), page.next.map(Some))),
                        Err(error) => Some((Err(Unread::Failed(error)), None)),
                    }
                }))
            })
            .flatten_unordered(self.parallelism.get())
    }

    /// Sends the messages of some rows, and then moves the rows that a message was sent for.
    ///
    /// A crash before the send: the rows stay, and the next tick sends. A crash after it, or a lost answer: the
    /// next tick sends once more, and the workers find the occurrence started or under way.
    async fn announce(&self, rows: Vec<DueRow>) -> Ticked {
        let mut ticked = Ticked::default();
        let now = self.ambient.now();
        let messages = rows.iter().map(|row| {
            let message = JobMessage::fire(row.job, row.rev, row.due_at);
            (row.priority, row.owner, message, row.due_at.since(now))
        });
        let not_sent = match self.jobs.send_many(messages.collect()).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                ticked.note(format_args!("{error}: {}", error.source));
                error.which
            }
        };
        ticked.failed = not_sent.len();
        let sent = rows.iter().enumerate().filter(|(place, _)| !not_sent.contains(place));
        let jobs: Vec<String> = sent.map(|(_, row)| row.job.to_string()).collect();
        if !jobs.is_empty() {
            tracing::info!(jobs = jobs.join(" "), "announced");
        }
        for (_, row) in rows.iter().enumerate().filter(|(place, _)| !not_sent.contains(place)) {
            ticked.announced(row.check_at > row.due_at, now.since(row.due_at));
            match self.store.check_back(row, self.ambient.now()).await {
                Ok(true) => ticked.moved += 1,
                Ok(false) => ticked.outrun += 1,
                Err(error) => {
                    ticked.unmoved += 1;
                    ticked.note(error);
                }
            }
        }
        ticked
    }
}

/// The rows of a page that are to be announced.
fn take(page: Result<Vec<DueRow>, Unread>, now: Moment, ticked: &mut Ticked) -> Vec<DueRow> {
    match page {
        Ok(mut rows) => {
            let read = rows.len();
            // One that stands behind its occurrence was announced: it is not looked at again before its place.
            rows.retain(|row| row.check_at == row.due_at || row.check_at <= now);
            ticked.read += read;
            ticked.waiting += read - rows.len();
            rows
        }
        Err(Unread::TimeIsUp) => {
            ticked.left_shards += 1;
            Vec::new()
        }
        Err(Unread::Failed(error)) => {
            ticked.unread_shards += 1;
            ticked.note(error);
            Vec::new()
        }
    }
}

/// The shards that a tick reads, in order.
///
/// First those that are written to, each minute from another one on: if the time does not suffice, it is not
/// always the same that are left. In every second minute the others too, where jobs stand that were written
/// under another setting. Two such ticks are less than three minutes apart, which is how far they read ahead,
/// so those jobs are not late either.
fn order(shards: Shards, minute: u64) -> Vec<u8> {
    let mut order: Vec<u8> = shards.numbers().collect();
    let first = usize::try_from(minute % shards.numbers().len() as u64).unwrap_or(0);
    order.rotate_left(first);
    if minute.is_multiple_of(2) {
        order.extend(shards.numbers().end..Shards::MOST.numbers().end);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shard_is_read_in_every_second_minute_and_those_in_use_in_each() {
        for count in [1, 3, 16, 64] {
            let shards = Shards::new(count).unwrap();
            for minute in 29_538_720..29_538_740 {
                let mut order = order(shards, minute);
                assert!(order[..usize::from(count)].iter().all(|shard| *shard < count));
                order.sort_unstable();
                let all = if minute % 2 == 0 { Shards::MOST } else { shards };
                assert!(order.into_iter().eq(all.numbers()), "{count} {minute}");
            }
        }
        let firsts: Vec<u8> = (0..4).map(|minute| order(Shards::new(3).unwrap(), minute)[0]).collect();
        assert_eq!(firsts, [0, 1, 2, 0]);
    }
}

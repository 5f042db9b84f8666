//! Time passes: what the queues hold is delivered, what waits comes up, and the tick comes each minute.

use std::time::Duration;

use domain::message::Deliver;
use domain::time::Moment;
use engine::mapping::Delivery;
use queue::topology::{self, Queue};
use serde_json::Value;

use super::World;

/// The queues that functions read.
pub(crate) const READ: [Queue; 5] =
    [topology::JOBS_HIGH, topology::JOBS_MEDIUM, topology::JOBS_LOW, topology::JOBS_DLQ, topology::WEBHOOKS];
/// After so many steps every queue must be empty: a step goes on to when something comes up.
const MOST_STEPS: usize = 400;
const MINUTE: i64 = 60_000;

impl World {
    /// One batch of a queue; whether anything was delivered.
    pub(crate) async fn step(&self, queue: Queue) -> bool {
        let (hands, url) = (self.hands.clone(), self.bed.queue(queue.name));
        let step =
            self.survive(async move { hands.serve(url, queue, 10).await }, queue != topology::WEBHOOKS).await;
        !matches!(step, Some(Delivery::Idle))
    }

    /// One tick.
    pub(crate) async fn tick(&self) {
        let scheduler = self.hands.scheduler.clone();
        self.survive(async move { scheduler.handle(Value::Null).await }, false).await;
    }

    /// Delivers what the queues hold now.
    pub(crate) async fn work_off(&self) {
        let mut last = None;
        for _ in 0..100 {
            let mut moved = None;
            for queue in READ {
                let delivered = match self.depth(queue).0 {
                    0 => false,
                    _ if queue == topology::WEBHOOKS && !self.delivers => self.collect().await,
                    _ => self.step(queue).await,
                };
                moved = delivered.then_some(queue).or(moved);
            }
            if moved.is_none() {
                return;
            }
            last = moved;
        }
        let left = self.drain(last.unwrap()).await;
        panic!("a message comes again and again at one moment, {}: {last:?} {left:?}", self.bed.now());
    }

    /// Lets time pass until no queue holds anything.
    pub(crate) async fn settle(&self) {
        self.settle_until(async || true).await;
    }

    /// Lets time pass until no queue holds anything, and what is waited for is there.
    pub(crate) async fn settle_until(&self, over: impl AsyncFn() -> bool) {
        for _ in 0..MOST_STEPS {
            self.work_off().await;
            if READ.into_iter().all(|queue| self.depth(queue) == (0, 0, 0)) && over().await {
                return;
            }
            self.step_on().await;
        }
        let left: Vec<_> = READ.into_iter().map(|queue| (queue.name, self.depth(queue))).collect();
        panic!("something is never done with: {left:?}");
    }

    /// Whether no job waits for an occurrence.
    pub(crate) async fn nothing_is_due(&self) -> bool {
        let rows = self.bed.rows(Some("due")).await;
        !rows.iter().any(|row| row["duePk"].as_str().is_some_and(|place| place.starts_with("DUE#")))
    }

    /// Goes on to when the next message comes up, or the next tick comes.
    async fn step_on(&self) {
        let now = self.bed.now();
        let after = |seconds: u64| now.plus(Duration::from_secs(seconds));
        let minute = now.as_millis() / MINUTE + 1;
        let lost = i64::from(self.loses_ticks && minute % 2 == 0);
        let tick = Moment::from_millis((minute + lost) * MINUTE);
        let due = READ.into_iter().filter_map(|queue| self.bed.engine.queue_due(queue.name)).min();
        // Time goes on even where a message is visible that nobody gets.
        let next = due.unwrap_or(after(60)).max(after(1));
        match self.ticks.get() && tick <= next {
            true => {
                self.bed.advance(tick.since(now));
                self.tick().await;
            }
            false => self.bed.advance(next.since(now)),
        }
    }

    /// Takes what was asked for of the webhooks.
    async fn collect(&self) -> bool {
        let bodies = self.drain(topology::WEBHOOKS).await;
        self.asked
            .borrow_mut()
            .extend(bodies.iter().map(|body| serde_json::from_str::<Deliver>(body).unwrap()));
        !bodies.is_empty()
    }

    /// Takes what is visible of a queue out of it.
    pub(crate) async fn drain(&self, queue: Queue) -> Vec<String> {
        let (sqs, url) = (&self.sound, self.bed.queue(queue.name));
        let mut bodies = Vec::new();
        while self.depth(queue).0 > 0 {
            let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
            for message in received.await.unwrap().messages.unwrap_or_default() {
                bodies.push(message.body.unwrap());
                let handle = message.receipt_handle.unwrap();
                sqs.delete_message().queue_url(&url).receipt_handle(handle).send().await.unwrap();
            }
        }
        bodies
    }

    /// Puts a message into the queue at that URL.
    pub(crate) async fn send(&self, url: &str, body: &str, delay_seconds: u64) {
        let delay = i32::try_from(delay_seconds).unwrap();
        let send = self.sound.send_message().queue_url(url).message_body(body).delay_seconds(delay);
        send.send().await.unwrap();
    }

    /// Visible, in flight and delayed messages.
    pub(crate) fn depth(&self, queue: Queue) -> (i64, i64, i64) {
        let depth = self.bed.engine.queue_depth(queue.name).unwrap();
        (depth.visible, depth.in_flight, depth.delayed)
    }
}

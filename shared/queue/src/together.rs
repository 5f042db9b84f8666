//! Doing things together: the messages of one batch, each handled by itself, ask for much at the same moment, and one
//! request for all of them costs a tenth.
//!
//! Nobody waits for what may not come: those who ask go on as soon as all others of the crew ask too, or are done, and
//! after a moment in any case. Alone in a crew one asks at once.

use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};

/// How long somebody waits for the others: longer than the calls of a batch are apart, and nothing that anybody sees.
const PATIENCE: Duration = Duration::from_millis(10);

/// Who works side by side. Clones are the same crew.
#[derive(Clone, Debug)]
pub struct Crew(Arc<State>);

#[derive(Debug)]
struct State {
    count: Mutex<Count>,
    /// Rung when all have come. It wakes those who wait in the order in which they came; what wakes them in another order
    /// each time would make another history of the same seed.
    met: Notify,
}

#[derive(Debug)]
struct Count {
    at_work: usize,
    /// How many of those have not taken their places yet.
    expected: usize,
    waiting: usize,
}

/// A place in a crew, left when it is dropped.
#[derive(Debug)]
pub struct Place(Arc<State>);

/// Somebody who waits, until the others have come or it is gone.
struct Waiting<'a>(&'a State, bool);

/// What the members of a crew ask for together. Clones are the same.
#[derive(Debug)]
pub struct Together<T, R> {
    crew: Crew,
    asked: Arc<Mutex<Vec<Asked<T, R>>>>,
}

type Asked<T, R> = (T, oneshot::Sender<R>);

impl Crew {
    /// So many, who are to take their places.
    pub fn of(members: usize) -> Self {
        let count = Count { at_work: members, expected: members, waiting: 0 };
        Self(Arc::new(State { count: Mutex::new(count), met: Notify::new() }))
    }

    /// Takes a place in it.
    pub fn join(&self) -> Place {
        let mut count = self.0.count();
        match count.expected {
            0 => count.at_work += 1,
            _ => count.expected -= 1,
        }
        Place(Arc::clone(&self.0))
    }

    /// Waits until everybody at work waits, or for a moment.
    async fn meet(&self) {
        let mut met = pin!(self.0.met.notified());
        met.as_mut().enable();
        if self.0.one_more_waits() {
            return;
        }
        let mut waiting = Waiting(&self.0, true);
        if tokio::time::timeout(PATIENCE, met).await.is_ok() {
            // Whoever called the meeting has counted us out.
            waiting.1 = false;
        }
    }
}

impl State {
    fn count(&self) -> MutexGuard<'_, Count> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts who waits; true if nobody else is to come.
    fn one_more_waits(&self) -> bool {
        let mut count = self.count();
        count.waiting += 1;
        self.all_have_come(&mut count)
    }

    /// Lets all who wait go on if nobody else is to come.
    fn all_have_come(&self, count: &mut Count) -> bool {
        let met = count.waiting > 0 && count.waiting >= count.at_work;
        if met {
            count.waiting = 0;
            self.met.notify_waiters();
        }
        met
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut count = self.0.count();
        count.at_work = count.at_work.saturating_sub(1);
        self.0.all_have_come(&mut count);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.1 {
            let mut count = self.0.count();
            count.waiting = count.waiting.saturating_sub(1);
        }
    }
}

impl<T, R> Clone for Together<T, R> {
    fn clone(&self) -> Self {
        Self { crew: self.crew.clone(), asked: Arc::clone(&self.asked) }
    }
}

impl<T, R> Together<T, R> {
    /// For the members of that crew.
    pub fn new(crew: &Crew) -> Self {
        Self { crew: crew.clone(), asked: Arc::default() }
    }

    /// Asks for that, and one of those who ask at this moment does the work for all of them: an answer for each, in their
    /// order. None if whoever was at it has stopped; then nobody knows what became of it.
    pub async fn ask<F>(&self, one: T, work: impl FnOnce(Vec<T>) -> F) -> Option<R>
    where
        F: Future<Output = Vec<R>>,
    {
        let (back, answer) = oneshot::channel();
        self.asked().push((one, back));
        self.crew.meet().await;
        let (ones, backs): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.asked()).into_iter().unzip();
        if !ones.is_empty() {
            for (back, answer) in backs.into_iter().zip(work(ones).await) {
                // Who does not wait any more has stopped.
                let _ = back.send(answer);
            }
        }
        answer.await.ok()
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked<T, R>>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    /// What `count` members get who ask after such waits, and how many requests that takes.
    async fn ask_after(waits: &[u64]) -> (Vec<Option<usize>>, usize) {
        let (crew, requests) = (Crew::of(waits.len()), AtomicUsize::new(0));
        let (together, requests) = (Together::new(&crew), &requests);
        let all = waits.iter().enumerate().map(|(n, wait)| {
            let (place, together) = (crew.join(), together.clone());
            async move {
                tokio::time::sleep(Duration::from_millis(*wait)).await;
                let answer = together.ask(n, |ones| async move {
                    requests.fetch_add(1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    ones.iter().map(|one: &usize| one * 10).collect()
                });
                let answer = answer.await;
                drop(place);
                answer
            }
        });
        let answers = join_all(all).await;
        (answers, requests.load(Ordering::SeqCst))
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_at_about_the_same_time_ask_once_and_each_gets_its_own() {
        let tens = |n: usize| (0..n).map(|n| Some(n * 10)).collect::<Vec<_>>();
        assert_eq!(ask_after(&[0]).await, (tens(1), 1));
        assert_eq!(ask_after(&[3, 0, 7, 5, 1]).await, (tens(5), 1));
        assert_eq!(ask_after(&[0, 500, 1, 502]).await, (tens(4), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_who_is_busy_or_gone() {
        let crew = Crew::of(0);
        let together = Together::new(&crew);
        let (own, busy) = (crew.join(), crew.join());
        let begun = tokio::time::Instant::now();
        assert_eq!(together.ask((), |ones| async { ones }).await, Some(()));
        assert_eq!(begun.elapsed(), PATIENCE);
        drop(busy);
        let begun = tokio::time::Instant::now();
        assert_eq!(together.ask((), |ones| async { ones }).await, Some(()));
        assert_eq!(begun.elapsed(), Duration::ZERO);
        drop(own);
    }

    #[tokio::test(start_paused = true)]
    async fn who_stops_at_the_work_leaves_the_others_without_an_answer() {
        let crew = Crew::of(0);
        let together: Together<u8, u8> = Together::new(&crew);
        let (_one, _two) = (crew.join(), crew.join());
        let ask = async |n, millis| {
            let work = together.ask(n, |_| std::future::pending());
            tokio::time::timeout(Duration::from_millis(millis), work).await
        };
        // The second to come is at the work.
        let (first, second) = tokio::join!(ask(1, 100), ask(2, 50));
        assert!(second.is_err());
        assert_eq!(first, Ok(None));
    }
}

//! A receiver that hangs, with a thousand deliveries waiting for it, beside one that does not.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use crate::house::{House, OWNER_SECRET};

const WAITING: usize = 1_000;
/// As many copies of the function as the local deployment runs at most.
const FUNCTIONS: usize = 8;
const EVERY: Duration = Duration::from_millis(100);
const COUNT: usize = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_delays_nobody_else() {
    let house = Arc::new(House::build().await);
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let owner = house.user(Some(house.seal(OWNER_SECRET))).await;
    let hanging = house.endpoint(owner.id, |endpoint| endpoint.url = url).await;
    let good = house.endpoint(house.user(Some(house.seal(OWNER_SECRET))).await.id, |_| {}).await;
    let mut waiting = Vec::new();
    for _ in 0..WAITING {
        waiting.push(house.owed_to(&hanging).await);
    }
    house.queues.send(&waiting, Duration::ZERO).await.unwrap();
    let live = house.live(FUNCTIONS);
    let mut sent = Vec::new();
    for _ in 0..COUNT {
        let message = house.owed_to(&good).await;
        house.send(&message).await;
        sent.push((message, house.now()));
        tokio::time::sleep(EVERY).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    drop(live);
    let mut late = Vec::new();
    for (message, at) in &sent {
        let record = house.found(message).await;
        let taken = record.and_then(|record| Some(record.attempts.first()?.sent_at));
        late.push(taken.map_or(Duration::MAX, |taken| taken.since(*at)));
    }
    late.sort();
    let p = |percent: usize| late[(late.len() * percent).div_ceil(100) - 1];
    eprintln!("p50 {:?}, p99 {:?}, max {:?}", p(50), p(99), p(100));
    assert!(p(99) < Duration::from_secs(2), "p50 {:?}, p99 {:?}, max {:?}", p(50), p(99), p(100));
    // It was not for want of trying: those that hang hang for their 15 s.
    let health = house.health(&hanging).await;
    assert_eq!((health.latency, health.failing_since.is_some()), (Some(15), true));
}

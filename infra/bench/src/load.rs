//! A closed loop: each connection asks again as soon as it has its answer.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::client::{Ask, Connection};
use crate::server::{Server, Usage};

/// What one run came to.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Seconds of processor time of the system, a second.
    pub(crate) cpu: f64,
    pub(crate) resident: u64,
}

/// Asks for so long on so many connections; every answer must have this status.
pub(crate) async fn run(
    server: &Server,
    connections: usize,
    length: Duration,
    expected: StatusCode,
    ask: impl Fn(u64) -> Ask + Send + Sync + 'static,
) -> Result<Run, Box<dyn Error + Send + Sync>> {
    let (ask, counter) = (Arc::new(ask), Arc::new(AtomicU64::new(0)));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(server.address()).await?);
    }
    let (start, before) = (Instant::now(), server.usage());
    let tasks: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (ask, counter) = (Arc::clone(&ask), Arc::clone(&counter));
            tokio::spawn(async move {
                let mut took = Vec::new();
                while start.elapsed() < length {
                    let number = counter.fetch_add(1, Ordering::Relaxed);
                    let sent = Instant::now();
                    let (status, body) = connection.send(ask(number)).await?;
                    took.push(sent.elapsed());
                    if status != expected {
                        return Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into());
                    }
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(took)
            })
        })
        .collect();
    let mut took = Vec::new();
    for task in tasks {
        took.extend(task.await??);
    }
    Ok(summary(took, start.elapsed(), before, server.usage()))
}

/// The figures of a run.
pub(crate) fn summary(mut took: Vec<Duration>, length: Duration, before: Usage, after: Usage) -> Run {
    took.sort_unstable();
    let at = |share: f64| {
        let place = (took.len() as f64 * share) as usize;
        took.get(place.min(took.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    Run {
        per_second: took.len() as f64 / length.as_secs_f64(),
        p50: at(0.50),
        p99: at(0.99),
        cpu: after.cpu.saturating_sub(before.cpu).as_secs_f64() / length.as_secs_f64(),
        resident: after.resident,
    }
}

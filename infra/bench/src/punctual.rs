//! How late jobs start that are scheduled for a moment, by the wall clock.

use std::time::Duration;

use boot::clock::SystemClock;
use domain::time::{Clock, Moment};
use serde_json::{Value, json};

use crate::client::{Ask, Connection};
use crate::server::Server;
use crate::tell;

type Fault = Box<dyn std::error::Error + Send + Sync>;

/// How many jobs are scheduled, over how much time, beginning when.
const JOBS: u64 = 200;
const SPAN: Duration = Duration::from_secs(180);
const HEAD_START: Duration = Duration::from_secs(2);
/// How long after the last of them all must have ended.
const PATIENCE: Duration = Duration::from_secs(30);

/// How late they started: negative if one was early.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lateness {
    pub(crate) jobs: u64,
    pub(crate) least: i64,
    pub(crate) p50: i64,
    pub(crate) p99: i64,
    pub(crate) most: i64,
}

/// Schedules one-time jobs at moments spread over three minutes, and asks each when it ran.
pub(crate) async fn measure(server: &Server, token: &str) -> Result<Lateness, Fault> {
    let mut connection = Connection::open(server.address()).await?;
    let first = SystemClock.now().plus(HEAD_START);
    let mut ids = Vec::new();
    for number in 0..JOBS {
        // A walk by the golden ratio: spread evenly, in no order, the same each time.
        let part = (number as f64 * 0.618_033_988_75).fract();
        let due = first.plus(SPAN.mul_f64(part));
        let body = json!({ "taskName": "punctual", "schedule": { "startTime": due } });
        let answer = send(&mut connection, Ask::post("/jobs", Some(token), body.to_string())).await?;
        ids.push(answer["id"].as_str().ok_or("a job without an id")?.to_owned());
    }
    tell(&format!("{JOBS} jobs are scheduled over {} s ...", SPAN.as_secs()));
    tokio::time::sleep(first.plus(SPAN).since(SystemClock.now())).await;
    let mut late = Vec::new();
    for id in ids {
        late.push(lateness(&mut connection, token, &id, first.plus(SPAN + PATIENCE)).await?);
    }
    late.sort_unstable();
    let at = |part: f64| late[((late.len() - 1) as f64 * part).round() as usize];
    let lateness = Lateness { jobs: JOBS, least: at(0.0), p50: at(0.5), p99: at(0.99), most: at(1.0) };
    tell(&format!("{lateness:?}"));
    Ok(lateness)
}

/// Milliseconds from when the job was due to when its run started.
async fn lateness(connection: &mut Connection, token: &str, id: &str, until: Moment) -> Result<i64, Fault> {
    loop {
        let answer = send(connection, Ask::get(format!("/jobs/{id}/runs"), token)).await?;
        if let [run] = answer["runs"].as_array().map(Vec::as_slice).unwrap_or_default() {
            let moment = |name: &str| Moment::parse(run[name].as_str().unwrap_or_default());
            return Ok(moment("startedAt")?.as_millis() - moment("scheduledFor")?.as_millis());
        }
        if SystemClock.now() > until {
            return Err(format!("{id} never ran: {answer}").into());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn send(connection: &mut Connection, ask: Ask) -> Result<Value, Fault> {
    let (status, body) = connection.send(ask).await?;
    let answer: Value = serde_json::from_slice(&body)?;
    if status.is_success() { Ok(answer) } else { Err(format!("{status}: {answer}").into()) }
}

//! Running a task in a test: a job with one attempt, and a world that notes what goes out and answers what it
//! was told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::id::{JobId, RunId, UserId};
use domain::input::Fault;
use domain::job::{Job, LONGEST_TIMEOUT, PayloadPlace, Priority, Status};
use domain::life::Attempt;
use domain::log::Log;
use domain::payload::Payload;
use domain::time::{Entropy, Moment};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::{Answer, Call, Failure, Mail, MailFailure, Mailer, Outbound, Request, Response, World};

/// How long a task may take here.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Runs the task of that type with that payload, in a world of its own.
pub(crate) async fn run(task_type: &str, payload: Value) -> Answer {
    Trial::default().run(task_type, payload).await
}

/// Where the faults are.
pub(crate) fn places(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(|fault| fault.pointer.clone()).collect()
}

/// A world. Calls are answered with an empty 200 if nothing else was said; mails are always taken.
#[derive(Clone, Default)]
pub(crate) struct Trial(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    answer: Option<Response>,
    requests: Vec<Request>,
    mails: Vec<Mail>,
}

impl Trial {
    /// Says how the calls are answered.
    pub(crate) fn answer(&self, status: u16, content_type: &str, body: &str, truncated: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(content_type).unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let (body, elapsed) = (Bytes::from(body.to_owned()), Duration::from_millis(5));
        self.seen().answer = Some(Response { status, headers, body, truncated, elapsed });
    }

    /// Runs the task of that type with that payload: the first attempt of a run.
    pub(crate) async fn run(&self, task_type: &str, payload: Value) -> Answer {
        let job = job(task_type);
        let world = World {
            outbound: Arc::new(self.clone()),
            mailer: Arc::new(self.clone()),
            simulated_task: Duration::ZERO,
            simulate_failure: false,
        };
        let attempt = Attempt { run: RunId::fresh(job.created_at, &Zeros), number: 1 };
        crate::run(&Call { job: &job, payload, attempt, limit: LIMIT, world: &world }).await
    }

    /// What was called.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen().requests.clone()
    }

    /// What was sent.
    pub(crate) fn mails(&self) -> Vec<Mail> {
        self.seen().mails.clone()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Outbound for Trial {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Response, Failure>> {
        let mut seen = self.seen();
        seen.requests.push(request);
        let empty = Response {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            truncated: false,
            elapsed: Duration::ZERO,
        };
        let answer = seen.answer.clone().unwrap_or(empty);
        std::future::ready(Ok(answer)).boxed()
    }
}

impl Mailer for Trial {
    fn send(&self, _: UserId, mail: Mail) -> BoxFuture<'_, Result<String, MailFailure>> {
        let mut seen = self.seen();
        seen.mails.push(mail);
        std::future::ready(Ok(format!("mail-{}", seen.mails.len()))).boxed()
    }
}

fn job(task_type: &str) -> Job {
    let now = Moment::from_millis(1_772_323_200_000);
    Job {
        id: JobId::fresh(now, &Zeros),
        user_id: UserId::fresh(now, &Zeros),
        task_name: task_type.to_owned(),
        task_type: task_type.to_owned(),
        payload: PayloadPlace::Here(Payload::empty()),
        priority: Priority::Low,
        status: Status::Running,
        version: 1,
        max_retries: 3,
        timeout_seconds: LONGEST_TIMEOUT,
        timetable: None,
        webhook: None,
        run: None,
        log: Log::default(),
        created_at: now,
        updated_at: now,
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}

struct Zeros;

impl Entropy for Zeros {
    fn fill(&self, buffer: &mut [u8]) {
        buffer.fill(0);
    }
}

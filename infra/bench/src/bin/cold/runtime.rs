//! A stub of Lambda's runtime API, for one process: it hands out one event, and tells what it hears.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use boot::clock::SystemClock;
use bytes::Bytes;
use domain::time::Clock;
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Fault;

const TIMEOUT: Duration = Duration::from_secs(60);

/// What the process does.
#[derive(Debug)]
pub(crate) enum Heard {
    /// It asks for an event, and waits until it is given one.
    Polled(Instant, oneshot::Sender<String>),
    /// It answers.
    Answered(Instant, Bytes),
    /// It reports that it failed.
    Failed(Bytes),
}

/// The stub, while it listens.
pub(crate) struct Runtime {
    address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Heard>,
    serving: JoinHandle<()>,
}

impl Runtime {
    /// Listens.
    pub(crate) async fn listen() -> Result<Self, Fault> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (tell, heard) = mpsc::unbounded_channel();
        let serving = tokio::spawn(async move {
            // It ends with this stub, by its abortion.
            let _ = axum::serve(listener, routes(tell)).await;
        });
        Ok(Self { address, heard, serving })
    }

    /// As `AWS_LAMBDA_RUNTIME_API` names it.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// What comes next.
    pub(crate) async fn hear(&mut self) -> Result<Heard, Fault> {
        self.heard.recv().await.ok_or_else(|| "the stub of the runtime API has ended".into())
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

type Tell = mpsc::UnboundedSender<Heard>;

fn routes(tell: Tell) -> Router {
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
        .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
        .route("/2018-06-01/runtime/init/error", post(failed))
        .with_state(tell)
}

async fn next(State(tell): State<Tell>) -> Response {
    let at = Instant::now();
    let (give, given) = oneshot::channel();
    // Where nobody listens any more, nobody gives an event either.
    let _ = tell.send(Heard::Polled(at, give));
    let Ok(event) = given.await else { return StatusCode::GONE.into_response() };
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", SystemClock.now().plus(TIMEOUT).as_millis().to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:cold".to_owned(),
        ),
        ("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event).into_response()
}

async fn answered(State(tell): State<Tell>, body: Bytes) -> StatusCode {
    let _ = tell.send(Heard::Answered(Instant::now(), body));
    StatusCode::ACCEPTED
}

async fn failed(State(tell): State<Tell>, body: Bytes) -> StatusCode {
    let _ = tell.send(Heard::Failed(body));
    StatusCode::ACCEPTED
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn call(routes: Router, method: &str, path: &str, body: &'static str) -> Response {
        let request = Request::builder().method(method).uri(format!("/2018-06-01/runtime{path}"));
        routes.oneshot(request.body(Body::from(body)).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn a_poll_waits_for_its_event_and_the_answer_is_heard() {
        let (tell, mut heard) = mpsc::unbounded_channel();
        let routes = routes(tell);
        let poll = tokio::spawn(call(routes.clone(), "GET", "/invocation/next", ""));
        let Some(Heard::Polled(polled, give)) = heard.recv().await else { panic!("no poll") };
        assert!(!poll.is_finished());
        give.send(r#"{"a":1}"#.to_owned()).unwrap();
        let event = poll.await.unwrap();
        assert_eq!(event.status(), 200);
        let id = event.headers()["lambda-runtime-aws-request-id"].to_str().unwrap().to_owned();
        let deadline: i64 = event.headers()["lambda-runtime-deadline-ms"].to_str().unwrap().parse().unwrap();
        assert!(deadline > SystemClock.now().as_millis());
        assert!(event.headers().contains_key("lambda-runtime-invoked-function-arn"));
        assert_eq!(event.into_body().collect().await.unwrap().to_bytes(), r#"{"a":1}"#);
        let answer = call(routes, "POST", &format!("/invocation/{id}/response"), "done").await;
        assert_eq!(answer.status(), 202);
        let Some(Heard::Answered(at, body)) = heard.recv().await else { panic!("no answer") };
        assert!(at >= polled && body == "done");
    }

    #[tokio::test]
    async fn failures_are_heard_at_the_start_and_later() {
        let (tell, mut heard) = mpsc::unbounded_channel();
        let routes = routes(tell);
        for path in ["/init/error", "/invocation/8476a536/error"] {
            assert_eq!(call(routes.clone(), "POST", path, "no table").await.status(), 202);
            let Some(Heard::Failed(told)) = heard.recv().await else { panic!("{path}") };
            assert_eq!(told, "no table");
        }
        assert_eq!(call(routes, "GET", "/invocation/other", "").await.status(), 404);
    }
}

//! Faults in the SDK's HTTP connector: between a function and AWS, where faults come from.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the service.
    Unreached,
    /// It takes effect, and its answer is lost.
    AnswerLost,
    /// The service throttles it.
    Throttled,
    /// The service is broken for a moment.
    ServerError,
    /// A condition fails, whatever the record says.
    ConditionFailed,
    /// Another transaction is on.
    Conflict,
    /// The service refuses it, with the error of that name.
    Refused(&'static str),
    /// The process dies before the call: the call never returns.
    DiesBefore,
    /// The process dies after the call has taken effect.
    DiesAfter,
}

/// Which calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// The call of that number, from 0, and no other.
    Nth(usize),
    /// That call and the SDK's attempts to repeat it, so that the function sees the fault.
    NthAndRepeats(usize),
    /// Every call.
    Always,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service and operation, such as `DynamoDB_20120810.PutItem`.
    pub operation: String,
    /// The body of the request.
    pub body: String,
}

/// A connector with faults, and a record of every call. Clones share both.
#[derive(Clone, Debug)]
pub struct Faults {
    inner: SharedHttpConnector,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    plan: Option<(When, Fault, Option<String>)>,
    /// The call at which the plan struck, told apart by its body.
    struck: Option<Call>,
    strikes: usize,
    counted: usize,
}

impl Faults {
    /// Faults before this connector.
    pub fn new(inner: impl HttpConnector + 'static) -> Self {
        Self { inner: SharedHttpConnector::new(inner), state: Arc::default() }
    }

    /// From now on, counting calls from 0 anew: this fault at that call. With an operation, such as `PutItem`,
    /// only calls of it count.
    pub fn plan(&self, when: When, fault: Fault, operation: Option<&str>) {
        let mut state = self.state();
        *state = State { plan: Some((when, fault, operation.map(str::to_owned))), ..State::default() };
    }

    /// From now on, counting calls anew: no fault.
    pub fn clear(&self) {
        *self.state() = State::default();
    }

    /// The calls since the last plan.
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// How often the plan has struck.
    pub fn strikes(&self) -> usize {
        self.state().strikes
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Notes the call and says what happens to it.
    fn next(&self, request: &HttpRequest) -> Option<Fault> {
        let operation = operation(request);
        let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
        let call = Call { operation, body };
        let mut state = self.state();
        state.calls.push(call.clone());
        let (when, fault, only) = state.plan.clone()?;
        if only.is_some_and(|only| !call.operation.ends_with(&format!(".{only}"))) {
            return None;
        }
        let number = state.counted;
        let repeat = state.struck.as_ref() == Some(&call);
        if !repeat {
            state.counted += 1;
        }
        let strikes = match when {
            When::Always => true,
            When::Nth(n) => number == n && !repeat,
            When::NthAndRepeats(n) => number == n || repeat,
        };
        if strikes {
            state.struck = Some(call);
            state.strikes += 1;
        }
        strikes.then_some(fault)
    }
}

impl HttpConnector for Faults {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let fault = self.next(&request);
        let inner = self.inner.clone();
        let lost = || ConnectorError::io("the connection was lost".into());
        match fault {
            None => inner.call(request),
            Some(Fault::Unreached) => HttpConnectorFuture::ready(Err(lost())),
            Some(Fault::AnswerLost) => HttpConnectorFuture::new(async move {
                inner.call(request).await?;
                Err(lost())
            }),
            Some(Fault::DiesBefore) => HttpConnectorFuture::new(std::future::pending()),
            Some(Fault::DiesAfter) => HttpConnectorFuture::new(async move {
                inner.call(request).await?;
                std::future::pending().await
            }),
            Some(Fault::Throttled) => answer(400, "ThrottlingException"),
            Some(Fault::ServerError) => answer(500, "InternalServerError"),
            Some(Fault::ConditionFailed) => answer(400, "ConditionalCheckFailedException"),
            Some(Fault::Conflict) => answer(400, "TransactionConflictException"),
            Some(Fault::Refused(error)) => answer(400, error),
        }
    }
}

impl HttpClient for Faults {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The target that the request names; SES is called by its paths and names none.
fn operation(request: &HttpRequest) -> String {
    match request.headers().get("x-amz-target") {
        Some(target) => target.to_owned(),
        None if request.uri().ends_with("/v2/email/outbound-emails") => "SESv2.SendEmail".to_owned(),
        None => String::new(),
    }
}

fn answer(status: u16, code: &str) -> HttpConnectorFuture {
    let body = format!(r#"{{"__type":"{code}","message":"injected"}}"#);
    let status = aws_smithy_runtime_api::http::StatusCode::try_from(status);
    HttpConnectorFuture::ready(match status {
        Ok(status) => {
            let mut response = HttpResponse::new(status, SdkBody::from(body));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        }
        Err(error) => Err(ConnectorError::other(error.into(), None)),
    })
}

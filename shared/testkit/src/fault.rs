//! What can happen to a call to AWS, and what the SDK is answered then.

use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

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
    /// It takes effect, its answer is lost, and the SDK repeats it: now its own effect fails its condition.
    Repeated,
    /// Another transaction is on.
    Conflict,
    /// The service refuses it, with the error of that name.
    Refused(&'static str),
    /// The process dies before the call: the call never returns.
    DiesBefore,
    /// The process dies after the call has taken effect.
    DiesAfter,
    /// The process stands still before the call, and goes on from there when it is told to.
    Freezes,
}

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The service and operation, such as `DynamoDB_20120810.PutItem`.
    pub operation: String,
    /// The body of the request.
    pub body: String,
}

impl Fault {
    /// Whether the process stops at it.
    pub const fn stops(self) -> bool {
        matches!(self, Self::DiesBefore | Self::DiesAfter | Self::Freezes)
    }

    /// What becomes of a call that it happens to. A process that stands still here does so for ever.
    pub(crate) fn befall(
        self,
        inner: &SharedHttpConnector,
        request: HttpRequest,
        call: &Call,
    ) -> HttpConnectorFuture {
        let lost = || ConnectorError::io("the connection was lost".into());
        match self {
            Self::Unreached => HttpConnectorFuture::ready(Err(lost())),
            Self::AnswerLost => {
                let inner = inner.clone();
                HttpConnectorFuture::new(async move {
                    inner.call(request).await?;
                    Err(lost())
                })
            }
            Self::Throttled => answer(400, "ThrottlingException"),
            Self::ServerError => answer(500, "InternalServerError"),
            Self::ConditionFailed => {
                let (inner, call) = (inner.clone(), call.clone());
                HttpConnectorFuture::new(async move { refuse_as_it_stands(&inner, &request, &call).await })
            }
            Self::Repeated => {
                let (inner, call) = (inner.clone(), call.clone());
                HttpConnectorFuture::new(async move {
                    let again = request.try_clone().ok_or_else(lost)?;
                    let answer = inner.call(request).await?;
                    if answer.status().is_success() {
                        refuse_as_it_stands(&inner, &again, &call).await
                    } else {
                        Ok(answer)
                    }
                })
            }
            Self::Conflict => refuse(call, "TransactionConflict", None),
            Self::Refused(error) => answer(400, error),
            Self::DiesBefore | Self::DiesAfter | Self::Freezes => {
                HttpConnectorFuture::new(std::future::pending())
            }
        }
    }

    /// Whether it can happen to that call at all: only a conditional write can be refused for its condition, and only a
    /// write, or a read of several records as one, can meet a transaction. No counter is filled here, and nobody else
    /// can have written a job under an id that was made a moment ago.
    pub fn befalls(self, call: &Call) -> bool {
        match self {
            Self::ConditionFailed => call.is_conditional() && !call.is_fresh(),
            // A transaction carries a token by which a repeat is known.
            Self::Repeated => call.is_conditional() && call.name() != "TransactWriteItems",
            Self::Conflict => {
                ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "TransactGetItems"]
                    .contains(&call.name())
            }
            _ => true,
        }
    }
}

impl Call {
    /// Whether it writes to the table.
    pub(crate) fn writes(&self) -> bool {
        ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"].contains(&self.name())
    }

    /// Whether DynamoDB may answer it with what was there a moment ago: every read that does not ask for more.
    pub(crate) fn may_be_stale(&self) -> bool {
        ["GetItem", "BatchGetItem", "Query", "Scan"].contains(&self.name())
            && !self.body.contains("\"ConsistentRead\":true")
    }

    /// Whether it has a condition that somebody else may have broken.
    fn is_conditional(&self) -> bool {
        self.body.contains("\"ConditionExpression\"") && !self.body.contains("\"S\":\"RATE#")
    }

    /// Whether it writes a job for the first time.
    fn is_fresh(&self) -> bool {
        self.name() == "PutItem"
            && self.body.contains("\"attribute_not_exists(pk)\"")
            && self.body.contains("\"sk\":{\"S\":\"JOB\"}")
    }

    /// The request for the item that a write wants to see if its condition fails.
    fn asked_for(&self) -> Option<Value> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        let write = match body.get("TransactItems").and_then(Value::as_array) {
            Some(parts) => parts.iter().find(|part| is_conditional(part))?.as_object()?.values().next()?,
            None => &body,
        };
        if write["ReturnValuesOnConditionCheckFailure"] != "ALL_OLD" {
            return None;
        }
        let key = match (&write["Key"], &write["Item"]) {
            (Value::Null, item) => json!({"pk": item["pk"], "sk": item["sk"]}),
            (key, _) => key.clone(),
        };
        Some(json!({"TableName": write["TableName"], "Key": key, "ConsistentRead": true}))
    }

    /// The operation without its service, such as `PutItem`.
    pub fn name(&self) -> &str {
        self.operation.rsplit('.').next().unwrap_or_default()
    }

    /// What a transaction is refused with: one reason a part, in their order. A condition can only fail where there
    /// is one, and then there, with the item that stands there if that was asked for.
    fn refusal(&self, code: &str, found: Option<&Value>) -> Option<Value> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        let parts = body.get("TransactItems")?.as_array()?;
        let place = match code {
            "ConditionalCheckFailed" => parts.iter().position(is_conditional)?,
            _ => 0,
        };
        let reason = |i: usize| match (i == place, found) {
            (true, Some(item)) => json!({"Code": code, "Item": item}),
            (true, None) => json!({"Code": code}),
            (false, _) => json!({"Code": "None"}),
        };
        let reasons: Vec<_> = (0..parts.len()).map(reason).collect();
        Some(json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "message": "injected",
            "CancellationReasons": reasons,
        }))
    }
}

/// The answer of a service that refuses a call.
fn answer(status: u16, code: &str) -> HttpConnectorFuture {
    respond(status, &json!({"__type": code, "message": "injected"}))
}

/// What DynamoDB answers a write whose condition fails, or that meets a transaction.
fn refuse(call: &Call, code: &str, found: Option<&Value>) -> HttpConnectorFuture {
    match (call.refusal(code, found), found) {
        (Some(refusal), _) => respond(400, &refusal),
        (None, _) if code == "TransactionConflict" => answer(400, "TransactionConflictException"),
        (None, Some(item)) => {
            let code = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
            respond(400, &json!({"__type": code, "message": "injected", "Item": item}))
        }
        (None, None) => answer(400, "ConditionalCheckFailedException"),
    }
}

/// What DynamoDB answers a write whose condition fails, with the item as it stands where that is asked for.
async fn refuse_as_it_stands(
    inner: &SharedHttpConnector,
    request: &HttpRequest,
    call: &Call,
) -> Result<HttpResponse, ConnectorError> {
    let found = match call.asked_for() {
        Some(read) => read_item(inner, request, &read).await?,
        None => None,
    };
    refuse(call, "ConditionalCheckFailed", found.as_ref()).await
}

/// The item that this request reads. The engine is in this process and asks nobody to sign.
async fn read_item(
    inner: &SharedHttpConnector,
    like: &HttpRequest,
    read: &Value,
) -> Result<Option<Value>, ConnectorError> {
    let unreadable =
        |what: &str| ConnectorError::other(format!("the item cannot be read: {what}").into(), None);
    let mut request = like.try_clone().ok_or_else(|| unreadable("the request streams"))?;
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.GetItem");
    *request.body_mut() = SdkBody::from(read.to_string());
    let answer = inner.call(request).await?;
    let bytes = answer.body().bytes().ok_or_else(|| unreadable("the answer streams"))?;
    let answer: Value = serde_json::from_slice(bytes).map_err(|error| unreadable(&error.to_string()))?;
    Ok(answer.get("Item").cloned())
}

fn is_conditional(part: &Value) -> bool {
    part.to_string().contains("\"ConditionExpression\"")
}

fn respond(status: u16, body: &Value) -> HttpConnectorFuture {
    let status = aws_smithy_runtime_api::http::StatusCode::try_from(status);
    HttpConnectorFuture::ready(match status {
        Ok(status) => {
            let mut response = HttpResponse::new(status, SdkBody::from(body.to_string()));
            response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(response)
        }
        Err(error) => Err(ConnectorError::other(error.into(), None)),
    })
}

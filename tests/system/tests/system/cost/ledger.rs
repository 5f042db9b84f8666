//! Every call to AWS, whose it is, and what it consumed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use testkit::Call;

use super::size;

/// How long a call takes inside a region, as functions see it. AWS promises single-digit milliseconds of DynamoDB and
/// nothing of SQS; these are what such functions commonly measure.
const DYNAMODB: Duration = Duration::from_millis(5);
const TRANSACTION: Duration = Duration::from_millis(12);
const SQS: Duration = Duration::from_millis(10);
const OTHERS: Duration = Duration::from_millis(20);
/// By how many percent, up or down, a call may take longer or shorter: calls of the same moment do not come back together.
const SPREAD: u64 = 40;
/// SQS counts a request for each part of so many bytes.
const PART: usize = 64 * 1024;

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// Whose it is.
    pub(super) function: &'static str,
    /// Its service, as AWS writes it.
    pub(super) service: &'static str,
    /// Its operation.
    pub(super) action: String,
    /// As how many requests it counts.
    pub(super) requests: f64,
    /// Whether its messages name a group.
    pub(super) grouped: bool,
    /// Read request units.
    pub(super) reads: f64,
    /// Write request units.
    pub(super) writes: f64,
}

/// A connector that notes what goes through it. Clones share the notes.
#[derive(Clone, Debug)]
pub(super) struct Ledger {
    inner: SharedHttpConnector,
    entries: Arc<Mutex<Vec<Entry>>>,
    count: Arc<AtomicU64>,
}

/// One function's way through it.
#[derive(Clone, Debug)]
pub(super) struct Clerk {
    ledger: Ledger,
    function: &'static str,
}

impl Ledger {
    /// A ledger before this connector.
    pub(super) fn new(inner: impl HttpConnector + 'static) -> Self {
        Self { inner: SharedHttpConnector::new(inner), entries: Arc::default(), count: Arc::default() }
    }

    /// The way of that function.
    pub(super) fn of(&self, function: &'static str) -> Clerk {
        Clerk { ledger: self.clone(), function }
    }

    /// What was noted, which is forgotten.
    pub(super) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock().unwrap())
    }

    fn latency(&self, call: &Call) -> Duration {
        let usual = match (service(call), call.name()) {
            ("DynamoDB", name) if name.starts_with("Transact") => TRANSACTION,
            ("DynamoDB", _) => DYNAMODB,
            ("SQS", _) => SQS,
            _ => OTHERS,
        };
        // The same from run to run, and another for each call: the golden ratio's multiples are spread evenly.
        let part = self.count.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let percent = 100 - SPREAD + part * 2 * SPREAD / u64::from(u32::MAX);
        usual * u32::try_from(percent).unwrap() / 100
    }
}

impl HttpConnector for Clerk {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let (ledger, function) = (self.ledger.clone(), self.function);
        let mut told: Value = serde_json::from_str(&call.body).unwrap_or_default();
        if service(&call) == "DynamoDB" {
            told["ReturnConsumedCapacity"] = json!("INDEXES");
            *request.body_mut() = SdkBody::from(told.to_string());
        }
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(ledger.latency(&call)).await;
            let again = request.try_clone();
            let answer = ledger.inner.call(request).await?;
            let standing = match again {
                Some(like) if !answer.status().is_success() => standing(&ledger.inner, like, &told).await,
                _ => None,
            };
            let entry = entry(function, &call, &told, &answer, standing.as_ref());
            ledger.entries.lock().unwrap().push(entry);
            Ok(answer)
        })
    }
}

impl HttpClient for Clerk {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The item that a refused write would have gone over, which is what it is charged by. Asked for beside the books.
async fn standing(inner: &SharedHttpConnector, like: HttpRequest, told: &Value) -> Option<Value> {
    let key = match &told["Key"] {
        Value::Null => json!({"pk": told["Item"]["pk"], "sk": told["Item"]["sk"]}),
        key => key.clone(),
    };
    let mut request = like;
    request.headers_mut().insert("x-amz-target", "DynamoDB_20120810.GetItem");
    let read = json!({"TableName": told["TableName"], "Key": key, "ConsistentRead": true});
    *request.body_mut() = SdkBody::from(read.to_string());
    let answer = inner.call(request).await.ok()?;
    let found: Value = serde_json::from_slice(answer.body().bytes()?).ok()?;
    found.get("Item").cloned()
}

fn entry(
    function: &'static str,
    call: &Call,
    told: &Value,
    answer: &HttpResponse,
    standing: Option<&Value>,
) -> Entry {
    let bytes = answer.body().bytes().unwrap_or_default();
    let service = service(call);
    let mut entry = Entry {
        function,
        service,
        action: call.name().to_owned(),
        requests: 1.0,
        grouped: false,
        reads: 0.0,
        writes: 0.0,
    };
    match service {
        "SQS" => {
            entry.requests = call.body.len().max(bytes.len()).div_ceil(PART).max(1) as f64;
            let names_group = |text: &[u8]| String::from_utf8_lossy(text).contains("\"MessageGroupId\"");
            // Every message of ours names a group, so what is deleted did too.
            entry.grouped = names_group(call.body.as_bytes())
                || names_group(bytes)
                || call.name().starts_with("DeleteMessage")
                || call.name().starts_with("ChangeMessageVisibility");
        }
        "DynamoDB" => {
            let answered: Value = serde_json::from_slice(bytes).unwrap_or_default();
            let units = match answer.status().is_success() {
                true => units(&answered["ConsumedCapacity"]),
                false => refused(told, standing),
            };
            match call.name() {
                "GetItem" | "BatchGetItem" | "Query" | "Scan" | "TransactGetItems" => entry.reads = units,
                _ => entry.writes = units,
            }
        }
        _ => {}
    }
    entry
}

fn service(call: &Call) -> &'static str {
    match call.operation.split_once('.').map(|(service, _)| service) {
        Some("DynamoDB_20120810") => "DynamoDB",
        Some("AmazonSQS") => "SQS",
        Some("secretsmanager") => "SecretsManager",
        Some("SESv2") => "SES",
        other => panic!("a call to a service that nobody knows the price of: {other:?}"),
    }
}

/// What an answer says that was consumed: of one table, or of several.
fn units(told: &Value) -> f64 {
    match told {
        Value::Array(tables) => tables.iter().map(units).sum(),
        table => table["CapacityUnits"].as_f64().expect("an answer that tells what it consumed"),
    }
}

/// What a refused write consumes: as much as a write of the item that stands there; a transaction, as if it were made.
fn refused(told: &Value, standing: Option<&Value>) -> f64 {
    match told["TransactItems"].as_array() {
        Some(parts) => 2.0 * parts.len() as f64,
        None => size::write_units(standing.map_or(0, size::of)),
    }
}

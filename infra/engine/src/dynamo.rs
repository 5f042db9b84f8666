//! DynamoDB: the wire in front of dynoxide.

use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::time::{Clock, Moment};
use dynoxide::actions::transact_write_items::TransactWriteItemsRequest;
use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// How long a `ClientRequestToken` is remembered.
const TOKEN_LIFE: Duration = Duration::from_secs(600);
/// How many are remembered at most: the SDK sends one with every transaction, needed or not.
const TOKENS: usize = 4096;

/// The database with what its own layer lacks at our pace.
pub(crate) struct Dynamo {
    pub(crate) database: Database,
    clock: Arc<dyn Clock>,
    tokens: Mutex<Tokens>,
}

impl Dynamo {
    pub(crate) fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock, tokens: Mutex::default() }
    }

    /// Carries out one operation: its status and its body.
    pub(crate) fn answer(&self, operation: &str, body: &[u8]) -> (StatusCode, Vec<u8>) {
        match self.dispatch(operation, body) {
            Ok(answer) => (StatusCode::OK, answer),
            Err(error) => {
                let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
                if status.is_server_error() {
                    tracing::error!(operation, error = &error as &dyn std::error::Error, "the engine failed");
                }
                (status, error.to_json().into_bytes())
            }
        }
    }

    fn dispatch(&self, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
        let db = &self.database;
        match operation {
            "GetItem" => write(&db.get_item(read(body)?)?),
            "PutItem" => write(&db.put_item(read(body)?)?),
            "UpdateItem" => write(&db.update_item(read(body)?)?),
            "DeleteItem" => write(&db.delete_item(read(body)?)?),
            "Query" => write(&db.query(read(body)?)?),
            "Scan" => write(&db.scan(read(body)?)?),
            "BatchGetItem" => write(&db.batch_get_item(read(body)?)?),
            "BatchWriteItem" => write(&db.batch_write_item(read(body)?)?),
            "TransactWriteItems" => self.transact(body),
            "TransactGetItems" => write(&db.transact_get_items(read(body)?)?),
            "CreateTable" => write(&db.create_table(read(body)?)?),
            "DescribeTable" => write(&db.describe_table(read(body)?)?),
            "UpdateTable" => write(&db.update_table(read(body)?)?),
            "ListTables" => write(&db.list_tables(read(body)?)?),
            "DeleteTable" => write(&db.delete_table(read(body)?)?),
            "UpdateTimeToLive" => write(&db.update_time_to_live(read(body)?)?),
            "DescribeTimeToLive" => write(&db.describe_time_to_live(read(body)?)?),
            "TagResource" => write(&db.tag_resource(read(body)?)?),
            "UntagResource" => write(&db.untag_resource(read(body)?)?),
            "ListTagsOfResource" => write(&db.list_tags_of_resource(read(body)?)?),
            _ => Err(DynoxideError::ValidationException(format!(
                "This engine does not know the operation {operation}."
            ))),
        }
    }

    /// A transaction. Its token is remembered here: dynoxide goes through every token of the last ten
    /// minutes at every call, which a thousand transactions a second would feel.
    fn transact(&self, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
        let mut request: TransactWriteItemsRequest = read(body)?;
        let Some(token) = request.client_request_token.take() else {
            return write(&self.database.transact_write_items(request)?);
        };
        let mut hasher = DefaultHasher::new();
        serde_json::to_vec(&serde_json::to_value(&request.transact_items).map_err(unreadable)?)
            .map_err(unreadable)?
            .hash(&mut hasher);
        let hash = hasher.finish();

        let now = self.clock.now();
        // Held across the transaction, so that a token in flight is not carried out twice.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.forget(now);
        match tokens.answers.get(&token) {
            Some((seen, answer)) if *seen == hash => return Ok(answer.clone()),
            Some(_) => {
                return Err(DynoxideError::IdempotentParameterMismatchException(
                    "The token was used with other items within the last ten minutes.".to_owned(),
                ));
            }
            None => {}
        }
        let answer = write(&self.database.transact_write_items(request)?)?;
        tokens.order.push_back((now, token.clone()));
        tokens.answers.insert(token, (hash, answer.clone()));
        Ok(answer)
    }
}

#[derive(Default)]
struct Tokens {
    answers: HashMap<String, (u64, Vec<u8>)>,
    order: VecDeque<(Moment, String)>,
}

impl Tokens {
    fn forget(&mut self, now: Moment) {
        while let Some((at, token)) = self.order.front() {
            if self.order.len() < TOKENS && now.since(*at) < TOKEN_LIFE {
                break;
            }
            self.answers.remove(token);
            self.order.pop_front();
        }
    }
}

fn write<T: Serialize>(answer: &T) -> Result<Vec<u8>, DynoxideError> {
    serde_json::to_vec(answer).map_err(|error| DynoxideError::InternalServerError(error.to_string()))
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, DynoxideError> {
    serde_json::from_slice(body).map_err(unreadable)
}

/// dynoxide's request types tell the kind of a fault by a word before its text.
fn unreadable(error: serde_json::Error) -> DynoxideError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    for mark in ["VALIDATION_REQUEST:", "VALIDATION_AS_READ:", "VALIDATION:"] {
        if let Some(message) = text.strip_prefix(mark) {
            return DynoxideError::ValidationException(message.to_owned());
        }
    }
    for mark in ["SERIALIZATION_AS_READ:", "SERIALIZATION:"] {
        if let Some(message) = text.strip_prefix(mark) {
            return DynoxideError::SerializationException(message.to_owned());
        }
    }
    if text.contains("missing field") || text.contains("AttributeValue") {
        return DynoxideError::ValidationException(text.to_owned());
    }
    DynoxideError::SerializationException(text.to_owned())
}

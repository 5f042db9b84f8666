//! The access patterns, and the keys that serve them.
//!
//! | pattern | request |
//! |---|---|
//! | one job | GetItem `JOB#<jobId>` / `JOB` |
//! | a job with its payload, runs and deliveries | Query `JOB#<jobId>` |
//! | a user's jobs by status and priority | Query `list`, `<userId>#<status>#<priority>`, merged by id |
//! | a user's deliveries by state | Query `list`, `DELIVERIES#<userId>#<state>`, merged by id |
//! | what falls due | Query `due`, `DUE#<shard>` / up to `<millis>` |
//! | a caller's record and whether the token is dead | GetItem, and one of the token if its user has logged out since |
//! | a delivery, its job and its receiver | Query `JOB#<jobId>` / `DELIVERY#<webhookId>` to `JOB`, BatchGetItem |
//! | a caller's API key | GetItem `KEY#<sha256 of the key>` / `KEY`, then of the user |
//! | a user's API keys | Query `list`, `KEYS#<userId>`, then BatchGetItem |
//! | all users | Query `list`, `USERS`, then BatchGetItem |
//! | log in by e-mail or by name | GetItem of the lock, then of the user |
//! | how often in this window | UpdateItem `RATE#<scope>#<subject>#<window>` |
//! | a user's webhook endpoints | Query `USER#<userId>` / `ENDPOINT#` |
//! | what is known of a receiver | GetItem `HEALTH#<subject>` / `HEALTH` |
//! | jobs that were given up | Query `due`, `DEAD` |
//! | what this key created before | GetItem `IDEMP#<userId>#<key>` |

use aws_sdk_dynamodb::types::AttributeValue;
use domain::delivery::DeliveryState;
use domain::health::Subject;
use domain::id::{EndpointId, JobId, RunId, UserId, WebhookId};
use domain::job::{Priority, Status};
use domain::time::Moment;

use crate::Item;

pub(crate) const JOB: &str = "JOB";
pub(crate) const PAYLOAD: &str = "PAYLOAD";
pub(crate) const PROFILE: &str = "PROFILE";
pub(crate) const LOCK: &str = "LOCK";
pub(crate) const KEY: &str = "KEY";
pub(crate) const HEALTH: &str = "HEALTH";
/// The `due` partition of jobs that were given up: they wait for an administrator, and for no moment.
pub(crate) const DEAD: &str = "DEAD";
pub(crate) const ENDPOINT_PREFIX: &str = "ENDPOINT#";
const HEALTH_PREFIX: &str = "HEALTH#";
pub(crate) const RUN_PREFIX: &str = "RUN#";
pub(crate) const DELIVERY_PREFIX: &str = "DELIVERY#";

pub(crate) fn job(id: JobId) -> String {
    format!("JOB#{id}")
}

pub(crate) fn run(id: RunId) -> String {
    format!("{RUN_PREFIX}{id}")
}

pub(crate) fn notice(run: RunId) -> String {
    format!("NOTICE#{run}")
}

pub(crate) fn delivery(id: WebhookId) -> String {
    format!("{DELIVERY_PREFIX}{id}")
}

pub(crate) fn user(id: UserId) -> String {
    format!("USER#{id}")
}

pub(crate) fn endpoint(id: EndpointId) -> String {
    format!("{ENDPOINT_PREFIX}{id}")
}

pub(crate) fn health(subject: &Subject) -> String {
    format!("{HEALTH_PREFIX}{subject}")
}

/// Of whom a record of health is.
pub(crate) fn subject(pk: &str) -> Option<&str> {
    pk.strip_prefix(HEALTH_PREFIX)
}

pub(crate) fn email(digest: &str) -> String {
    format!("EMAIL#{digest}")
}

pub(crate) fn name(digest: &str) -> String {
    format!("NAME#{digest}")
}

pub(crate) fn api_key(digest: &str) -> String {
    format!("KEY#{digest}")
}

/// The `list` partition of a user's API keys.
pub(crate) fn key_cell(user: UserId) -> String {
    format!("KEYS#{user}")
}

pub(crate) fn revoked(jti: &str) -> String {
    format!("REVOKED#{jti}")
}

pub(crate) fn idempotency(user: UserId, key: &str) -> String {
    format!("IDEMP#{user}#{key}")
}

pub(crate) fn job_cell(user: UserId, status: Status, priority: Priority) -> String {
    format!("{user}#{status}#{priority}")
}

pub(crate) fn delivery_cell(user: UserId, state: DeliveryState) -> String {
    format!("DELIVERIES#{user}#{}", state.as_str())
}

/// What the keys of a delivery tell: its id, its job, its owner, its receiver and its state.
pub(crate) fn told_of_delivery(item: &Item) -> Option<[String; 5]> {
    let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str);
    let (pk, sk) = (text("pk")?, text("sk")?);
    let (owner, state) = text("listPk")?.strip_prefix("DELIVERIES#")?.split_once('#')?;
    let (job, id) = (pk.strip_prefix("JOB#")?, sk.strip_prefix(DELIVERY_PREFIX)?);
    Some([id, job, owner, text("search")?, state].map(str::to_owned))
}

/// The `due` partition of a shard.
pub(crate) fn due_shard(shard: u8) -> String {
    format!("DUE#{shard}")
}

/// Where a job stands in its shard. No schedule reaches back to 1970, and 15 digits last to the year 33658.
pub(crate) fn due_place(at: Moment, job: JobId) -> String {
    format!("{:015}#{job}", at.as_millis().max(0))
}

/// What stands behind every job that stands at this moment or before it.
pub(crate) fn due_end(until: Moment) -> String {
    format!("{:015}", until.as_millis().max(0).saturating_add(1))
}

/// The moment at which a job stands.
pub(crate) fn due_moment(place: &str) -> Option<Moment> {
    place.split_once('#')?.0.parse().ok().map(Moment::from_millis)
}

/// The `list` partition of all users.
pub(crate) const USERS: &str = "USERS";

/// A primary key.
pub(crate) fn key(pk: impl Into<String>, sk: impl Into<String>) -> Item {
    Item::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

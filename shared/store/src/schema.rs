//! The table as it is created on one machine and in tests; a test holds template.yaml to the same.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType, TimeToLiveSpecification,
};

use crate::StoreError;

/// The index of lists.
pub const LIST_INDEX: &str = "list";
/// The index of what falls due.
pub const DUE_INDEX: &str = "due";
/// The attribute by which the table forgets.
pub const TTL_ATTRIBUTE: &str = "expiresAt";
/// How many attributes an index may carry
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Projection.html>).
pub const MOST_CARRIED: usize = 20;
/// Attributes that key a table or an index.
pub const KEY_ATTRIBUTES: [&str; 6] = ["pk", "sk", "listPk", "listSk", "duePk", "dueSk"];
/// What a row of `list` carries besides its keys. Whose a job is stands in its key.
pub const LIST_PROJECTION: [&str; 18] = [
    "id",
    "taskName",
    "type",
    "priority",
    "status",
    "shown",
    "maxRetries",
    "timeoutSeconds",
    "schedule",
    "runId",
    "nextRunAt",
    "webhookUrl",
    "lastError",
    "createdAt",
    "startedAt",
    "completedAt",
    "search",
    "expiresAt",
];
const _: () = assert!(LIST_PROJECTION.len() <= MOST_CARRIED);
/// What a row of `due` carries besides its keys.
pub const DUE_PROJECTION: [&str; 5] = ["id", "userId", "priority", "scheduleRev", "nextRunAt"];

/// Creates the table with its indexes and its TTL, if it is not there.
pub async fn create(client: &Client, table: &str) -> Result<(), StoreError> {
    match client.describe_table().table_name(table).send().await {
        Ok(_) => return Ok(()),
        Err(SdkError::ServiceError(e)) if e.err().is_resource_not_found_exception() => {}
        Err(e) => return Err(StoreError::sdk(e)),
    }
    let mut request = client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .key_schema(key("pk", KeyType::Hash)?)
        .key_schema(key("sk", KeyType::Range)?)
        .global_secondary_indexes(index(LIST_INDEX, "listPk", "listSk", &LIST_PROJECTION)?)
        .global_secondary_indexes(index(DUE_INDEX, "duePk", "dueSk", &DUE_PROJECTION)?);
    for name in KEY_ATTRIBUTES {
        let attribute = AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(ScalarAttributeType::S)
            .build();
        request = request.attribute_definitions(attribute.map_err(incomplete)?);
    }
    request.send().await.map_err(StoreError::sdk)?;
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL_ATTRIBUTE).build();
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.map_err(incomplete)?)
        .send()
        .await
        .map_err(StoreError::sdk)?;
    Ok(())
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, StoreError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(incomplete)
}

fn index(name: &str, pk: &str, sk: &str, carries: &[&str]) -> Result<GlobalSecondaryIndex, StoreError> {
    let carries = carries.iter().map(|name| (*name).to_owned()).collect();
    let projection = Projection::builder()
        .projection_type(ProjectionType::Include)
        .set_non_key_attributes(Some(carries))
        .build();
    GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(pk, KeyType::Hash)?)
        .key_schema(key(sk, KeyType::Range)?)
        .projection(projection)
        .build()
        .map_err(incomplete)
}

fn incomplete(error: BuildError) -> StoreError {
    StoreError::unreadable("the table's definition is incomplete", error)
}

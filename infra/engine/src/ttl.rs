//! What has expired goes, by the engine's own clock. dynoxide's sweep knows no clock but the wall's.

use std::collections::HashMap;

use domain::time::Moment;
use dynoxide::actions::delete_item::DeleteItemRequest;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::describe_time_to_live::DescribeTimeToLiveRequest;
use dynoxide::actions::list_tables::ListTablesRequest;
use dynoxide::actions::scan::ScanRequest;
use dynoxide::{AttributeValue, Database, DynoxideError, Item};

/// Rows read under one hold of the database's lock.
const PAGE: usize = 100;

/// Deletes every item whose TTL attribute lies before `now`; says how many.
pub(crate) fn sweep(database: &Database, now: Moment) -> Result<usize, DynoxideError> {
    let mut deleted = 0;
    for table in database.list_tables(ListTablesRequest::default())?.table_names {
        let ttl = database.describe_time_to_live(DescribeTimeToLiveRequest { table_name: table.clone() })?;
        if let Some(attribute) = ttl.time_to_live_description.attribute_name {
            deleted += sweep_table(database, &table, &attribute, now)?;
        }
    }
    Ok(deleted)
}

fn sweep_table(
    database: &Database,
    table: &str,
    attribute: &str,
    now: Moment,
) -> Result<usize, DynoxideError> {
    let describe = DescribeTableRequest { table_name: table.to_owned() };
    let schema = database.describe_table(describe)?.table.key_schema;
    let mut names = HashMap::from([("#ttl".to_owned(), attribute.to_owned())]);
    let mut keys = Vec::new();
    for (index, element) in schema.into_iter().enumerate() {
        keys.push(format!("#k{index}"));
        names.insert(format!("#k{index}"), element.attribute_name);
    }
    let condition = Expired {
        text: "attribute_type(#ttl, :number) AND #ttl <= :now".to_owned(),
        values: HashMap::from([
            (":number".to_owned(), AttributeValue::S("N".to_owned())),
            (":now".to_owned(), AttributeValue::N(now.as_millis().div_euclid(1000).to_string())),
        ]),
    };

    let mut deleted = 0;
    let mut from = None;
    loop {
        let page = database.scan(ScanRequest {
            table_name: table.to_owned(),
            filter_expression: Some(condition.text.clone()),
            projection_expression: Some(keys.join(", ")),
            expression_attribute_names: Some(names.clone()),
            expression_attribute_values: Some(condition.values.clone()),
            limit: Some(PAGE),
            exclusive_start_key: from,
            ..ScanRequest::default()
        })?;
        for key in page.items.unwrap_or_default() {
            deleted += usize::from(delete(database, table, key, attribute, &condition)?);
        }
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(deleted);
        }
        // The lock is not fair: let those who wait have it.
        std::thread::yield_now();
    }
}

struct Expired {
    text: String,
    values: HashMap<String, AttributeValue>,
}

/// Deletes one item, unless it was given a new life since it was read.
fn delete(
    database: &Database,
    table: &str,
    key: Item,
    attribute: &str,
    condition: &Expired,
) -> Result<bool, DynoxideError> {
    let request = DeleteItemRequest {
        table_name: table.to_owned(),
        key,
        condition_expression: Some(condition.text.clone()),
        expression_attribute_names: Some(HashMap::from([("#ttl".to_owned(), attribute.to_owned())])),
        expression_attribute_values: Some(condition.values.clone()),
        ..DeleteItemRequest::default()
    };
    match database.delete_item(request) {
        Ok(_) => Ok(true),
        Err(DynoxideError::ConditionalCheckFailedException(..)) => Ok(false),
        Err(error) => Err(error),
    }
}

use std::collections::HashMap;

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, ConditionCheck, GlobalSecondaryIndex, KeySchemaElement,
    KeyType, Projection, ProjectionType, Put, PutRequest, ReturnValuesOnConditionCheckFailure,
    ScalarAttributeType, TimeToLiveSpecification, TransactWriteItem, WriteRequest,
};

use crate::bed::{Bed, START};

const TABLE: &str = "table";

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn key(name: &str, key_type: KeyType) -> KeySchemaElement {
    KeySchemaElement::builder().attribute_name(name).key_type(key_type).build().unwrap()
}

pub(crate) async fn create(bed: &Bed) {
    let projection = Projection::builder().projection_type(ProjectionType::All).build();
    let index = GlobalSecondaryIndex::builder().index_name("list").projection(projection);
    let index =
        index.key_schema(key("list", KeyType::Hash)).key_schema(key("sk", KeyType::Range)).build().unwrap();
    let mut create = bed.table.create_table().table_name(TABLE).billing_mode(BillingMode::PayPerRequest);
    for name in ["pk", "sk", "list"] {
        let definition = AttributeDefinition::builder().attribute_name(name);
        create =
            create.attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build().unwrap());
    }
    let create = create.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    create.global_secondary_indexes(index).send().await.unwrap();
    let ttl = TimeToLiveSpecification::builder().enabled(true).attribute_name("expiresAt").build().unwrap();
    let update = bed.table.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl);
    update.send().await.unwrap();
}

pub(crate) async fn put(bed: &Bed, pk: &str, sk: &str, value: i64) {
    let put = bed.table.put_item().table_name(TABLE).item("pk", text(pk)).item("sk", text(sk));
    put.item("list", text("all")).item("value", number(value)).send().await.unwrap();
}

pub(crate) async fn get(bed: &Bed, pk: &str, sk: &str) -> Option<i64> {
    let get = bed.table.get_item().table_name(TABLE).key("pk", text(pk)).key("sk", text(sk));
    let item = get.consistent_read(true).send().await.unwrap().item?;
    Some(item["value"].as_n().unwrap().parse().unwrap())
}

#[tokio::test]
async fn a_condition_that_fails_shows_the_item() {
    let bed = Bed::new();
    create(&bed).await;
    put(&bed, "a", "1", 7).await;
    let delete = bed.table.delete_item().table_name(TABLE).key("pk", text("a")).key("sk", text("1"));
    let delete = delete.condition_expression("#v = :v").expression_attribute_names("#v", "value");
    let delete = delete.expression_attribute_values(":v", number(8));
    let delete = delete.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    match delete.send().await.unwrap_err().into_service_error() {
        DeleteItemError::ConditionalCheckFailedException(failed) => {
            assert_eq!(failed.item().unwrap()["value"], number(7));
        }
        other => panic!("{other:?}"),
    }

    let update = bed.table.update_item().table_name(TABLE).key("pk", text("a")).key("sk", text("1"));
    let update = update.update_expression("SET #v = #v + :one").condition_expression("#v = :v");
    let update =
        update.expression_attribute_names("#v", "value").expression_attribute_values(":one", number(1));
    update.expression_attribute_values(":v", number(7)).send().await.unwrap();
    assert_eq!(get(&bed, "a", "1").await, Some(8));
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let bed = Bed::new();
    create(&bed).await;
    let missing = bed.table.get_item().table_name("missing").key("pk", text("a")).key("sk", text("1"));
    assert!(missing.send().await.unwrap_err().into_service_error().is_resource_not_found_exception());
    let no_key = bed.table.put_item().table_name(TABLE).item("pk", text("a")).send().await.unwrap_err();
    assert_eq!(no_key.code(), Some("ValidationException"));
}

fn transact_put(pk: &str) -> TransactWriteItem {
    let put = Put::builder().table_name(TABLE).item("pk", text(pk)).item("sk", text("1"));
    let put = put.item("value", number(1)).condition_expression("attribute_not_exists(pk)");
    let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    TransactWriteItem::builder().put(put.build().unwrap()).build()
}

#[tokio::test]
async fn a_cancelled_transaction_tells_the_reason_of_each() {
    let bed = Bed::new();
    create(&bed).await;
    put(&bed, "taken", "1", 7).await;
    let check = ConditionCheck::builder().table_name(TABLE).key("pk", text("taken")).key("sk", text("1"));
    let check = check.condition_expression("attribute_exists(pk)").build().unwrap();
    let check = TransactWriteItem::builder().condition_check(check).build();
    let transact =
        bed.table.transact_write_items().transact_items(check).transact_items(transact_put("free"));
    let error = transact.transact_items(transact_put("taken"));
    // One item in two of its actions is refused, so the check goes to another.
    let refused = error.send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationException"));

    let transact = bed.table.transact_write_items().transact_items(transact_put("free"));
    let error = transact.transact_items(transact_put("taken")).send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        cancelled,
    ) = error
    else {
        panic!("{error:?}");
    };
    let codes: Vec<_> =
        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
    assert_eq!(cancelled.cancellation_reasons()[1].item().unwrap()["value"], number(7));
    assert_eq!(get(&bed, "free", "1").await, None);
}

#[tokio::test]
async fn a_transaction_with_a_token_is_carried_out_once() {
    let bed = Bed::new();
    create(&bed).await;
    let transact = |pk: &'static str| {
        let transact = bed.table.transact_write_items().transact_items(transact_put(pk));
        transact.client_request_token("token").send()
    };
    transact("a").await.unwrap();
    // The condition would fail, were it looked at.
    transact("a").await.unwrap();
    let other = transact("b").await.unwrap_err().into_service_error();
    assert!(other.is_idempotent_parameter_mismatch_exception());
    bed.pass(600_000);
    let late = transact("a").await.unwrap_err().into_service_error();
    assert!(late.is_transaction_canceled_exception());
}

#[tokio::test]
async fn an_index_is_read_page_by_page() {
    let bed = Bed::new();
    create(&bed).await;
    for index in 0..25 {
        put(&bed, &format!("pk{index}"), &format!("{index:03}"), index).await;
    }
    let query = bed.table.query().table_name(TABLE).index_name("list").limit(10).scan_index_forward(false);
    let query = query.key_condition_expression("#l = :l").expression_attribute_names("#l", "list");
    let mut pages = query.expression_attribute_values(":l", text("all")).into_paginator().send();
    let (mut sizes, mut values) = (Vec::new(), Vec::new());
    while let Some(page) = pages.next().await {
        let items = page.unwrap().items.unwrap();
        sizes.push(items.len());
        values.extend(items.iter().map(|item| item["value"].as_n().unwrap().parse::<i64>().unwrap()));
    }
    assert_eq!(sizes, [10, 10, 5]);
    assert_eq!(values, (0..25).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn batches_are_written_and_read() {
    let bed = Bed::new();
    create(&bed).await;
    let requests = (0..25).map(|index| {
        let put = PutRequest::builder().item("pk", text("p")).item("sk", text(&format!("{index:02}")));
        WriteRequest::builder().put_request(put.item("value", number(index)).build().unwrap()).build()
    });
    let write = bed.table.batch_write_item().request_items(TABLE, requests.collect());
    assert!(write.send().await.unwrap().unprocessed_items.unwrap_or_default().is_empty());
    let keys = (0..3).map(|index| {
        HashMap::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text(&format!("{index:02}")))])
    });
    let keys =
        aws_sdk_dynamodb::types::KeysAndAttributes::builder().set_keys(Some(keys.collect())).build().unwrap();
    let read = bed.table.batch_get_item().request_items(TABLE, keys).send().await.unwrap();
    assert_eq!(read.responses.unwrap()[TABLE].len(), 3);
}

#[tokio::test]
async fn a_sweep_takes_what_has_expired_and_nothing_else() {
    let bed = Bed::new();
    create(&bed).await;
    let start = START / 1000;
    for (pk, expires) in
        [("past", number(start - 1)), ("future", number(start + 60)), ("no number", text("1"))]
    {
        let put = bed.table.put_item().table_name(TABLE).item("pk", text(pk)).item("sk", text("1"));
        put.item("value", number(1)).item("expiresAt", expires).send().await.unwrap();
    }
    for index in 0..250 {
        put(&bed, "many", &index.to_string(), 1).await;
    }
    assert_eq!(bed.engine.sweep_ttl().unwrap(), 1);
    assert_eq!((get(&bed, "past", "1").await, get(&bed, "future", "1").await), (None, Some(1)));
    bed.pass(60_000);
    assert_eq!(bed.engine.sweep_ttl().unwrap(), 1);
    assert_eq!(bed.engine.sweep_ttl().unwrap(), 0);
    assert_eq!((get(&bed, "no number", "1").await, get(&bed, "many", "0").await), (Some(1), Some(1)));
}

//! What the engine says that a request consumes, against DynamoDB's rules.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html> and, of indexes,
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.html>

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, Put, TransactWriteItem};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::json;
use testkit::{Bed, TABLE};

use super::ledger::Ledger;
use super::size;

struct Scales {
    client: Client,
    ledger: Ledger,
}

impl Scales {
    async fn new() -> (Self, Bed) {
        let bed = Bed::new().await;
        let ledger = Ledger::new(bed.journal.clone());
        let way = SharedHttpClient::new(ledger.of("test"));
        (Self { client: Client::new(&bed.engine.sdk_config_with(way)), ledger }, bed)
    }

    /// Read and write units of what was done since the last look.
    fn units(&self) -> (f64, f64) {
        let entries = self.ledger.take();
        (entries.iter().map(|entry| entry.reads).sum(), entries.iter().map(|entry| entry.writes).sum())
    }

    async fn put(&self, item: &Item) -> (f64, f64) {
        self.client.put_item().table_name(TABLE).set_item(Some(item.clone())).send().await.unwrap();
        self.units()
    }
}

type Item = std::collections::HashMap<String, AttributeValue>;

fn item(members: &[(&str, &str)]) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut item = Item::from([("pk".to_owned(), text("A")), ("sk".to_owned(), text("A"))]);
    item.extend(members.iter().map(|(name, value)| ((*name).to_owned(), text(value))));
    item
}

const LISTED: [(&str, &str); 2] = [("listPk", "cell-1"), ("listSk", "A")];

fn listed(more: &[(&str, &str)]) -> Item {
    item(&[&LISTED[..], more].concat())
}

#[tokio::test(start_paused = true)]
async fn a_write_takes_a_unit_a_kilobyte_of_the_table_and_of_each_index_that_changes() {
    let (scales, _bed) = Scales::new().await;
    let (kilobyte, more) = ("x".repeat(1_000), "x".repeat(1_024));
    assert_eq!(
        scales.put(&item(&[("body", &kilobyte)])).await,
        (0.0, 1.0),
        "names and keys count: 1,008 bytes"
    );
    assert_eq!(scales.put(&item(&[("body", &more)])).await, (0.0, 2.0));
    assert_eq!(scales.put(&item(&[])).await, (0.0, 2.0), "what is written over counts, if it is larger");
    assert_eq!(scales.put(&listed(&[])).await, (0.0, 2.0), "a row of an index, new");
    assert_eq!(scales.put(&listed(&[("lease", "1")])).await, (0.0, 1.0), "the index does not carry it");
    assert_eq!(scales.put(&listed(&[("status", "1")])).await, (0.0, 2.0), "the index carries it");
    assert_eq!(scales.put(&listed(&[("listPk", "cell-2")])).await, (0.0, 3.0), "a row that moves");
    let due = [("duePk", "DUE#1"), ("dueSk", "1")];
    assert_eq!(scales.put(&item(&due)).await, (0.0, 3.0), "a row goes, another comes");
    assert_eq!(scales.put(&item(&[])).await, (0.0, 2.0), "a row goes");
}

#[tokio::test(start_paused = true)]
async fn a_refused_write_and_a_transaction_are_not_for_nothing() {
    let (scales, _bed) = Scales::new().await;
    let large = "x".repeat(2_000);
    scales.put(&listed(&[("body", &large)])).await;
    let refused = scales.client.put_item().table_name(TABLE).set_item(Some(item(&[])));
    assert!(refused.condition_expression("attribute_not_exists(pk)").send().await.is_err());
    assert_eq!(scales.units(), (0.0, 2.0), "as large as what stands there");
    let part = |item: Item| {
        let put = Put::builder().table_name(TABLE).set_item(Some(item)).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    };
    let other = Item::from_iter(item(&[]).into_keys().map(|name| (name, AttributeValue::S("B".to_owned()))));
    let both = scales.client.transact_write_items().transact_items(part(listed(&[("status", "1")])));
    both.transact_items(part(other)).send().await.unwrap();
    assert_eq!(
        scales.units(),
        (0.0, 2.0 * (2.0 + 1.0) + 1.0),
        "the table twice, and the index, which follows, once"
    );
}

#[tokio::test(start_paused = true)]
async fn a_read_takes_a_unit_for_four_kilobytes_and_half_of_it_where_it_may_be_stale() {
    let (scales, _bed) = Scales::new().await;
    scales.put(&listed(&[("body", &"x".repeat(5_000))])).await;
    let key = |name: &str| {
        item(&[]).into_keys().map(|key| (key, AttributeValue::S(name.to_owned()))).collect::<Item>()
    };
    for (consistent, units) in [(true, 2.0), (false, 1.0)] {
        let get = scales.client.get_item().table_name(TABLE).set_key(Some(key("A")));
        get.consistent_read(consistent).send().await.unwrap();
        assert_eq!(scales.units(), (units, 0.0));
        let get = scales.client.get_item().table_name(TABLE).set_key(Some(key("B")));
        get.consistent_read(consistent).send().await.unwrap();
        assert_eq!(scales.units(), (if consistent { 1.0 } else { 0.5 }, 0.0), "what is not there costs too");
        let keys = KeysAndAttributes::builder().keys(key("A")).keys(key("B")).consistent_read(consistent);
        let batch = scales.client.batch_get_item().request_items(TABLE, keys.build().unwrap());
        batch.send().await.unwrap();
        assert_eq!(scales.units(), (if consistent { 3.0 } else { 1.5 }, 0.0), "each key by itself");
    }
    let query = scales.client.query().table_name(TABLE).consistent_read(true);
    let query = query.key_condition_expression("pk = :pk");
    query.expression_attribute_values(":pk", AttributeValue::S("A".to_owned())).send().await.unwrap();
    assert_eq!(scales.units(), (2.0, 0.0), "a query by all that it reads");
}

#[test]
fn sizes_are_those_of_the_developer_guide() {
    let item = json!({"name": {"S": "é"}, "count": {"N": "-1200"}, "on": {"BOOL": true},
        "list": {"L": [{"S": "ab"}, {"N": "7"}]}, "map": {"M": {"a": {"NULL": true}}}});
    let expected = (4 + 2) + (5 + 3) + (2 + 1) + (4 + 3 + (1 + 2) + (1 + 2)) + (3 + 3 + 1 + (1 + 1));
    assert_eq!(size::of(&item), expected);
    assert_eq!([0, 1, 1024, 1025].map(size::write_units), [1.0, 1.0, 1.0, 2.0]);
}

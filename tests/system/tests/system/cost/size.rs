//! How large DynamoDB takes an item to be, and what it asks for that.
//!
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>

use serde_json::Value;

/// The size of an item in DynamoDB's JSON.
pub(super) fn of(item: &Value) -> usize {
    members(item)
}

/// About the size of an item in plain JSON.
pub(super) fn of_plain(item: &Value) -> usize {
    match item {
        Value::Null | Value::Bool(_) => 1,
        Value::Number(number) => self::number(&number.to_string()),
        Value::String(text) => text.len(),
        Value::Array(items) => 3 + items.iter().map(|one| 1 + of_plain(one)).sum::<usize>(),
        Value::Object(members) => members.iter().map(|(name, value)| name.len() + of_plain(value)).sum(),
    }
}

/// What a write of an item of that size takes of the table, or of an index.
pub(super) fn write_units(bytes: usize) -> f64 {
    bytes.div_ceil(1024).max(1) as f64
}

fn members(item: &Value) -> usize {
    item.as_object().unwrap().iter().map(|(name, value)| name.len() + attribute(value)).sum()
}

fn attribute(value: &Value) -> usize {
    let (kind, value) = value.as_object().unwrap().iter().next().unwrap();
    match kind.as_str() {
        "S" => value.as_str().unwrap().len(),
        "N" => number(value.as_str().unwrap()),
        "BOOL" | "NULL" => 1,
        // A list and a map are 3 bytes, and 1 more for each member.
        "L" => 3 + value.as_array().unwrap().iter().map(|one| 1 + attribute(one)).sum::<usize>(),
        "M" => 3 + value.as_object().unwrap().len() + members(value),
        other => panic!("no record of ours has a {other}"),
    }
}

/// About 1 byte for two digits, and 1 byte.
fn number(text: &str) -> usize {
    let digits = text.trim_start_matches('-').trim_matches('0').bytes().filter(u8::is_ascii_digit).count();
    digits.div_ceil(2) + 1 + usize::from(text.starts_with('-'))
}

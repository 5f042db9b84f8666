//! What a call to AWS asks leave for.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An action on a resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asked {
    /// The action, as a policy names it.
    pub action: String,
    /// A queue or a secret by its name, `table`, or an index as `table/<name>`.
    pub resource: String,
    /// Of the partition's key what tells kinds of records, where the table is concerned.
    pub key: Option<String>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " at {key}"))
    }
}

/// Everything that a call asks leave for, by its `x-amz-target`, or its URI where it has none, and its body. A call that
/// is not understood asks for itself, which nobody allows.
pub fn asked(target: &str, uri: &str, body: &Value) -> BTreeSet<Asked> {
    let (service, operation) = target.split_once('.').unwrap_or_default();
    match service {
        "DynamoDB_20120810" => of_the_table(operation, body),
        "AmazonSQS" => of_queues(operation, body),
        "secretsmanager" => {
            let id = body["SecretId"].as_str().unwrap_or_default();
            [one(format!("secretsmanager:{operation}"), id, None)].into()
        }
        _ if uri.ends_with("/v2/email/outbound-emails") => {
            [one("ses:SendEmail".to_owned(), "mail", None)].into()
        }
        _ => [one(format!("unknown:{target}"), uri, None)].into(),
    }
}

fn one(action: String, resource: &str, key: Option<&str>) -> Asked {
    Asked { action, resource: resource.to_owned(), key: key.map(|key| kind(key).to_owned()) }
}

/// A transaction asks for its parts, and a batch for each of its keys.
fn of_the_table(operation: &str, body: &Value) -> BTreeSet<Asked> {
    let on_table = |action: &str, keys: Vec<&str>| -> BTreeSet<Asked> {
        let action = format!("dynamodb:{action}");
        if keys.is_empty() {
            return [one(action, "table", None)].into();
        }
        keys.into_iter().map(|key| one(action.clone(), "table", Some(key))).collect()
    };
    let all = |value: &'_ Value| value.as_array().cloned().unwrap_or_default();
    match operation {
        "GetItem" | "UpdateItem" | "DeleteItem" => on_table(operation, keys([&body["Key"]])),
        "PutItem" => on_table(operation, keys([&body["Item"]])),
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let asked: Vec<_> = tables.flat_map(|(_, asked)| all(&asked["Keys"])).collect();
            on_table(operation, keys(&asked))
        }
        "BatchWriteItem" => {
            let tables = body["RequestItems"].as_object().into_iter().flatten();
            let parts: Vec<_> = tables.flat_map(|(_, parts)| all(parts)).collect();
            let each = parts.iter().map(|part| match &part["DeleteRequest"] {
                Value::Null => &part["PutRequest"]["Item"],
                delete => &delete["Key"],
            });
            on_table(operation, keys(each))
        }
        "TransactWriteItems" | "TransactGetItems" => {
            let parts = all(&body["TransactItems"]);
            let each = parts.iter().filter_map(|part| part.as_object()?.iter().next());
            each.flat_map(|(kind, part)| {
                let action = if kind == "ConditionCheck" {
                    "ConditionCheckItem".to_owned()
                } else {
                    format!("{kind}Item")
                };
                let item = if part["Item"].is_null() { &part["Key"] } else { &part["Item"] };
                on_table(&action, keys([item]))
            })
            .collect()
        }
        "Query" | "Scan" => {
            let resource =
                body["IndexName"].as_str().map_or("table".to_owned(), |index| format!("table/{index}"));
            [one(format!("dynamodb:{operation}"), &resource, partition(body).as_deref())].into()
        }
        _ => on_table(operation, Vec::new()),
    }
}

/// The partition keys of items or keys.
fn keys<'a>(items: impl IntoIterator<Item = &'a Value>) -> Vec<&'a str> {
    items.into_iter().filter_map(|item| item["pk"]["S"].as_str()).collect()
}

/// The partition that a Query asks for: the value that its condition compares a partition key with.
fn partition(body: &Value) -> Option<String> {
    let condition = body["KeyConditionExpression"].as_str()?;
    let compared = condition.split(" AND ").find_map(|part| {
        part.split_once('=').filter(|(name, _)| {
            let name = name.trim().trim_matches('(');
            let name = body["ExpressionAttributeNames"][name].as_str().unwrap_or(name);
            ["pk", "listPk", "duePk"].contains(&name)
        })
    })?;
    let value = compared.1.trim().trim_matches(')');
    body["ExpressionAttributeValues"][value]["S"].as_str().map(str::to_owned)
}

fn of_queues(operation: &str, body: &Value) -> BTreeSet<Asked> {
    let named = |member: &str| {
        let text = body[member].as_str().unwrap_or_default();
        text.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
    };
    let action = format!("sqs:{}", operation.trim_end_matches("Batch"));
    match operation {
        // SQS asks this of who starts a move:
        // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues-permissions.html
        "StartMessageMoveTask" => {
            let source = named("SourceArn");
            let on_source = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
            let mut needs: BTreeSet<_> =
                on_source.iter().map(|action| one(format!("sqs:{action}"), &source, None)).collect();
            needs.insert(one("sqs:SendMessage".to_owned(), &named("DestinationArn"), None));
            needs
        }
        "ListMessageMoveTasks" => [one(action, &named("SourceArn"), None)].into(),
        _ => [one(action, &named("QueueUrl"), None)].into(),
    }
}

/// A key up to what tells records of one kind apart.
fn kind(key: &str) -> &str {
    key.split_inclusive(['#', '_']).next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(target: &str, body: Value) -> Vec<String> {
        asked(target, "http://engine/", &body).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_call_asks_for_its_action_its_resource_and_its_partition() {
        let key = json!({ "pk": { "S": "JOB#1" }, "sk": { "S": "JOB" } });
        let of = |name: &str, body| told(&format!("DynamoDB_20120810.{name}"), body);
        assert_eq!(of("GetItem", json!({ "Key": key })), ["dynamodb:GetItem on table at JOB#"]);
        assert_eq!(of("PutItem", json!({ "Item": key })), ["dynamodb:PutItem on table at JOB#"]);
        let other = json!({ "pk": { "S": "USER#1" } });
        let batch = json!({ "RequestItems": { "t": { "Keys": [key, other] } } });
        let both = ["dynamodb:BatchGetItem on table at JOB#", "dynamodb:BatchGetItem on table at USER#"];
        assert_eq!(of("BatchGetItem", batch), both);
        let batch = json!({ "RequestItems": { "t": [{ "DeleteRequest": { "Key": key } }] } });
        assert_eq!(of("BatchWriteItem", batch), ["dynamodb:BatchWriteItem on table at JOB#"]);
        let parts =
            json!({ "TransactItems": [{ "Put": { "Item": key } }, { "ConditionCheck": { "Key": other } }] });
        let parts_of_it =
            ["dynamodb:ConditionCheckItem on table at USER#", "dynamodb:PutItem on table at JOB#"];
        assert_eq!(of("TransactWriteItems", parts), parts_of_it);
        let query = json!({
            "IndexName": "due", "KeyConditionExpression": "#p = :p AND dueSk <= :s",
            "ExpressionAttributeNames": { "#p": "duePk" },
            "ExpressionAttributeValues": { ":p": { "S": "DUE#07" }, ":s": { "S": "x" } },
        });
        assert_eq!(of("Query", query), ["dynamodb:Query on table/due at DUE#"]);
        assert_eq!(of("Scan", json!({ "IndexName": "list" })), ["dynamodb:Scan on table/list"]);
    }

    #[test]
    fn queues_and_secrets_go_by_their_names() {
        let url = |name: &str| json!({ "QueueUrl": format!("http://sqs/000000000000/{name}") });
        assert_eq!(told("AmazonSQS.SendMessageBatch", url("jobs-low")), ["sqs:SendMessage on jobs-low"]);
        let moved = json!({ "SourceArn": "arn:aws:sqs:r:1:dead", "DestinationArn": "arn:aws:sqs:r:1:alive" });
        let asked = told("AmazonSQS.StartMessageMoveTask", moved);
        assert_eq!(asked.len(), 5);
        assert!(asked.contains(&"sqs:SendMessage on alive".to_owned()), "{asked:?}");
        let read = told("secretsmanager.GetSecretValue", json!({ "SecretId": "nightjar/data" }));
        assert_eq!(read, ["secretsmanager:GetSecretValue on nightjar/data"]);
        let mail = asked_by_mail();
        assert_eq!(mail, ["ses:SendEmail on mail"]);
    }

    fn asked_by_mail() -> Vec<String> {
        let uri = "http://engine/v2/email/outbound-emails";
        asked("", uri, &Value::Null).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_not_understood_asks_for_itself() {
        assert!(told("Kinesis.PutRecord", Value::Null)[0].starts_with("unknown:"));
    }
}

//! What a call to AWS asks leave for.

use std::collections::BTreeSet;
use std::fmt;

use queue::topology;
use serde_json::Value;

/// An action on a resource, on the partition of that key where the table is concerned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) action: String,
    /// The resource by its name in the template, an index behind a slash.
    pub(super) resource: String,
    pub(super) key: Option<String>,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.action, self.resource)?;
        // What follows the mark tells records apart, and not kinds of them.
        self.key.as_ref().map_or(Ok(()), |key| write!(f, " at {}", kind(key)))
    }
}

/// The queues by their names in the template.
const QUEUES: [(&str, &str); 6] = [
    (topology::JOBS_HIGH.name, "JobsHighQueue"),
    (topology::JOBS_MEDIUM.name, "JobsMediumQueue"),
    (topology::JOBS_LOW.name, "JobsLowQueue"),
    (topology::JOBS_DLQ.name, "JobsDlq"),
    (topology::WEBHOOKS.name, "WebhooksQueue"),
    (topology::WEBHOOKS_DLQ.name, "WebhooksDlq"),
];
/// What a secret's name contains, and its name in the template.
const SECRETS: [(&str, &str); 3] =
    [("auth", "AuthSecret"), ("data", "DataSecret"), ("webhook", "WebhookSigningSecret")];

/// Everything that a line of the record asks leave for. A call that is not understood asks for itself, which nobody
/// allows.
pub(super) fn needs(line: &Value) -> BTreeSet<Need> {
    let body = &line["body"];
    let target = line["target"].as_str().unwrap_or_default();
    let (service, operation) = target.split_once('.').unwrap_or_default();
    match service {
        "DynamoDB_20120810" => of_the_table(operation, body),
        "AmazonSQS" => of_queues(operation, body),
        "secretsmanager" => {
            let id = body["SecretId"].as_str().unwrap_or_default().to_lowercase();
            let known =
                SECRETS.iter().find(|(part, _)| id.contains(part)).map_or(id.as_str(), |(_, name)| name);
            [need(format!("secretsmanager:{operation}"), known, None)].into()
        }
        _ if line["uri"].as_str().is_some_and(|uri| uri.ends_with("/v2/email/outbound-emails")) => {
            [need("ses:SendEmail".to_owned(), "mail", None)].into()
        }
        _ => [need(format!("unknown:{}", line["uri"]), target, None)].into(),
    }
}

fn need(action: String, resource: &str, key: Option<&str>) -> Need {
    Need { action, resource: resource.to_owned(), key: key.map(str::to_owned) }
}

/// A transaction asks for its parts, and a batch for each of its keys.
fn of_the_table(operation: &str, body: &Value) -> BTreeSet<Need> {
    let on_table = |action: &str, keys: Vec<&str>| -> BTreeSet<Need> {
        let action = format!("dynamodb:{action}");
        if keys.is_empty() {
            return [need(action, "Table", None)].into();
        }
        keys.into_iter().map(|key| need(action.clone(), "Table", Some(key))).collect()
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
                body["IndexName"].as_str().map_or("Table".to_owned(), |index| format!("Table/{index}"));
            [need(format!("dynamodb:{operation}"), &resource, partition(body).as_deref())].into()
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

fn of_queues(operation: &str, body: &Value) -> BTreeSet<Need> {
    let named = |member: &str| {
        let text = body[member].as_str().unwrap_or_default();
        let last = text.rsplit(['/', ':']).next().unwrap_or_default();
        let known = QUEUES.iter().find(|(name, _)| last == *name || last.ends_with(&format!("-{name}")));
        known.map_or(last.to_owned(), |(_, logical)| (*logical).to_owned())
    };
    let action = format!("sqs:{}", operation.trim_end_matches("Batch"));
    match operation {
        // SQS asks this of who starts a move:
        // https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues-permissions.html
        "StartMessageMoveTask" => {
            let source = named("SourceArn");
            let on_source = ["StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"];
            let mut needs: BTreeSet<_> =
                on_source.iter().map(|one| need(format!("sqs:{one}"), &source, None)).collect();
            needs.insert(need("sqs:SendMessage".to_owned(), &named("DestinationArn"), None));
            needs
        }
        "ListMessageMoveTasks" => [need(action, &named("SourceArn"), None)].into(),
        _ => [need(action, &named("QueueUrl"), None)].into(),
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
        let line = json!({ "target": target, "uri": "http://engine/", "body": body });
        needs(&line).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_call_asks_for_its_action_its_resource_and_its_partition() {
        let key = json!({ "pk": { "S": "JOB#1" }, "sk": { "S": "JOB" } });
        let of = |name: &str, body| told(&format!("DynamoDB_20120810.{name}"), body);
        assert_eq!(of("GetItem", json!({ "Key": key })), ["dynamodb:GetItem on Table at JOB#"]);
        assert_eq!(of("PutItem", json!({ "Item": key })), ["dynamodb:PutItem on Table at JOB#"]);
        let other = json!({ "pk": { "S": "USER#1" } });
        let batch = json!({ "RequestItems": { "t": { "Keys": [key, other] } } });
        let both = ["dynamodb:BatchGetItem on Table at JOB#", "dynamodb:BatchGetItem on Table at USER#"];
        assert_eq!(of("BatchGetItem", batch), both);
        let batch = json!({ "RequestItems": { "t": [{ "DeleteRequest": { "Key": key } }] } });
        assert_eq!(of("BatchWriteItem", batch), ["dynamodb:BatchWriteItem on Table at JOB#"]);
        let parts =
            json!({ "TransactItems": [{ "Put": { "Item": key } }, { "ConditionCheck": { "Key": other } }] });
        let parts_of_it =
            ["dynamodb:ConditionCheckItem on Table at USER#", "dynamodb:PutItem on Table at JOB#"];
        assert_eq!(of("TransactWriteItems", parts), parts_of_it);
        let query = json!({
            "IndexName": "due", "KeyConditionExpression": "#p = :p AND dueSk <= :s",
            "ExpressionAttributeNames": { "#p": "duePk" },
            "ExpressionAttributeValues": { ":p": { "S": "DUE#07" }, ":s": { "S": "x" } },
        });
        assert_eq!(of("Query", query), ["dynamodb:Query on Table/due at DUE#"]);
        assert_eq!(of("Scan", json!({ "IndexName": "list" })), ["dynamodb:Scan on Table/list"]);
    }

    #[test]
    fn queues_and_secrets_go_by_their_names_in_the_template() {
        let url = |name: &str| json!({ "QueueUrl": format!("http://sqs/000000000000/{name}") });
        assert_eq!(told("AmazonSQS.SendMessageBatch", url("jobs-low")), ["sqs:SendMessage on JobsLowQueue"]);
        assert_eq!(told("AmazonSQS.SendMessage", url("a-b-webhooks")), ["sqs:SendMessage on WebhooksQueue"]);
        assert_eq!(told("AmazonSQS.SendMessage", url("a-webhooks-dlq")), ["sqs:SendMessage on WebhooksDlq"]);
        let moved = json!({ "SourceArn": "arn:aws:sqs:r:1:webhooks-dlq", "DestinationArn": "arn:aws:sqs:r:1:webhooks" });
        assert_eq!(told("AmazonSQS.StartMessageMoveTask", moved).len(), 5);
        let secret = json!({ "SecretId": "arn:aws:secretsmanager:r:1:secret:a-DataSecret-x" });
        let read = ["secretsmanager:GetSecretValue on DataSecret"];
        assert_eq!(told("secretsmanager.GetSecretValue", secret), read);
    }

    #[test]
    fn what_is_not_understood_asks_for_itself() {
        assert!(told("Kinesis.PutRecord", Value::Null)[0].starts_with("unknown:"));
    }
}

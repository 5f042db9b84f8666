//! The table, queues and secrets behind the functions: `nightjar-local engine`, over HTTP.

use std::io::{BufRead, BufReader, PipeReader};
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{host::Running, http};
use crate::shell::{Failure, build_bins, program, target};

const TABLE: &str = "nightjar";
/// Each queue, and the variable that functions find it by.
const QUEUES: [(&str, &str); 6] = [
    ("JOBS_HIGH_QUEUE_URL", "jobs-high"),
    ("JOBS_MEDIUM_QUEUE_URL", "jobs-medium"),
    ("JOBS_LOW_QUEUE_URL", "jobs-low"),
    ("JOBS_DLQ_URL", "jobs-dlq"),
    ("WEBHOOK_QUEUE_URL", "webhooks"),
    ("WEBHOOK_DLQ_URL", "webhooks-dlq"),
];
const SECRETS: [(&str, &str); 2] = [("AUTH_SECRET_ID", "auth"), ("DATA_SECRET_ID", "data")];

/// A running engine.
pub(super) struct Engine {
    address: SocketAddr,
    variables: Vec<(String, String)>,
    _running: Running,
}

impl Engine {
    /// Starts it, in memory, and creates what the template would.
    pub(super) fn start() -> Result<Self, Failure> {
        build_bins()?;
        let failed = || Failure::while_("nightjar-local engine");
        let (said, telling) = std::io::pipe().map_err(failed())?;
        let child = program(target().join("debug/nightjar-local"))
            .args(["engine", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(telling.try_clone().map_err(failed())?)
            .stderr(telling)
            .spawn()
            .map_err(failed())?;
        let running = Running(child);
        let address = address(said)?;
        let variables = vec![
            ("AWS_ENDPOINT_URL".to_owned(), format!("http://{address}")),
            ("AWS_REGION".to_owned(), "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID".to_owned(), "emulate".to_owned()),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), "emulate".to_owned()),
            ("TABLE_NAME".to_owned(), TABLE.to_owned()),
        ];
        let mut engine = Self { address, variables, _running: running };
        engine.fill()?;
        Ok(engine)
    }

    /// What a function must know to find all that it uses.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        self.variables.clone()
    }

    /// The body of the one message that waits in the queue whose URL this variable holds.
    pub(super) fn receive(&self, variable: &str) -> Result<String, Failure> {
        let url = self.variables.iter().find(|(name, _)| name == variable);
        let (_, url) = url.ok_or_else(|| Failure::new(format!("there is no queue {variable}")))?;
        let question = json!({ "QueueUrl": url, "WaitTimeSeconds": 5 });
        let answer = self.call("sqs", "AmazonSQS.ReceiveMessage", &question)?;
        match answer["Messages"].as_array().map(Vec::as_slice) {
            Some([message]) => Ok(message["Body"].as_str().unwrap_or_default().to_owned()),
            _ => Err(Failure::new(format!("no message waits at {variable}: {answer}"))),
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        let keys = ["pk", "sk", "listPk", "listSk", "duePk", "dueSk"];
        let key = |pk, sk| json!([{ "AttributeName": pk, "KeyType": "HASH" }, { "AttributeName": sk, "KeyType": "RANGE" }]);
        // Indexes that carry everything do for these few records.
        let index = |name, pk, sk| json!({ "IndexName": name, "KeySchema": key(pk, sk), "Projection": { "ProjectionType": "ALL" } });
        let table = json!({
            "TableName": TABLE,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": keys.map(|key| json!({ "AttributeName": key, "AttributeType": "S" })),
            "KeySchema": key("pk", "sk"),
            "GlobalSecondaryIndexes": [index("list", "listPk", "listSk"), index("due", "duePk", "dueSk")],
        });
        self.call("dynamodb", "DynamoDB_20120810.CreateTable", &table)?;
        for (variable, name) in QUEUES {
            let created = self.call("sqs", "AmazonSQS.CreateQueue", &json!({ "QueueName": name }))?;
            let url = created["QueueUrl"].as_str().unwrap_or_default();
            self.variables.push((variable.to_owned(), url.to_owned()));
        }
        for (variable, name) in SECRETS {
            let text = json!({ "current": format!("the secret called {name}, of the emulator alone") });
            let secret = json!({
                "Name": name, "SecretString": text.to_string(),
                "ClientRequestToken": format!("00000000-0000-0000-0000-{:0>12}", name.len()),
            });
            self.call("secretsmanager", "secretsmanager.CreateSecret", &secret)?;
            self.variables.push((variable.to_owned(), name.to_owned()));
        }
        Ok(())
    }

    fn call(&self, service: &str, operation: &str, question: &Value) -> Result<Value, Failure> {
        // Nobody checks the signature, but some engines look here for the service.
        let credential =
            format!("AWS4-HMAC-SHA256 Credential=emulate/20260101/us-east-1/{service}/aws4_request");
        let headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", operation),
            ("Authorization", credential.as_str()),
        ];
        http::post(self.address, "/", &headers, question)
    }
}

/// Where it listens, by its own word.
fn address(said: PipeReader) -> Result<SocketAddr, Failure> {
    let mut said = BufReader::new(said);
    let mut line = String::new();
    while said.read_line(&mut line).map_err(Failure::while_("nightjar-local engine"))? > 0 {
        if let Some(address) = heard(&line) {
            // Read on, so that it never waits for a full pipe.
            std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
            return Ok(address);
        }
        eprint!("{line}");
        line.clear();
    }
    Err(Failure::new("`nightjar-local engine` ended before it listened"))
}

fn heard(line: &str) -> Option<SocketAddr> {
    line.trim().strip_prefix("listening on http://")?.trim_end_matches('/').parse().ok()
}

/// A sample event with another body. Its receipt means nothing to the engine, and need not.
pub(super) fn with_body(mut event: Value, body: &str) -> Value {
    event["Records"][0]["body"] = body.into();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hears_where_the_engine_listens() {
        assert_eq!(heard("listening on http://127.0.0.1:4000\n"), Some(([127, 0, 0, 1], 4000).into()));
        assert_eq!(heard("starting\n"), None);
    }
}

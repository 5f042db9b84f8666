//! The table, queues and secrets behind the functions: `nightjar-local engine`, over HTTP.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{host::Running, http};
use crate::shell::{Failure, cargo, program, run, target};

/// A running engine.
pub(super) struct Engine {
    address: SocketAddr,
    variables: Vec<(String, String)>,
    _running: Running,
}

impl Engine {
    /// Starts it with nothing in it. It prints the variables of its functions, then where it listens.
    pub(super) fn start() -> Result<Self, Failure> {
        run(cargo().args(["build", "--quiet", "--workspace", "--bins"]))?;
        let failed = || Failure::while_("nightjar-local engine");
        let child = program(target().join("debug/nightjar-local"))
            .args(["engine", "--port", "0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed())?;
        let mut running = Running(child);
        let output = running.0.stdout.take().ok_or_else(|| Failure::new("the engine has no output"))?;
        let mut said = BufReader::new(output);
        let mut variables = Vec::new();
        let mut line = String::new();
        while said.read_line(&mut line).map_err(failed())? > 0 {
            match heard(line.trim_end()) {
                Some(Heard::Variable(name, value)) => variables.push((name, value)),
                Some(Heard::Address(address)) => {
                    // Read on, so that it never waits for a full pipe.
                    std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
                    return Ok(Self { address, variables, _running: running });
                }
                None => {}
            }
            line.clear();
        }
        Err(Failure::new("`nightjar-local engine` ended before it listened"))
    }

    /// What a function must know to find all that it uses.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = self.variables.clone();
        for (name, value) in [
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "emulate".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "emulate".to_owned()),
        ] {
            variables.push((name.to_owned(), value));
        }
        variables
    }

    /// The body of the one message that waits in the queue whose URL this variable holds.
    pub(super) fn receive(&self, variable: &str) -> Result<String, Failure> {
        let url = self.variables.iter().find(|(name, _)| name == variable);
        let (_, url) = url.ok_or_else(|| Failure::new(format!("the engine told no {variable}")))?;
        let headers =
            [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AmazonSQS.ReceiveMessage")];
        let question = json!({ "QueueUrl": url, "WaitTimeSeconds": 5 });
        let answer = http::post(self.address, "/", &headers, &question)?;
        match answer["Messages"].as_array().map(Vec::as_slice) {
            Some([message]) => Ok(message["Body"].as_str().unwrap_or_default().to_owned()),
            _ => Err(Failure::new(format!("no message waits at {variable}: {answer}"))),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Variable(String, String),
    Address(SocketAddr),
}

fn heard(line: &str) -> Option<Heard> {
    if let Some(url) = line.strip_prefix("listening on http://") {
        return url.trim_end_matches('/').parse().ok().map(Heard::Address);
    }
    let (name, value) = line.split_once('=')?;
    let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    is_name.then(|| Heard::Variable(name.to_owned(), value.to_owned()))
}

/// The receipt of a message in a sample event means nothing to the engine; only its body counts.
pub(super) fn with_body(mut event: Value, body: &str) -> Value {
    event["Records"][0]["body"] = body.into();
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_what_the_engine_prints() {
        let variable = Heard::Variable("TABLE_NAME".to_owned(), "a=b".to_owned());
        assert_eq!(heard("TABLE_NAME=a=b"), Some(variable));
        assert_eq!(
            heard("listening on http://127.0.0.1:4000"),
            Some(Heard::Address(([127, 0, 0, 1], 4000).into()))
        );
        assert_eq!(heard("a line=of a log"), None);
    }
}

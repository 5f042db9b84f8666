//! How the functions reach the engines: each by clients of its own, so that it can be told whose call it is.

use std::fmt;
use std::fs::{File, OpenOptions, create_dir_all};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use boot::clients::Clients;
use engine::{Connector, Engine};
use serde_json::{Value, json};

/// The ways to one engine.
pub(crate) struct Ways {
    engine: Engine,
    calls: Option<Arc<Mutex<File>>>,
}

impl Ways {
    /// Ways to this engine; with a folder, a file there tells of every call.
    pub(crate) fn new(engine: &Engine, calls: Option<&Path>) -> io::Result<Self> {
        let open = |folder: &Path| {
            create_dir_all(folder)?;
            let name = folder.join(format!("{}.jsonl", std::process::id()));
            Ok::<_, io::Error>(Arc::new(Mutex::new(OpenOptions::new().create(true).append(true).open(name)?)))
        };
        Ok(Self { engine: engine.clone(), calls: calls.map(open).transpose()? })
    }

    /// The clients of the function of that name.
    pub(crate) fn of(&self, function: &'static str) -> Clients {
        let config = match &self.calls {
            None => self.engine.sdk_config(),
            Some(file) => {
                let noted = Noted { inner: self.engine.connector(), function, file: Arc::clone(file) };
                self.engine.sdk_config_with(SharedHttpClient::new(noted))
            }
        };
        Clients::from_config(&config)
    }
}

/// A connector that writes each call down before it makes it.
#[derive(Clone)]
struct Noted {
    inner: Connector,
    function: &'static str,
    file: Arc<Mutex<File>>,
}

impl Noted {
    /// A line of JSON; the path stands for the operation where no header names one.
    fn note(&self, request: &HttpRequest) -> io::Result<()> {
        let body: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let target = request.headers().get("x-amz-target");
        let line = json!({
            "function": self.function, "target": target, "uri": request.uri(), "body": body,
        });
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{line}\n").as_bytes())
    }
}

impl fmt::Debug for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Noted({})", self.function)
    }
}

impl HttpConnector for Noted {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if let Err(error) = self.note(&request) {
            tracing::error!(%error, "a call could not be noted");
        }
        self.inner.call(request)
    }
}

impl HttpClient for Noted {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boot::clock::SystemClock;

    use super::*;

    #[tokio::test]
    async fn each_call_is_noted_with_whose_it_is() {
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ways = Ways::new(&engine, Some(folder.path())).unwrap();
        ways.of("worker").sqs().create_queue().queue_name("a").send().await.unwrap();
        ways.of("jobs").dynamodb().list_tables().send().await.unwrap();
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let told = |line: &Value| (line["function"].clone(), line["target"].clone());
        assert_eq!(told(&lines[0]), (json!("worker"), json!("AmazonSQS.CreateQueue")));
        assert_eq!(lines[0]["body"]["QueueName"], "a");
        assert_eq!(told(&lines[1]), (json!("jobs"), json!("DynamoDB_20120810.ListTables")));
    }
}

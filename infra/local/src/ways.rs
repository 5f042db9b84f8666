//! How the functions reach the engines: each by clients of its own, so that it can be told whose call it is.

use std::io;
use std::path::Path;

use boot::clients::Clients;
use engine::Engine;
use engine::ledger::Ledger;

/// The ways to one engine.
pub(crate) struct Ways {
    engine: Engine,
    ledger: Option<Ledger>,
}

impl Ways {
    /// Ways to this engine; with a folder, a file there tells what each function asks for.
    pub(crate) fn new(engine: &Engine, calls: Option<&Path>) -> io::Result<Self> {
        Ok(Self { engine: engine.clone(), ledger: calls.map(Ledger::open).transpose()? })
    }

    /// The clients of the function of that name.
    pub(crate) fn of(&self, function: &'static str) -> Clients {
        let config = match &self.ledger {
            None => self.engine.sdk_config(),
            Some(ledger) => self.engine.sdk_config_with(ledger.noting(function, self.engine.connector())),
        };
        Clients::from_config(&config)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use boot::clock::SystemClock;
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn each_kind_of_call_is_noted_once_with_whose_it_is() {
        let engine = Engine::open(engine::Options { data_dir: None, clock: Arc::new(SystemClock) }).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let ways = Ways::new(&engine, Some(folder.path())).unwrap();
        let url = engine.queue_url("a");
        for function in ["worker", "worker", "webhook"] {
            // There is no such queue: what is asked for counts, and not what comes of it.
            assert!(ways.of(function).sqs().delete_queue().queue_url(&url).send().await.is_err());
        }
        let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap();
        let text = std::fs::read_to_string(file.path()).unwrap();
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let asked = json!({ "action": "sqs:DeleteQueue", "resource": "a", "key": null });
        assert_eq!(
            lines,
            ["worker", "webhook"].map(|function| json!({ "function": function, "asked": asked }))
        );
    }
}

//! What users see of the system wherever it runs: these tests know an address and nothing of what answers there.
//!
//! By default each starts the program of one machine. `cargo xtask test-stack` runs the same tests against what
//! `template.yaml` describes, deployed.

mod endpoints;
mod flows;
pub(crate) mod hostile;
pub(crate) mod isolation;
mod occurrences;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::house::{Api, PASSWORD, Person};
use crate::process::Process;

/// Where the deployment is that is to be tested, if there is one already.
const ADDRESS: &str = "NIGHTJAR_API";
/// The command that deploys it again, a word a line; parameters are added to it.
const UPGRADE: &str = "NIGHTJAR_UPGRADE";

/// A deployment, with the parameters of `infra/stack/parameters.json`.
pub(crate) struct Deployment {
    pub(crate) api: Api,
    process: Option<Process>,
    folder: Option<TempDir>,
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        Self::there().unwrap_or_else(|| Self::here(None))
    }

    /// One that may be [changed](Self::change).
    pub(crate) async fn kept() -> Self {
        Self::there().unwrap_or_else(|| Self::here(Some(tempfile::tempdir().unwrap())))
    }

    fn there() -> Option<Self> {
        let api = Api { realm: realm(), ..Api::at(named(ADDRESS)?) };
        Some(Self { api, process: None, folder: None })
    }

    fn here(folder: Option<TempDir>) -> Self {
        let process = begin(folder.as_ref(), parameters());
        let api = Api { realm: realm(), ..process.api.clone() };
        Self { api, process: Some(process), folder }
    }

    /// Deploys it again with another value of that parameter.
    pub(crate) async fn change(&mut self, parameter: &str, value: &str) {
        let Some(process) = self.process.take() else {
            let command = named(UPGRADE).expect("how to deploy again");
            let mut words = command.lines();
            let mut command = Command::new(words.next().unwrap());
            command.args(words).arg(format!("{parameter}={value}"));
            command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
            let said = command.output().unwrap();
            assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
            return;
        };
        process.stop();
        let mut parameters = parameters();
        parameters.insert(parameter.to_owned(), value.to_owned());
        let process = begin(self.folder.as_ref(), parameters);
        self.api.base.clone_from(&process.api.base);
        self.process = Some(process);
    }

    /// Its administrator, who may be known there already.
    pub(crate) async fn admin(&self) -> Person {
        let email = parameters().remove("AdminEmail").unwrap();
        let account = json!({ "name": "root", "email": email, "password": PASSWORD });
        let made = self.api.post("/register", "", account).await;
        assert!([201, 409].contains(&made.status.as_u16()), "{made:?}");
        let login = json!({ "email": email, "password": PASSWORD });
        let login = self.api.post("/login", "", login).await;
        assert_eq!(login.status, 200, "{login:?}");
        Person { id: login.text("userId"), token: login.text("token") }
    }
}

/// What this process was told.
fn named(variable: &str) -> Option<String> {
    #[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
    std::env::var(variable).ok()
}

/// Others may be there too: the people of a test have addresses of their own.
fn realm() -> String {
    format!(".{:x}", boot::Ambient::system().entropy().number())
}

/// The program of one machine.
fn begin(folder: Option<&TempDir>, parameters: BTreeMap<String, String>) -> Process {
    let variables = variables(parameters);
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match folder {
        Some(folder) => Process::start(&["--data-dir", folder.path().to_str().unwrap()], &variables),
        None => Process::start(&["--ephemeral"], &variables),
    }
}

fn parameters() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/stack/parameters.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same as variables: a parameter `AdminEmail` becomes `ADMIN_EMAIL`.
fn variables(parameters: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let each = parameters.into_iter().map(|(parameter, value)| {
        let mut name = String::new();
        for letter in parameter.chars() {
            if letter.is_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
        (name, value)
    });
    each.collect()
}

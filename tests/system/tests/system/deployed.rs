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

use serde_json::json;

use crate::house::{Api, PASSWORD, Person};
use crate::process::Process;

/// Where the deployment is that is to be tested, if there is one already.
const ADDRESS: &str = "NIGHTJAR_API";

/// A deployment, with the parameters of `infra/stack/parameters.json`.
pub(crate) struct Deployment {
    pub(crate) api: Api,
    _process: Option<Process>,
}

impl Deployment {
    pub(crate) async fn new() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
        let known = std::env::var(ADDRESS).ok();
        let (base, process) = match known {
            Some(base) => (base, None),
            None => {
                let variables = variables();
                let variables: Vec<_> =
                    variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
                let process = Process::start(&["--ephemeral"], &variables);
                (process.api.base.clone(), Some(process))
            }
        };
        // Others may be there too: the people of this test have addresses of their own.
        let realm = boot::Ambient::system().entropy().number();
        Self { api: Api { realm: format!(".{realm:x}"), ..Api::at(base) }, _process: process }
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

fn parameters() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/stack/parameters.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The same as variables: a parameter `AdminEmail` becomes `ADMIN_EMAIL`.
fn variables() -> BTreeMap<String, String> {
    let each = parameters().into_iter().map(|(parameter, value)| {
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

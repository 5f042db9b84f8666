//! `cargo xtask schemathesis`: the running system against its own description, with requests that the description
//! allows, requests that it forbids, and chains of both.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::emulate::http;
use crate::local;
use crate::shell::{Failure, build_bins, root, run, target};
use crate::venv::venv;

/// The same requests each time.
const SEED: &str = "20260301";
/// Who sends them. The first two must not see each other's records; the last one is the administrator.
const USERS: [&str; 3] = ["ada", "ben", "root"];
const PASSWORD: &str = "an oyster in the tambourine";

/// What differs from a deployment: thousands of requests come from one address, and what they start shall end soon.
const VARIABLES: [(&str, &str); 8] = [
    ("AUTH_RATE_LIMIT_MAX", "0"),
    ("RATE_LIMIT_MAX", "0"),
    ("REDELIVER_RATE_MAX", "0"),
    // Whether a text is easy to guess is nothing that a schema can tell.
    ("PASSWORD_MIN_SCORE", "0"),
    ("JOB_RETRY_BASE_MS", "1"),
    ("SIMULATED_TASK_MS", "0"),
    ("WEBHOOK_RETRY_SCHEDULE", "none"),
    ("LOG_LEVEL", "warn"),
];

/// Starts the system on a fresh data folder, runs schemathesis against it, and fails if that finds anything.
pub(crate) fn schemathesis(args: &[String]) -> Result<(), Failure> {
    let tools = venv()?;
    // All binaries at once: so the step before it in CI has built them.
    build_bins()?;
    let folder = target().join("schemathesis");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    }
    fs::create_dir_all(&folder).map_err(Failure::while_(folder.display()))?;
    let (data, admin) = (folder.join("data"), email(USERS[2]));
    let variables = [&VARIABLES[..], &[("ADMIN_EMAIL", &admin)]].concat();
    let (address, _running) =
        local::start(&log(&folder), &["--data-dir", &data.to_string_lossy()], &variables)?;
    for user in USERS {
        let body = json!({ "name": user, "email": email(user), "password": PASSWORD });
        http::post(address, "/register", &[("Content-Type", "application/json")], &body)?;
    }
    fs::write(folder.join("users.json"), users().to_string()).map_err(Failure::while_("users.json"))?;

    let settings = root().join("infra/schemathesis");
    let mut command = tools.tool("schemathesis");
    // The settings name the users' file, and what a failure leaves behind shall lie there too.
    command.current_dir(&folder).env("PYTHONPATH", &settings).env("PYTHONDONTWRITEBYTECODE", "1");
    command.arg("--config-file").arg(settings.join("schemathesis.toml"));
    command.args(["run", &format!("http://{address}/openapi.json"), "--checks", "all"]);
    command.args(["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"]);
    command.args(["--seed", SEED, "--generation-database", "none"]);
    run(command.args(args)).map_err(|failure| {
        Failure::new(format!("{failure}; what the system logged is in {}", log(&folder).display()))
    })
}

fn log(folder: &Path) -> PathBuf {
    folder.join("nightjar.log")
}

fn email(user: &str) -> String {
    format!("{user}@schemathesis.test")
}

/// How each of them logs in, as Web Fuzzing Commons writes it. Who was logged out logs in again.
fn users() -> Value {
    let entry = |user: &str| {
        json!({
            "name": user,
            "loginEndpointAuth": {
                "verb": "POST",
                "endpoint": "/login",
                "contentType": "application/json",
                "payloadRaw": json!({ "email": email(user), "password": PASSWORD }).to_string(),
                "token": {
                    "extractFrom": "body",
                    "extractSelector": "/token",
                    "sendIn": "header",
                    "sendName": "Authorization",
                    "sendTemplate": "Bearer {token}",
                },
            },
        })
    };
    json!({ "auth": USERS.map(entry) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_user_logs_in_with_what_was_registered() {
        let users = users();
        for (place, user) in USERS.into_iter().enumerate() {
            let entry = &users["auth"][place];
            assert_eq!(entry["name"], user);
            let sent = entry["loginEndpointAuth"]["payloadRaw"].as_str().unwrap();
            let sent: Value = serde_json::from_str(sent).unwrap();
            assert_eq!(sent, json!({ "email": email(user), "password": PASSWORD }));
        }
    }
}

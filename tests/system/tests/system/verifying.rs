//! The examples of docs/VERIFYING_WEBHOOKS.md, on real deliveries: with the official libraries for Rust, Python and Node,
//! and in a shell. What they need is installed to `target/verifying` when the test first runs.

use std::path::{Path, PathBuf};
use std::process::Command;

use http::StatusCode;
use serde_json::{Value, json};

use crate::house::{Api, Person, until};
use crate::process::Process;
use crate::sink::{Arrival, Sink};

include!("verifying/example.rs");

const PYTHON: &str = "standardwebhooks==1.1.0";
const NODE: &str = "standardwebhooks@1.1.1";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The example of the page in that language: the first that has this in it.
fn example(language: &str, with: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/VERIFYING_WEBHOOKS.md")).unwrap();
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1).filter_map(|rest| rest.split("```").next());
    let found = blocks.map(str::to_owned).find(|block| block.contains(with));
    found.unwrap_or_else(|| panic!("no {language} example with {with}"))
}

fn must(command: &mut Command) {
    let done = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?}: {told}{}", String::from_utf8_lossy(&done.stdout));
}

/// The programs that judge a delivery, each as the page shows it.
struct Judges {
    folder: PathBuf,
    commands: Vec<(&'static str, PathBuf, Vec<String>)>,
}

impl Judges {
    fn install() -> Self {
        let tools = root().join("target/verifying");
        std::fs::create_dir_all(&tools).unwrap();
        let tools = tools.canonicalize().unwrap();
        let python = tools.join("venv/bin/python3");
        if !tools.join("python.done").is_file() {
            must(Command::new("python3").args(["-m", "venv", "--clear"]).arg(tools.join("venv")));
            must(Command::new(&python).args(["-m", "pip", "install", "--quiet", PYTHON]));
            std::fs::write(tools.join("python.done"), PYTHON).unwrap();
        }
        if !tools.join("node.done").is_file() {
            must(Command::new("npm").args(["install", "--silent", "--prefix"]).arg(&tools).arg(NODE));
            std::fs::write(tools.join("node.done"), NODE).unwrap();
        }
        let write = |name: &str, text: &str| std::fs::write(tools.join(name), text).unwrap();
        write("official.py", &example("py", "standardwebhooks"));
        write("official.js", &example("js", "standardwebhooks"));
        write("by_hand.sh", &example("sh", "hexkey"));
        // The page's function, called with what the other examples are given.
        let call = "\nimport os, sys\nheaders = {\"webhook-\" + name: os.environ[\"WEBHOOK_\" + name.upper()] \
             for name in (\"id\", \"timestamp\", \"signature\")}\n\
             sys.exit(0 if is_genuine(os.environ[\"SECRET\"], headers, open(\"body.json\", \"rb\").read()) else 1)\n";
        write("by_hand.py", &(example("python", "is_genuine") + call));
        let script = |name: &str| vec![tools.join(name).to_str().unwrap().to_owned()];
        let commands = vec![
            ("the official library for Python", python.clone(), script("official.py")),
            ("the official library for Node", PathBuf::from("node"), script("official.js")),
            ("openssl in a shell", PathBuf::from("sh"), script("by_hand.sh")),
            ("Python by hand", python, script("by_hand.py")),
        ];
        Self { folder: tools, commands }
    }

    /// All of them say the same of the delivery, the official library for Rust too.
    fn agree(&self, arrival: &Arrival, body: &[u8], secret: &str, genuine: bool, what: &str) {
        assert_eq!(
            is_genuine(secret, &arrival.headers, body),
            genuine,
            "the official library for Rust: {what}"
        );
        let work = tempfile::tempdir_in(&self.folder).unwrap();
        std::fs::write(work.path().join("body.json"), body).unwrap();
        for (name, program, args) in &self.commands {
            let done = Command::new(program)
                .args(args)
                .current_dir(work.path())
                .env("SECRET", secret)
                .env("WEBHOOK_ID", arrival.header("webhook-id"))
                .env("WEBHOOK_TIMESTAMP", arrival.header("webhook-timestamp"))
                .env("WEBHOOK_SIGNATURE", arrival.header("webhook-signature"))
                .output()
                .unwrap();
            let told = String::from_utf8_lossy(&done.stderr);
            assert_eq!(done.status.code(), Some(i32::from(!genuine)), "{name}: {what}: {told}");
        }
    }
}

async fn delivery(api: &Api, ada: &Person, sink: &Sink) -> Arrival {
    let before = sink.arrivals().len();
    let payload = json!({ "text": "ä \u{1f98b} \"quoted\" \\ ", "nested": [1, { "b": null }] });
    let job = json!({ "taskName": "report", "payload": payload, "run": true });
    api.job(&ada.token, job).await;
    until("a webhook arrives", || async { sink.arrivals().get(before).cloned() }).await
}

async fn rotate(api: &Api, ada: &Person, endpoint: &str, body: Value) -> String {
    let reply = api.post(&format!("/webhooks/{endpoint}/rotate"), &ada.token, body).await;
    assert_eq!(reply.status, 200, "{}", reply.json);
    reply.text("secret")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delivery_verifies_before_during_and_after_a_rotation_and_a_changed_byte_does_not() {
    assert_eq!(
        example("rust", "is_genuine"),
        include_str!("verifying/example.rs"),
        "the page shows what is run here"
    );
    let judges = tokio::task::spawn_blocking(Judges::install).await.unwrap();
    let process = Process::start(&["--ephemeral"], &[("SIMULATED_TASK_MS", "0")]);
    let (api, sink) = (&process.api, Sink::new(|_| StatusCode::OK).await);
    let ada = api.person("ada").await;
    let wanted = json!({ "url": format!("{}/hook", sink.base), "events": ["job.completed"] });
    let made = api.post("/webhooks", &ada.token, wanted).await;
    assert_eq!(made.status, 201, "{}", made.json);
    let (endpoint, first) = (made.text("id"), made.text("secret"));

    let before = delivery(api, &ada, &sink).await;
    judges.agree(&before, &before.body, &first, true, "before the rotation");
    let mut changed = before.body.to_vec();
    let place = changed.iter().position(|byte| *byte == b'r').unwrap();
    changed[place] = b's';
    judges.agree(&before, &changed, &first, false, "a changed byte");

    let second = rotate(api, &ada, &endpoint, json!({})).await;
    judges.agree(&before, &before.body, &second, false, "a secret that did not sign");
    let during = delivery(api, &ada, &sink).await;
    judges.agree(&during, &during.body, &first, true, "during the rotation, the old secret");
    judges.agree(&during, &during.body, &second, true, "during the rotation, the new secret");

    let third = rotate(api, &ada, &endpoint, json!({ "overlapHours": 0 })).await;
    let after = delivery(api, &ada, &sink).await;
    judges.agree(&after, &after.body, &third, true, "after the rotation");
    judges.agree(&after, &after.body, &first, false, "after the rotation, the old secret");
}

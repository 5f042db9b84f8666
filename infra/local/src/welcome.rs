//! What is said when the system is up: where it listens, and what to try.

use std::fmt::Write;

use crate::settings::Settings;

/// The text for a person at a terminal.
pub fn text(settings: &Settings, base: &str) -> String {
    let mut text = String::new();
    let kept = match settings.data_dir() {
        Some(folder) => format!("kept in {}", folder.display()),
        None => "kept in memory, gone when this ends".to_owned(),
    };
    let _ = writeln!(text, "\nNightjar is listening on {base}  (data {kept})");
    let _ = writeln!(text, "API description: {base}/docs    Stop: Ctrl-C\n");
    if settings.demo {
        let _ = writeln!(text, "Sample account: {} / {}\n", crate::demo::EMAIL, crate::demo::PASSWORD);
    }
    let _ = writeln!(text, "Try this in another terminal:\n{}", walk(base));
    text
}

/// A walk through the main job, to be copied and pasted.
pub fn walk(base: &str) -> String {
    WALK.replace("{base}", base)
}

const WALK: &str = r#"
  API={base}
  field() { grep -o "\"$1\":\"[^\"]*\"" | head -n 1 | cut -d '"' -f 4; }

  curl -s $API/register -H 'content-type: application/json' \
    -d '{"name":"Ada","email":"ada@example.com","password":"correct horse battery"}'; echo
  TOKEN=$(curl -s $API/login -H 'content-type: application/json' \
    -d '{"email":"ada@example.com","password":"correct horse battery"}' | field token)
  JOB=$(curl -s $API/jobs -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' \
    -d '{"taskName":"send welcome mail","priority":"high","payload":{"to":"bob"},"webhookUrl":"{base}/webhook-test"}' | field jobId)
  curl -s -X POST $API/jobs/$JOB/run -H "authorization: Bearer $TOKEN"; echo
  until curl -s $API/jobs/$JOB -H "authorization: Bearer $TOKEN" | grep -q '"status":"completed"'; do sleep 1; done
  curl -s $API/jobs/$JOB/logs -H "authorization: Bearer $TOKEN"; echo
  sleep 1; curl -s $API/jobs/$JOB/deliveries -H "authorization: Bearer $TOKEN"; echo
"#;

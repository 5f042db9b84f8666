//! What is said when the system is up: where it listens, and what to try.

use std::fmt::Write;

use crate::outbound::Outbound;
use crate::settings::Settings;

/// The text for a person at a terminal.
pub fn text(settings: &Settings, base: &str, outbound: Option<&Outbound>) -> String {
    let mut text = String::new();
    let kept = match settings.data_dir() {
        Some(folder) => format!("kept in {}", folder.display()),
        None => "kept in memory, gone when this ends".to_owned(),
    };
    let _ = writeln!(text, "\nNightjar is listening on {base}  (data {kept})");
    let own = match settings.host.is_loopback() {
        true => format!("    E-mail: {base}/local/outbox    Metrics: {base}/metrics"),
        false => String::new(),
    };
    let _ = writeln!(text, "API description: {base}/docs{own}    Stop: Ctrl-C\n");
    if settings.demo {
        let _ = writeln!(text, "Sample account: {} / {}\n", crate::demo::EMAIL, crate::demo::PASSWORD);
    }
    if !settings.host.is_loopback() {
        let _ = writeln!(
            text,
            "Others get in, so webhooks and http tasks reach no address of this machine or of a"
        );
        let _ = writeln!(text, "private network but those that EGRESS_ALLOW names.\n");
    }
    if let Some(Outbound { url, secret }) = outbound {
        let _ = writeln!(text, "Webhooks to {url} are signed with {}\n", secret.expose());
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

#[cfg(test)]
mod tests {
    use boot::secrets::Secret;
    use clap::Parser;

    use super::*;
    use crate::settings::CommandLine;

    #[test]
    fn tells_what_signs_the_deployments_webhooks_if_there_are_any() {
        let settings = CommandLine::parse_from(["nightjar-local", "--ephemeral"]).settings;
        let open = Settings { host: [0, 0, 0, 0].into(), ..settings.clone() };
        let others = text(&open, "http://0.0.0.0:3000", None);
        assert!(
            !others.contains("outbox") && !others.contains("/metrics") && others.contains("Others get in")
        );
        let quiet = text(&settings, "http://127.0.0.1:3000", None);
        assert!(
            quiet.contains("E-mail: http://127.0.0.1:3000/local/outbox") && !quiet.contains("Others get in")
        );
        assert!(!quiet.contains("signed with") && quiet.contains("API=http://127.0.0.1:3000\n"));
        let secret = Secret::new("whsec_c2lnbnM=");
        let outbound = Outbound { url: "http://127.0.0.1:9000/".to_owned(), secret };
        let told = text(&settings, "http://127.0.0.1:3000", Some(&outbound));
        let line = "\nWebhooks to http://127.0.0.1:9000/ are signed with whsec_c2lnbnM=\n";
        assert_eq!(told.replace(&format!("{line}\n"), "\n"), quiet, "{told}");
        assert!(told.contains(line));
    }
}

//! The variables that the functions read: what the environment says, over defaults for one machine.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use boot::Vars;

use crate::hosts::Hosts;
use crate::parts::Resources;
use crate::settings::Settings;

/// Everything that any function of the system reads.
pub(crate) fn all(
    mut process: Vars,
    settings: &Settings,
    address: SocketAddr,
    resources: &Resources,
) -> Vars {
    let mut vars = defaults(address);
    // Whoever gets in has this machine call what they name: strangers shall not reach what listens for it alone.
    if !Hosts::new(address, process.text("PUBLIC_URL").as_deref()).are_of_this_machine_alone() {
        vars.remove("EGRESS_ALLOW");
    }
    for name in NAMES {
        if let Some(value) = process.text(*name) {
            vars.insert((*name).to_owned(), value);
        }
    }
    // The older name counts too: a default under the newer one must not hide it.
    if process.text("FRONTEND_URL").is_some() && process.text("CORS_ORIGINS").is_none() {
        vars.remove("CORS_ORIGINS");
    }
    if let Some(url) = &settings.webhook_url {
        vars.insert("WEBHOOK_URL".to_owned(), url.clone());
    }
    vars.extend(resources.variables());
    Vars::new(vars)
}

/// What a person on this machine may set.
const NAMES: &[&str] = &[
    "ADMIN_EMAIL",
    "AUTH_RATE_LIMIT_MAX",
    "CORS_ORIGINS",
    "DUE_SHARDS",
    "FRONTEND_URL",
    "EGRESS_ALLOW",
    "JOB_RETRY_BASE_MS",
    "MAIL_FROM",
    "MAIL_RATE_MAX",
    "NOTICE_RATE_MAX",
    "OUTBOUND_WEBHOOK",
    "PASSWORD_MIN_SCORE",
    "PUBLIC_URL",
    "RATE_LIMIT_MAX",
    "RATE_LIMIT_WINDOW",
    "RATE_LIMIT_WINDOW_MS",
    "REDELIVER_RATE_MAX",
    "RETENTION_DAYS",
    "SCHEDULE_MIN_SECONDS",
    "SIMULATED_TASK_MS",
    "SIMULATE_JOB_FAILURE",
    "TICK_PARALLELISM",
    "UNKNOWN_TASK_TYPE",
    "WEBHOOK_DISABLE_DAYS",
    "WEBHOOK_RETRY_SCHEDULE",
    "WEBHOOK_SECRET",
    "WEBHOOK_URL",
];

fn defaults(address: SocketAddr) -> BTreeMap<String, String> {
    let port = address.port();
    let mut origins = vec![format!("http://localhost:{port}"), format!("http://127.0.0.1:{port}")];
    if port != 3000 {
        origins.push("http://localhost:3000".to_owned());
    }
    [
        // Receivers and callees of a laptop are on the laptop, as long as its user alone gets in.
        ("EGRESS_ALLOW", "127.0.0.0/8,::1/128".to_owned()),
        ("CORS_ORIGINS", origins.join(",")),
        // Mail goes into the outbox, whoever it comes from.
        ("MAIL_FROM", "Nightjar <nightjar@localhost>".to_owned()),
        ("PUBLIC_URL", format!("http://localhost:{port}")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::settings::CommandLine;

    #[test]
    fn loopback_is_open_only_while_nobody_else_gets_in() {
        let settings = CommandLine::parse_from(["nightjar-local"]).settings;
        let open = |address: &str, environment: &[(&str, &str)]| {
            let process = Vars::new(environment.iter().copied());
            all(process, &settings, address.parse().unwrap(), &Resources::example()).text("EGRESS_ALLOW")
        };
        let loopback = Some("127.0.0.0/8,::1/128".to_owned());
        let (page, site) =
            (("PUBLIC_URL", "http://localhost:5173"), ("PUBLIC_URL", "https://jobs.example.com"));
        for address in ["127.0.0.1:3000", "[::1]:3000"] {
            assert_eq!(open(address, &[]), loopback, "{address}");
            assert_eq!(open(address, &[page]), loopback, "{address}");
            assert_eq!(open(address, &[site]), None, "{address}");
        }
        for address in ["0.0.0.0:3000", "[::]:3000", "192.168.1.7:3000"] {
            assert_eq!(open(address, &[]), None, "{address}");
            // Whoever says so has it.
            assert_eq!(open(address, &[("EGRESS_ALLOW", "10.0.0.0/8")]).as_deref(), Some("10.0.0.0/8"));
        }
    }

    #[test]
    fn every_variable_of_a_function_is_set_here_or_may_be_set() {
        let address = SocketAddr::from(([127, 0, 0, 1], 3001));
        let made = Resources::example().variables();
        let defaults = defaults(address);
        let http = [auth::VARIABLES, jobs::VARIABLES, run::VARIABLES, endpoints::VARIABLES].concat();
        let queues = [worker::VARIABLES, webhook::VARIABLES, deadletter::VARIABLES].concat();
        for name in [http, queues, scheduler::VARIABLES.to_vec()].concat() {
            let known = name == "LOG_LEVEL"
                || NAMES.contains(&name)
                || made.contains_key(name)
                || defaults.contains_key(name);
            assert!(known, "{name} cannot be set on one machine");
        }
    }
}

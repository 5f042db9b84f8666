//! What the types, the ways out and the variables have to do with each other.

use http::HeaderName;
use serde_json::json;

use crate::shop::config_of;

/// Headers that frame a message, name its target or belong to a connection, and some that do not.
const HEADERS: &[&str] = &[
    "accept",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "host",
    "http2-settings",
    "idempotency-key",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

#[test]
fn a_header_that_would_be_dropped_on_the_way_out_is_refused_when_a_job_is_created() {
    let http = tasks::find("http").unwrap();
    for name in HEADERS {
        let dropped = egress::is_reserved(&HeaderName::from_static(name));
        let faults = (http.check)(&json!({"url": "https://example.com", "headers": {*name: "x"}}));
        assert_eq!(!faults.is_empty(), dropped, "{name}");
    }
}

#[tokio::test]
async fn the_worker_reads_what_its_lists_say() {
    let bed = testkit::Bed::new().await;
    let mut vars = boot::Vars::new(bed.vars());
    worker::Config::read(&mut vars);
    let mut listed = worker::VARIABLES.to_vec();
    listed.sort_unstable();
    assert_eq!(vars.names(), listed);
    let config =
        config_of(&bed, &[("MAIL_FROM", "Nightjar <n@example.com>"), ("PUBLIC_URL", "https://a.example/")]);
    assert_eq!(config.mail_from.as_deref(), Some("Nightjar <n@example.com>"));
    assert_eq!(config.public_url.as_deref(), Some("https://a.example"));
    assert!(worker::ACTIONS.contains(&"ses:SendEmail"));
}

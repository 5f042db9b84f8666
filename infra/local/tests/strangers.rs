//! Whom the real server answers, and where those reach who get in.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use clap::Parser;
use local::clock::FastClock;
use local::settings::CommandLine;
use local::{Settings, System};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn started(host: &str) -> System {
    let line = ["nightjar-local", "--ephemeral", "--port", "0", "--host", host];
    let clock = Some(FastClock::from_now(50));
    System::start(&Settings { clock, ..CommandLine::parse_from(line).settings }).await.unwrap()
}

/// Status, headers and body of what is answered over a socket.
async fn asked(system: &System, head: &str, token: &str, body: &str) -> (u16, String, Value) {
    let port = system.address().port();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let authorization =
        if token.is_empty() { String::new() } else { format!("authorization: Bearer {token}\r\n") };
    let length = body.len();
    let request = format!(
        "{head}\r\n{authorization}content-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (headers, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = headers.split(' ').nth(1).unwrap().parse().unwrap();
    (status, headers.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or_default())
}

/// A session's token.
async fn session(system: &System) -> String {
    let person =
        json!({ "name": "ada", "email": "ada@example.com", "password": "correct horse battery staple" });
    let (status, _, told) =
        asked(system, "POST /register HTTP/1.1\r\nhost: localhost", "", &person.to_string()).await;
    assert_eq!(status, 201, "{told}");
    let login = json!({ "email": person["email"], "password": person["password"] }).to_string();
    let (status, _, told) = asked(system, "POST /login HTTP/1.1\r\nhost: localhost", "", &login).await;
    assert_eq!(status, 200, "{told}");
    told["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_whose_name_was_made_to_lead_here_is_answered_nothing() {
    let system = started("127.0.0.1").await;
    let port = system.address().port();
    let token = session(&system).await;
    for named in
        ["localhost".to_owned(), format!("LocalHost:{port}"), format!("127.0.0.1:{port}"), "[::1]".to_owned()]
    {
        let head = format!("GET /profile HTTP/1.1\r\nhost: {named}");
        assert_eq!(asked(&system, &head, &token, "").await.0, 200, "{named}");
    }
    let own = format!("localhost:{port}");
    for (line, named) in [
        ("GET /profile", "evil.example".to_owned()),
        ("GET /health", format!("evil.example:{port}")),
        ("GET /local/outbox", "localhost.evil.example".to_owned()),
        ("GET /metrics", "localhost.evil.example".to_owned()),
        ("GET /nowhere", "evil.example".to_owned()),
        ("POST /register", "127.0.0.1.evil.example".to_owned()),
        ("GET /docs", "192.168.1.7".to_owned()),
        ("GET http://evil.example/health", own.clone()),
        (
            "OPTIONS /jobs",
            format!("evil.example\r\norigin: http://{own}\r\naccess-control-request-method: POST"),
        ),
    ] {
        let (status, headers, told) =
            asked(&system, &format!("{line} HTTP/1.1\r\nhost: {named}"), &token, "").await;
        assert_eq!(
            (status, told["type"].as_str()),
            (403, Some("/docs/errors/forbidden")),
            "{line} {named}: {told}"
        );
        assert!(told["detail"].as_str().unwrap().contains("PUBLIC_URL"), "{told}");
        assert!(headers.contains("content-type: application/problem+json"), "{headers}");
        let id = told["requestId"].as_str().unwrap();
        assert!(headers.contains(&format!("x-request-id: {id}")), "{headers}");
        assert!(!headers.contains("access-control-allow"), "{headers}");
    }
    system.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_others_get_in_they_reach_nothing_of_this_machine() {
    let (alone, open) = (started("127.0.0.1").await, started("0.0.0.0").await);
    for (system, reaches) in [(&alone, true), (&open, false)] {
        let token = session(system).await;
        // What listens there does not matter: the refusal comes before the call.
        let url = format!("http://127.0.0.1:{}/health", alone.address().port());
        let endpoint = json!({ "url": url }).to_string();
        let head = |line: &str| format!("{line} HTTP/1.1\r\nhost: localhost");
        for own in ["GET /local/outbox", "GET /metrics"] {
            assert_eq!(asked(system, &head(own), "", "").await.0, if reaches { 200 } else { 404 }, "{own}");
        }
        let (status, _, told) = asked(system, &head("POST /webhooks"), &token, &endpoint).await;
        assert_eq!(status, if reaches { 201 } else { 400 }, "{told}");
        let task = json!({ "type": "http", "payload": { "url": url }, "run": true, "maxRetries": 0 });
        let (_, _, job) = asked(system, &head("POST /jobs"), &token, &task.to_string()).await;
        let path = format!("GET /jobs/{}", job["jobId"].as_str().unwrap_or_default());
        let ended = async {
            loop {
                let (_, _, job) = asked(system, &head(&path), &token, "").await;
                if job["completedAt"].is_string() {
                    return job;
                }
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        // Where creation refuses it already, there is no job to look at.
        if job["jobId"].is_string() {
            let job = tokio::time::timeout(std::time::Duration::from_secs(20), ended).await.unwrap();
            let (status, error) =
                (job["status"].as_str().unwrap(), job["lastError"].as_str().unwrap_or_default());
            assert_eq!(status, if reaches { "completed" } else { "failed" }, "{job}");
            assert_eq!(error.contains("EGRESS_ALLOW"), !reaches, "{error}");
        } else {
            assert!(!reaches && job.to_string().contains("EGRESS_ALLOW"), "{job}");
        }
    }
    alone.drain().await;
    open.drain().await;
}

//! Headers, and bytes that are hardly HTTP.

use std::time::Duration;

use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, Reply};

/// What an API gateway would answer itself, or decode on the way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_text_and_paths_that_lead_nowhere() {
    let house = House::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    for body in [&b"{\"taskName\":\"\xff\xfe\"}"[..], b"{\"\xc3\x28\":1}"] {
        for (path, token) in [("/jobs", token), ("/register", "")] {
            let request = house.api.request(Method::POST, path).bearer_auth(token);
            let request = request.header("content-type", "application/json").body(body.to_vec());
            let reply = Reply::to(request).await.unwrap();
            assert_eq!(reply.problem(400, path), None);
            assert_eq!(reply.json["type"], "/docs/errors/invalid-body", "{path}");
        }
    }
    for id in ["", "%FF%FE", "..%2F.."] {
        for (method, path) in [
            (Method::GET, format!("/jobs/{id}/logs")),
            (Method::POST, format!("/jobs/{id}/run")),
            (Method::POST, format!("/jobs/{id}/deliveries/{id}/redeliver")),
            (Method::GET, format!("/webhooks/{id}x")),
            (Method::DELETE, format!("/keys/{id}x")),
        ] {
            house.api.call(method, &path, token, &serde_json::Value::Null).await.problem(404, &path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn odd_headers() {
    let house = House::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    let job = house.api.job(token, json!({ "taskName": "a" })).await;
    for key in [&b""[..], b" ", b"two words", b"\xff", "schl\u{fc}ssel".as_bytes(), &[b'k'; 256]] {
        let request = house.api.request(Method::POST, "/jobs").bearer_auth(token);
        let request = request.header("idempotency-key", key).json(&json!({ "taskName": "a" }));
        let reply = Reply::to(request).await.unwrap();
        assert_eq!(reply.problem(400, &format!("{key:?}")), Some("Idempotency-Key"));
    }
    for tag in [&b""[..], b"\"", b"W/", b"\"2\"", b"\xff", b"-1", b"99999999999999999999999"] {
        for method in [Method::PATCH, Method::DELETE] {
            let request = house.api.request(method, &format!("/jobs/{job}")).bearer_auth(token);
            let reply =
                Reply::to(request.header("if-match", tag).json(&json!({ "taskName": "b" }))).await.unwrap();
            reply.problem(412, &format!("If-Match: {tag:?}"));
        }
    }
    for (method, path) in [("TRACE", "/jobs"), ("PATCH", "/jobs"), ("BREW", "/jobs"), ("GET", "/register")] {
        let request = house.api.request(method.parse().unwrap(), path).bearer_auth(token);
        let reply = Reply::to(request).await.unwrap();
        reply.problem(405, &format!("{method} {path}"));
        assert!(!reply.headers["allow"].is_empty(), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_that_are_hardly_http() {
    let house = House::new().await;
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let requests: Vec<Vec<u8>> = vec![
        b"\r\n\r\n\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"GET /jobs HTTP/9.9\r\n\r\n".to_vec(),
        b"GET jobs HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"GET /jobs HTTP/1.1\r\n\r\n".to_vec(),
        b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n".to_vec(),
        b"GET /jobs HTTP/1.1\r\nHost: elsewhere\r\n\r\n".to_vec(),
        b"GET http://elsewhere/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"CONNECT a:1 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
        b"GET /jobs?\xff HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\r\n\r\n".to_vec(),
        b"GET /jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: a\r\n b\r\n\r\n".to_vec(),
        b"POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n".to_vec(),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}".to_vec(),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n{".to_vec(),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
            .to_vec(),
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{"
            .to_vec(),
        format!("GET /jobs HTTP/1.1\r\nHost: localhost\r\n{many}\r\n").into_bytes(),
        format!("GET /jobs HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n\r\n", "x".repeat(1_000_000)).into_bytes(),
        format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(100_000)).into_bytes(),
    ];
    for request in requests {
        let shown = String::from_utf8_lossy(&request[..request.len().min(90)]).into_owned();
        let mut stream = TcpStream::connect(house.system.address()).await.unwrap();
        // It may hang up before it has read all of that.
        let _ = stream.write_all(&request).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{shown:?} is neither answered nor hung up on");
        if let Some(status) = answer.strip_prefix(b"HTTP/1.1 ") {
            assert!(b"24".contains(&status[0]), "{shown:?}: {}", String::from_utf8_lossy(&answer));
        }
    }
    assert_eq!(house.api.get("/health", "").await.status, 200);
}

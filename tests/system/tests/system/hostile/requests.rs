//! Parameters, headers, and bytes that are hardly HTTP.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::house::{House, Reply};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_that_cannot_be_taken_are_named() {
    let house = House::new().await;
    let ada = house.api.person("ada").await;
    let token = ada.token.as_str();
    for name in ["a", "b"] {
        house.api.job(token, json!({ "taskName": name })).await;
    }
    let cursor = house.api.get("/jobs?limit=1", token).await.text("nextCursor");
    let mut forged = cursor.clone().into_bytes();
    forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
    let forged = String::from_utf8(forged).unwrap();
    let ids = vec![format!("job_{}", "0".repeat(32)); 1].join(",");
    let hundred_and_one: Vec<_> = (0..101).map(|n| format!("job_018bcfe568007abcabababab{n:08x}")).collect();
    let cases = [
        ("limit=-1".to_owned(), "limit"),
        ("limit=0".to_owned(), "limit"),
        ("limit=101".to_owned(), "limit"),
        ("limit=1.5".to_owned(), "limit"),
        ("limit=99999999999999999999999".to_owned(), "limit"),
        ("limit=ten".to_owned(), "limit"),
        ("limit=%FF".to_owned(), "limit"),
        ("limit=1&limit=2".to_owned(), "limit"),
        ("page=0".to_owned(), "page"),
        ("page=-1".to_owned(), "page"),
        ("page=18446744073709551615".to_owned(), "page"),
        ("offset=-1".to_owned(), "offset"),
        ("offset=10000".to_owned(), "offset"),
        ("page=1&offset=1".to_owned(), "offset"),
        ("status=odd".to_owned(), "status"),
        ("status=pending,%00".to_owned(), "status"),
        ("priority=urgent".to_owned(), "priority"),
        ("sort=name:asc".to_owned(), "sort"),
        ("sort=createdAt:sideways".to_owned(), "sort"),
        ("include=secret".to_owned(), "include"),
        ("userId=me".to_owned(), "userId"),
        ("scope=everything".to_owned(), "scope"),
        ("scope=all&page=1".to_owned(), "page"),
        ("ids=1".to_owned(), "ids"),
        (format!("ids={ids},job_"), "ids"),
        (format!("ids={}", hundred_and_one.join(",")), "ids"),
        (format!("search={}", "x".repeat(513)), "search"),
        ("cursor=forged".to_owned(), "cursor"),
        (format!("cursor={}", "A".repeat(30_000)), "cursor"),
        (format!("cursor={forged}"), "cursor"),
        (format!("cursor={cursor}A"), "cursor"),
        (format!("cursor={cursor}&status=pending"), "cursor"),
        (format!("cursor={cursor}&sort=createdAt:asc"), "cursor"),
        (format!("cursor={cursor}&page=1"), "cursor"),
    ];
    for path in ["/jobs", "/filter", "/get-jobs", "/api/jobs"] {
        for (query, place) in &cases {
            let reply = house.api.get(&format!("{path}?{query}"), token).await;
            assert_eq!(reply.problem(400, query), Some(*place), "{path}?{query:.80}");
        }
        let next = house.api.get(&format!("{path}?limit=1&cursor={cursor}"), token).await;
        assert_eq!(next.json["jobs"].as_array().unwrap().len(), 1, "{next:?}");
    }
    let runs = format!("/jobs/{}/runs", house.api.job(token, json!({ "taskName": "c" })).await);
    for query in ["limit=0", "limit=101", "limit=1.5", "cursor=forged", &format!("cursor={cursor}")] {
        let reply = house.api.get(&format!("{runs}?{query}"), token).await;
        assert_eq!(reply.problem(400, &runs), query.split('=').next(), "{query}");
    }
    for query in ["limit=-1", "limit=101", "state=odd", "cursor=forged", "userId=me"] {
        for path in ["/deliveries", "/get-logs"] {
            let reply = house.api.get(&format!("{path}?{query}"), token).await;
            assert_eq!(reply.problem(400, path), query.split('=').next(), "{path}?{query}");
        }
    }
    for id in [
        "",
        "1",
        "job_",
        "null",
        "job_%00",
        "%FF%FE",
        "..%2F..",
        &"9".repeat(9_000),
        "usr_018bcfe568007abcabababababababab",
    ] {
        for (method, path) in [
            (Method::GET, format!("/jobs/{id}/logs")),
            (Method::GET, format!("/jobs/{id}/runs")),
            (Method::POST, format!("/jobs/{id}/run")),
            (Method::POST, format!("/jobs/{id}/pause")),
            (Method::POST, format!("/jobs/{id}/resume")),
            (Method::POST, format!("/jobs/{id}/deliveries/{id}/redeliver")),
            (Method::GET, format!("/webhooks/{id}x")),
            (Method::POST, format!("/webhooks/{id}/rotate")),
            (Method::POST, format!("/webhooks/{id}/test")),
            (Method::GET, format!("/get-logs/{id}x")),
            (Method::DELETE, format!("/keys/{id}x")),
        ] {
            let reply = house.api.call(method, &path, token, &Value::Null).await;
            reply.problem(404, &path);
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

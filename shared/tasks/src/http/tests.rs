use super::*;
use crate::trial::{Trial, places};

/// What would go out for this payload.
async fn sent(payload: Value) -> Request {
    let trial = Trial::default();
    let _ = trial.run("http", payload).await;
    let mut requests = trial.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[test]
fn it_needs_a_url_that_it_can_call() {
    assert!(
        check(&json!({"url": "https://example.com/x", "method": "post", "headers": {"a": "b"}})).is_empty()
    );
    for payload in
        [json!("text"), json!({}), json!({"url": 7}), json!({"url": null}), json!({"url": "ftp://x"})]
    {
        assert_eq!(places(&check(&payload)), ["/payload/url"], "{payload}");
    }
}

#[test]
fn each_fault_is_told_with_its_place() {
    let faults = |member: &str, value: Value| {
        let mut payload = json!({"url": "https://example.com"});
        payload[member] = value;
        places(&check(&payload))
    };
    for (member, value, wanted) in [
        ("method", json!("BREW"), &["/payload/method"][..]),
        ("method", json!(7), &["/payload/method"]),
        ("method", json!("GET "), &["/payload/method"]),
        ("headers", json!(["a"]), &["/payload/headers"]),
        ("headers", json!({"a": 1}), &["/payload/headers/a"]),
        ("headers", json!({"a b": "x", "ok": "x"}), &["/payload/headers/a b"]),
        ("headers", json!({"": "x"}), &["/payload/headers/"]),
        ("headers", json!({"a/b": "x"}), &["/payload/headers/a~1b"]),
        ("headers", json!({"x": "one\r\nHost: two"}), &["/payload/headers/x"]),
        ("headers", json!({"x": "nul\u{0}"}), &["/payload/headers/x"]),
        ("expectedStatus", json!(9), &["/payload/expectedStatus"]),
        ("expectedStatus", json!("200"), &["/payload/expectedStatus"]),
        ("expectedStatus", json!([]), &["/payload/expectedStatus"]),
        (
            "expectedStatus",
            json!([200, 600, "x", 404]),
            &["/payload/expectedStatus/1", "/payload/expectedStatus/2"],
        ),
        ("timeoutSeconds", json!(0), &["/payload/timeoutSeconds"]),
        ("timeoutSeconds", json!(51), &["/payload/timeoutSeconds"]),
        ("timeoutSeconds", json!(1.5), &["/payload/timeoutSeconds"]),
        ("timeout", json!("5"), &["/payload/timeout"]),
    ] {
        assert_eq!(faults(member, value.clone()), wanted, "{member} {value}");
    }
    for name in [
        "Host",
        "Content-Length",
        "Connection",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Upgrade",
        "Expect",
        "Keep-Alive",
        "Proxy-Connection",
        "Proxy-Authorization",
        "HTTP2-Settings",
    ] {
        assert_eq!(faults("headers", json!({name: "x"})), [format!("/payload/headers/{name}")]);
    }
    let many: serde_json::Map<_, _> = (0..51).map(|n| (format!("x-{n}"), json!("y"))).collect();
    assert_eq!(faults("headers", Value::Object(many)), ["/payload/headers"]);
    for (member, value) in [
        ("method", json!("delete")),
        ("headers", json!({})),
        ("headers", json!({"Authorization": "Bearer x", "User-Agent": "mine"})),
        ("expectedStatus", json!([200, 404])),
        ("timeoutSeconds", json!(50)),
        ("timeout", json!(1)),
        ("body", json!(null)),
        ("somethingElse", json!({})),
    ] {
        assert_eq!(faults(member, value.clone()), [""; 0], "{member} {value}");
    }
}

#[tokio::test]
async fn method_and_content_type_follow_from_the_body() {
    let url = "https://example.com/x";
    for (payload, method, content_type, body) in [
        (json!({"url": url}), "GET", None, ""),
        (json!({"url": url, "body": "text"}), "POST", Some("text/plain; charset=utf-8"), "text"),
        (json!({"url": url, "body": [1], "method": "put"}), "PUT", Some("application/json"), "[1]"),
        (json!({"url": url, "body": false}), "POST", Some("application/json"), "false"),
        (
            json!({"url": url, "body": "<a/>", "headers": {"Content-Type": "text/xml"}}),
            "POST",
            Some("text/xml"),
            "<a/>",
        ),
    ] {
        let request = sent(payload.clone()).await;
        assert_eq!((request.method.as_str(), request.url.as_str()), (method, url), "{payload}");
        let sent_type = request.headers.get(header::CONTENT_TYPE).map(|value| value.to_str().unwrap());
        assert_eq!((sent_type, &request.body[..]), (content_type, body.as_bytes()), "{payload}");
    }
}

#[tokio::test]
async fn the_run_marks_the_call_unless_the_payload_does() {
    let request = sent(json!({"url": "https://example.com"})).await;
    assert!(request.headers["idempotency-key"].to_str().unwrap().starts_with("run_"));
    let own = json!({"url": "https://example.com", "headers": {"Idempotency-Key": "mine"}});
    assert_eq!(sent(own).await.headers["idempotency-key"], "mine");
}

#[tokio::test]
async fn its_own_timeout_counts_where_it_is_shorter_than_the_limit() {
    let url = "https://example.com";
    let limit = crate::trial::LIMIT;
    assert_eq!(sent(json!({"url": url, "timeoutSeconds": 2})).await.timeout, Duration::from_secs(2));
    assert_eq!(sent(json!({"url": url, "timeout": 3})).await.timeout, Duration::from_secs(3));
    for payload in [json!({"url": url}), json!({"url": url, "timeoutSeconds": 50})] {
        assert_eq!(sent(payload).await.timeout, limit + GRACE);
    }
}

#[tokio::test]
async fn a_result_is_short_and_says_what_is_gone() {
    let url = "https://example.com";
    let answer = async |status: u16, kind: &str, body: &str, more: bool| {
        let trial = Trial::default();
        trial.answer(status, kind, body, more);
        trial.run("http", json!({"url": url, "expectedStatus": [200, 404]})).await
    };
    let whole = answer(404, "text/plain", "gone", false).await.unwrap().unwrap();
    assert_eq!(
        whole,
        json!({"status": 404, "contentType": "text/plain", "body": "gone", "truncated": false, "durationMs": 5})
    );
    let cut = answer(200, &"x".repeat(500), &"é".repeat(KEPT), false).await.unwrap().unwrap();
    assert_eq!(cut["truncated"], true);
    assert!(
        cut["body"].as_str().unwrap().len() <= KEPT
            && cut["contentType"].as_str().unwrap().len() <= KEPT_TYPE
    );
    assert_eq!(answer(200, "a/b", "short", true).await.unwrap().unwrap()["truncated"], true);
    let Err(Failure::Again(error)) = answer(500, "a/b", &"y".repeat(4 * KEPT), false).await else { panic!() };
    assert!(error.starts_with("the answer was 500 where 200 or 404 was expected: yyy"), "{error}");
    assert!(error.len() < KEPT + 100);
}

#[tokio::test]
async fn a_payload_that_makes_no_request_is_final() {
    let trial = Trial::default();
    for (payload, wanted) in [
        (json!({}), "/payload/url an http task needs the url to call, as text"),
        (
            json!({"url": "http://a.example", "headers": {"host": "b"}}),
            "/payload/headers/host is a header that the call itself sets",
        ),
    ] {
        assert_eq!(trial.run("http", payload).await, Err(Failure::Final(wanted.to_owned())));
    }
    assert!(trial.requests().is_empty());
}

//! The task that calls a URL.

use domain::job::{Job, Status};
use serde_json::{Value, json};

use crate::server::{Server, answer};
use crate::shop::{Shop, run};

/// A shop that may call the loopback.
async fn open() -> Shop {
    Shop::with(&[("EGRESS_ALLOW", "127.0.0.0/8"), ("JOB_RETRY_BASE_MS", "1")]).await
}

/// The job after its first attempt.
async fn call(shop: &Shop, payload: Value) -> Job {
    let job = shop.start(Job { task_type: "http".to_owned(), ..shop.draft() }, payload).await;
    assert_eq!(shop.step().await, (1, 0));
    shop.read(&job).await
}

#[tokio::test]
async fn a_success_keeps_the_answer() {
    let shop = open().await;
    let server = Server::saying(&[&answer("200 OK", "all right")]);
    let job = call(&shop, json!({"url": server.url})).await;
    let result = run(&job).result.as_ref().unwrap();
    assert_eq!(job.status, Status::Completed);
    assert_eq!((&result["status"], &result["body"]), (&json!(200), &json!("all right")));
    assert_eq!(result["truncated"], false);
    assert!(result["durationMs"].is_u64());
    let request = server.request();
    assert!(request.starts_with("GET /task HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("idempotency-key: {}", run(&job).id)), "{request}");
}

#[tokio::test]
async fn a_body_and_headers_go_out_as_they_stand() {
    let shop = open().await;
    let sent = answer("201 Created", "");
    let server = Server::saying(&[&sent, &sent]);
    let payload = json!({"url": server.url, "body": {"a": [1]}, "headers": {"X-Team": "blue"}});
    assert_eq!(call(&shop, payload).await.status, Status::Completed);
    let request = server.request();
    assert!(
        request.starts_with("POST /task HTTP/1.1\r\n") && request.ends_with("\r\n\r\n{\"a\":[1]}"),
        "{request}"
    );
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(request.contains("x-team: blue\r\n"), "{request}");
    let payload = json!({"url": server.url, "method": "put", "body": "text"});
    assert_eq!(call(&shop, payload).await.status, Status::Completed);
    let request = server.request();
    assert!(request.starts_with("PUT ") && request.ends_with("\r\n\r\ntext"), "{request}");
    assert!(request.contains("content-type: text/plain; charset=utf-8\r\n"), "{request}");
}

#[tokio::test]
async fn an_expected_status_is_a_success_and_no_other_is() {
    let shop = open().await;
    let server = Server::saying(&[&answer("404 Not Found", "gone"), &answer("200 OK", "still there")]);
    let job = call(&shop, json!({"url": server.url, "expectedStatus": 404})).await;
    assert_eq!((job.status, &run(&job).result.as_ref().unwrap()["status"]), (Status::Completed, &json!(404)));
    let job = call(&shop, json!({"url": server.url, "expectedStatus": 404})).await;
    assert_eq!(job.status, Status::Running);
    let error = run(&job).last_error.as_deref().unwrap();
    assert_eq!(error, "the answer was 200 where 404 was expected: still there");
}

#[tokio::test]
async fn a_500_is_tried_again() {
    let shop = open().await;
    let server = Server::saying(&[&answer("500 Internal Server Error", "oh"), &answer("200 OK", "")]);
    let job = call(&shop, json!({"url": server.url})).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Running, 1));
    assert!(run(&job).last_error.as_ref().unwrap().contains("500 where 2xx was expected: oh"));
    shop.pass(1);
    assert_eq!(shop.step().await, (1, 0));
    let job = shop.read(&job).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Completed, 2));
}

#[tokio::test]
async fn an_address_that_is_refused_is_final_and_the_error_says_what_opens_it() {
    let shop = Shop::new().await;
    let job = call(&shop, json!({"url": "http://127.0.0.1:9/"})).await;
    assert_eq!((job.status, run(&job).attempt), (Status::Failed, 1));
    let error = run(&job).last_error.as_deref().unwrap();
    assert!(error.starts_with("refused-address: ") && error.contains("EGRESS_ALLOW"), "{error}");
    assert_eq!(shop.asked().await.len(), 1);
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let shop = open().await;
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let job = call(&shop, json!({"url": format!("http://127.0.0.1:{port}/")})).await;
    assert_eq!(job.status, Status::Running);
    assert!(run(&job).last_error.as_ref().unwrap().starts_with("connect: "));
}

#[tokio::test]
async fn a_payload_that_makes_no_request_is_final() {
    let shop = open().await;
    for (payload, wanted) in [
        (json!({}), "/payload/url an http task needs the url to call, as text"),
        (json!({"url": "nowhere"}), "/payload/url must be an absolute http:// or https:// URL"),
        (
            json!({"url": "http://a.example/", "headers": {"bad name": "x"}}),
            "/payload/headers/bad name is no name of a header",
        ),
        (
            json!({"url": "http://a.example/", "headers": {"x": "a\nb"}}),
            "/payload/headers/x must not hold line breaks or control characters",
        ),
        (
            json!({"url": "http://a.example/", "headers": {"Host": "b.example"}}),
            "/payload/headers/Host is a header that the call itself sets",
        ),
    ] {
        let job = call(&shop, payload).await;
        assert_eq!((job.status, run(&job).last_error.as_deref()), (Status::Failed, Some(wanted)));
    }
}

#[tokio::test]
async fn one_of_several_statuses_is_expected() {
    let shop = open().await;
    let server = Server::saying(&[&answer("409 Conflict", ""), &answer("204 No Content", "")]);
    let payload = json!({"url": server.url, "expectedStatus": [200, 409]});
    assert_eq!(call(&shop, payload.clone()).await.status, Status::Completed);
    let job = call(&shop, payload).await;
    let error = run(&job).last_error.as_deref();
    assert_eq!(error, Some("the answer was 204 where 200 or 409 was expected: "));
}

#[tokio::test]
async fn of_a_long_answer_the_beginning_is_kept() {
    let shop = open().await;
    let long = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/csv\r\ncontent-length: 2000\r\nconnection: close\r\n\r\n{}",
        "é".repeat(1_000)
    );
    let server = Server::saying(&[&long, &answer("200 OK", &"x".repeat(100_000))]);
    for (kind, begins) in [(json!("text/csv"), 'é'), (Value::Null, 'x')] {
        let job = call(&shop, json!({"url": server.url})).await;
        let result = run(&job).result.as_ref().unwrap();
        let body = result["body"].as_str().unwrap();
        assert!(body.starts_with(begins) && body.ends_with('…') && body.len() <= 1_024);
        assert_eq!((&result["truncated"], &result["contentType"]), (&json!(true), &kind));
    }
}

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::response::Html;
use axum::routing::{get, post};
use http::StatusCode;
use http_body_util::BodyExt;
use lambda_http::Service;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::path::PathId;
use crate::query::Query;
use crate::request::JsonFields;

fn app() -> Router {
    finish(routes(), CorsPolicy::of(["http://localhost:3000"]).unwrap())
}

fn routes() -> Router {
    Router::new()
        .route("/jobs/{id}", get(|PathId(id): PathId<domain::id::JobId>| async move { id.to_string() }))
        .route("/echo", post(|body: JsonFields| async move { body.raw }))
        .route("/find", get(|mut query: Query| async move { query.text(&["q"]).unwrap_or_default() }))
        .route("/page", get(|| async { Html("<p>") }))
        .route("/strict", get(|| async { ([(CONTENT_SECURITY_POLICY, "sandbox")], Html("<p>")) }))
        .route("/boom", get(boom))
}

#[allow(clippy::unused_async, reason = "a handler is async")]
async fn boom() -> &'static str {
    panic!("on purpose")
}

async fn send(
    request: http::request::Builder,
    body: impl Into<Body>,
) -> (StatusCode, http::HeaderMap, String) {
    let answer = app().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.status, parts.headers, text)
}

async fn get_path(path: &str) -> (StatusCode, http::HeaderMap, String) {
    send(Request::builder().uri(path), Body::empty()).await
}

fn problem(headers: &http::HeaderMap, text: &str) -> Value {
    assert_eq!(headers["content-type"], "application/problem+json");
    let problem: Value = serde_json::from_str(text).unwrap();
    assert_eq!(problem["requestId"].as_str().unwrap(), headers[REQUEST_ID].to_str().unwrap());
    let trace = format!("Root={}", problem["traceId"].as_str().unwrap());
    assert!(boot::trace::root(&trace).is_some(), "{trace}");
    problem
}

const JOB: &str = "job_018bcfe568007abcabababababababab";

#[tokio::test]
async fn every_spelling_of_a_path_leads_to_the_same_route() {
    for path in [
        format!("/jobs/{JOB}"),
        format!("/jobs/{JOB}/"),
        format!("/api/jobs/{JOB}"),
        format!("/api/jobs/{JOB}/"),
    ] {
        assert_eq!(get_path(&path).await.2, JOB, "{path}");
    }
    assert_eq!(get_path("/api/find/?q=a%2Fb").await.2, "a/b");
    assert_eq!(get_path("/apifind").await.0, 404);
    assert_eq!(get_path("/api/api/find").await.0, 404);
}

#[test]
fn the_stage_is_no_part_of_the_path() {
    assert_eq!(route_path("/prod/api/jobs/", Some("prod")), "/jobs");
    assert_eq!(route_path("/prod/jobs", None), "/prod/jobs");
    assert_eq!(route_path("/prodjobs", Some("prod")), "/prodjobs");
    assert_eq!(route_path("/api", None), "/");
    assert_eq!(route_path("/", Some("prod")), "/");
}

#[tokio::test]
async fn failures_are_problems_that_name_the_request() {
    let (status, headers, text) = get_path("/nowhere").await;
    assert_eq!(
        (status.as_u16(), problem(&headers, &text)["type"].as_str().unwrap()),
        (404, "/docs/errors/not-found")
    );
    let (status, headers, text) = get_path("/jobs/usr_018bcfe568007abcabababababababab").await;
    assert_eq!(
        (status.as_u16(), problem(&headers, &text)["detail"].as_str().unwrap()),
        (404, "there is no job with this id")
    );
    let (status, headers, text) = get_path("/echo").await;
    assert_eq!((status.as_u16(), headers["allow"].to_str().unwrap()), (405, "POST"));
    assert!(problem(&headers, &text)["message"].as_str().unwrap().contains("GET"));
    let (status, headers, text) = get_path("/boom").await;
    assert_eq!(status, 500);
    assert!(!problem(&headers, &text)["detail"].as_str().unwrap().contains("purpose"));
    let large = vec![b' '; crate::request::MAX_BODY + 1];
    let (status, headers, text) = send(Request::builder().method("POST").uri("/echo"), large).await;
    assert_eq!((status.as_u16(), problem(&headers, &text)["status"].as_u64().unwrap()), (413, 413));
}

#[tokio::test]
async fn no_answer_is_kept_guessed_at_or_framed() {
    let ask = |method: &str, path: &str| Request::builder().method(method).uri(path);
    let preflight = ask("OPTIONS", "/echo")
        .header("origin", "http://localhost:3000")
        .header("access-control-request-method", "POST");
    let large = vec![b' '; crate::request::MAX_BODY + 1];
    for (request, body, wanted) in [
        (ask("GET", "/find"), vec![], 200),
        (ask("GET", "/nowhere"), vec![], 404),
        (ask("GET", "/echo"), vec![], 405),
        (ask("POST", "/echo"), b"[".to_vec(), 400),
        (ask("POST", "/echo"), large, 413),
        (ask("GET", "/boom"), vec![], 500),
        (ask("GET", "/page"), vec![], 200),
        (preflight, vec![], 200),
    ] {
        let (status, headers, _) = send(request, body).await;
        assert_eq!(status.as_u16(), wanted);
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff", "{wanted}");
        assert_eq!(headers[CACHE_CONTROL], "no-store", "{wanted}");
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], "max-age=31536000", "{wanted}");
        assert_eq!(headers[X_FRAME_OPTIONS], "DENY", "{wanted}");
        assert_eq!(headers[REFERRER_POLICY], "no-referrer", "{wanted}");
        assert_eq!(headers[REQUEST_ID].len(), 32, "{wanted}");
        let policy = headers[CONTENT_SECURITY_POLICY].to_str().unwrap();
        let is_page = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == "text/html; charset=utf-8");
        let other = if is_page { "" } else { "default-src 'none'; " };
        assert_eq!(policy, format!("{other}frame-ancestors 'none'"), "{wanted}");
    }
    let (_, headers, _) = get_path("/strict").await;
    assert_eq!(headers[CONTENT_SECURITY_POLICY], "sandbox", "its own");
}

#[tokio::test]
async fn a_clients_own_request_id_is_not_taken() {
    let forged = "0190f6d2c0de7abc8def0123456789ab";
    let traced = "1-67891233-abcdef012345678912345678";
    let request = Request::builder()
        .uri("/nowhere")
        .header(REQUEST_ID, forged)
        .header("x-amzn-requestid", forged)
        .header("x-amzn-trace-id", format!("Root={traced}"))
        .header("traceparent", format!("00-{forged}-53995c3f42cd8ad8-01"))
        .header("x-correlation-id", forged);
    let (_, headers, text) = send(request, Body::empty()).await;
    assert_ne!(headers[REQUEST_ID], forged);
    assert_eq!(headers.get_all(REQUEST_ID).iter().count(), 1);
    assert!(!text.contains(forged) && !text.contains(traced), "{text}");
    assert_ne!(problem(&headers, &text)["requestId"], forged);
}

#[tokio::test]
async fn whoever_is_not_admitted_reaches_no_route_and_learns_nothing() {
    let only = |parts: &http::request::Parts| match parts.headers.contains_key("x-pass") {
        true => Ok(()),
        false => Err(Problem::new(Code::Forbidden, "not here")),
    };
    let cors = CorsPolicy::of(["http://localhost:3000"]).unwrap();
    let ask = async |method: &str, path: &str, pass: bool| {
        let mut request =
            Request::builder().method(method).uri(path).header("origin", "http://localhost:3000");
        if pass {
            request = request.header("x-pass", "1");
        }
        let routes = finish_behind(routes(), cors.clone(), only);
        let answer = routes.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
    };
    assert_eq!(ask("GET", "/api/find?q=a", true).await.2, "a");
    for (method, path) in
        [("GET", "/find"), ("GET", "/nowhere"), ("DELETE", "/find"), ("OPTIONS", "/find"), ("GET", "/boom")]
    {
        let (status, headers, body) = ask(method, path, false).await;
        let told = problem(&headers, std::str::from_utf8(&body).unwrap());
        assert_eq!((status, told["detail"].as_str()), (403, Some("not here")), "{method} {path}");
        assert_eq!(headers.get("access-control-allow-origin"), None, "{method} {path}");
        assert_eq!(headers.get("allow"), None, "{method} {path}");
    }
}

#[tokio::test]
async fn a_browser_may_ask_first() {
    let ask = |origin: &'static str| {
        Request::builder()
            .method("OPTIONS")
            .uri("/api/echo")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization,content-type,idempotency-key,x-api-key")
    };
    let (status, headers, _) = send(ask("http://localhost:3000"), Body::empty()).await;
    assert_eq!(status, 200);
    assert_eq!(headers["access-control-allow-origin"], "http://localhost:3000");
    let allowed = headers["access-control-allow-headers"].to_str().unwrap();
    assert!(allowed.contains("idempotency-key") && allowed.contains("x-api-key"), "{allowed}");
    let (_, headers, _) = send(ask("http://evil.example"), Body::empty()).await;
    assert_eq!(headers.get("access-control-allow-origin"), None);
    // A page must be able to read failures too.
    let failing = Request::builder().uri("/nowhere").header("origin", "http://localhost:3000");
    let (status, headers, _) = send(failing, Body::empty()).await;
    assert_eq!(
        (status.as_u16(), headers["access-control-allow-origin"].to_str().unwrap()),
        (404, "http://localhost:3000")
    );
}

#[tokio::test]
async fn api_gateway_tells_the_stage_and_the_request_id_in_both_versions() {
    let one = serde_json::json!({
        "resource": "/{proxy+}", "path": "/api/find", "httpMethod": "GET",
        "headers": {"host": "x.example"}, "multiValueHeaders": {"host": ["x.example"]},
        "queryStringParameters": {"q": "one"}, "multiValueQueryStringParameters": {"q": ["one"]},
        "requestContext": {"accountId": "1", "resourceId": "r", "stage": "prod", "requestId": "rest-1",
            "identity": {"sourceIp": "203.0.113.7"}, "resourcePath": "/{proxy+}", "httpMethod": "GET", "apiId": "a"},
        "isBase64Encoded": false
    });
    let two = serde_json::json!({
        "version": "2.0", "routeKey": "$default", "rawPath": "/prod/api/find/", "rawQueryString": "q=two",
        "headers": {"host": "x.example"},
        "requestContext": {"accountId": "1", "apiId": "a", "domainName": "x.example", "stage": "prod",
            "requestId": "http-2", "routeKey": "$default", "time": "t", "timeEpoch": 1,
            "http": {"method": "GET", "path": "/prod/api/find/", "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7",
                "userAgent": "t"}},
        "isBase64Encoded": false
    });
    for (event, id, told) in [(one, "rest-1", "one"), (two, "http-2", "two")] {
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        let answer = app().call(request).await.unwrap();
        assert_eq!(answer.headers()[REQUEST_ID], id);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), told);
    }
}

#[test]
fn a_path_is_logged_without_what_could_be_a_secret() {
    let key = format!("njk_{}A", "x".repeat(42));
    let token = format!("eyJhbGciOiJIUzI1NiJ9.{}", "e".repeat(60));
    for (path, told) in [
        ("/".to_owned(), "/".to_owned()),
        (format!("/jobs/{JOB}/run"), format!("/jobs/{JOB}/run")),
        ("/docs/errors/idempotency-key-reused".to_owned(), "/docs/errors/idempotency-key-reused".to_owned()),
        (format!("/keys/{key}"), "/keys/***".to_owned()),
        (format!("/keys/{}", &key[..12]), "/keys/***".to_owned()),
        (format!("/keys/{}", &key[4..]), "/keys/***".to_owned()),
        (format!("/{key}/x/"), "/***/x/".to_owned()),
        ("/keys/%6ejk_abc".to_owned(), "/keys/***".to_owned()),
        (format!("/jobs/Bearer%20{token}"), "/jobs/***".to_owned()),
        (format!("/jobs/{token}/logs"), "/jobs/***/logs".to_owned()),
    ] {
        assert_eq!(loggable(&path), told);
    }
}

/// Where a test's log goes.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_line_of_the_log_has_a_key_that_stood_in_the_path() {
    let paper = Paper::default();
    let writer = paper.clone();
    let log =
        tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(log.finish());
    let secret = "x".repeat(42);
    for path in
        [format!("/jobs/njk_{secret}A"), format!("/keyz/njk_{secret}A"), format!("/njk_{secret}A?q=1")]
    {
        assert_eq!(get_path(&path).await.0, 404);
    }
    assert_eq!(get_path(&format!("/jobs/{JOB}")).await.0, 200);
    let log = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("answered") && log.contains(&format!("/jobs/{JOB}")) && log.contains("/jobs/***"),
        "{log}"
    );
    assert!(!log.contains(&secret), "{log}");
}

#[tokio::test]
async fn lambda_tells_the_trace_and_what_is_no_trace_is_not_taken() {
    let traced = "1-67891233-abcdef012345678912345678";
    for (header, taken) in
        [(format!("Root={traced};Parent=53995c3f42cd8ad8;Sampled=1"), true), ("Root=<b>".to_owned(), false)]
    {
        let mut context = lambda_http::Context::default();
        context.xray_trace_id = Some(header);
        let request = Request::builder().uri("/nowhere").body(lambda_http::Body::Empty).unwrap();
        let request = lambda_http::RequestExt::with_lambda_context(request, context);
        let answer = app().call(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        assert_eq!(problem(&parts.headers, &text)["traceId"] == traced, taken);
    }
}

#[tokio::test]
async fn a_log_that_tells_of_errors_alone_has_the_ids_too() {
    let paper = Paper::default();
    let writer = paper.clone();
    let log =
        tracing_subscriber::fmt().with_max_level(tracing::Level::ERROR).with_writer(move || writer.clone());
    let _guard = tracing::subscriber::set_default(log.finish());
    let (_, headers, text) = get_path("/boom").await;
    let problem = problem(&headers, &text);
    let log = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a handler panicked"), "{log}");
    for id in ["requestId", "traceId"] {
        assert!(log.contains(problem[id].as_str().unwrap()), "{id}: {log}");
    }
}

//! Input that nobody means well with: a right status, the place named, and never a 500.

use axum::body::Body;
use http::Request;
use serde_json::json;

use crate::{PASSWORD, Stage};

#[tokio::test]
async fn bodies_that_are_no_object() {
    let stage = Stage::new().await;
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    let long = format!("\"{}\"", "x".repeat(1_000));
    let bodies: [(&[u8], &str); 8] = [
        (b"", "empty"),
        (b"   ", "empty"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b"{\"email\":", "line 1"),
        (b"{\"email\":\"\xff\xfe\"}", "not UTF-8"),
        (deep.as_bytes(), "JSON"),
        (long.as_bytes(), "must be a JSON object"),
    ];
    for path in ["/register", "/login"] {
        for (body, told) in bodies {
            let got = stage.post(path, body.to_vec()).await;
            assert_eq!((got.status.as_u16(), got.kind()), (400, "invalid-body"), "{got:?}");
            assert!(got.detail().contains(told), "{told}: {}", got.detail());
        }
    }
    let token = stage.token().await;
    for (method, path) in [
        ("POST", "/keys"),
        ("PATCH", "/profile"),
        ("PUT", "/profile"),
        ("DELETE", "/profile"),
        ("POST", "/profile/password"),
    ] {
        for (body, told) in bodies {
            let request = Request::builder().method(method).uri(path);
            let request = request.header("authorization", format!("Bearer {token}"));
            let got = stage.send(request.body(Body::from(body.to_vec())).unwrap()).await;
            assert_eq!((got.status.as_u16(), got.kind()), (400, "invalid-body"), "{method} {path}: {got:?}");
            assert!(got.detail().contains(told), "{told}: {}", got.detail());
        }
    }
}

#[tokio::test]
async fn members_that_cannot_be_taken_are_named() {
    let stage = Stage::new().await;
    let good = json!({"name": "Ada", "email": "ada@example.com", "password": PASSWORD});
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    for (member, value) in [
        ("name", json!("")),
        ("name", json!("x".repeat(101))),
        ("name", json!("a\u{0}b")),
        ("name", json!(7)),
        ("email", json!(null)),
        ("email", json!("ada")),
        ("email", json!(format!("{}@example.com", "a".repeat(150)))),
        ("email", json!(["ada@example.com"])),
        ("email", deep),
        ("password", json!("short")),
        ("password", json!("x".repeat(129))),
        ("password", json!({"$gt": ""})),
        ("isAdmin", json!(true)),
        ("__proto__", json!({})),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let got = stage.post("/register", body.to_string()).await;
        assert_eq!(got.fault(), (400, format!("/{member}").as_str()), "{got:?}");
        assert!(got.detail().starts_with(&format!("/{member}")), "{}", got.detail());
    }
    let got = stage.post("/register", "{}").await;
    let places: Vec<_> =
        got.body["errors"].as_array().unwrap().iter().map(|fault| &fault["pointer"]).collect();
    assert_eq!(places, ["/name", "/email", "/password"]);
}

#[tokio::test]
async fn nested_a_thousand_levels() {
    let stage = Stage::new().await;
    let deep = format!("{}{}", "{\"a\":".repeat(1_000), "1".to_owned() + &"}".repeat(1_000));
    let body = format!("{{\"name\":\"Ada\",\"email\":\"ada@example.com\",\"password\":{deep}}}");
    assert_eq!(stage.post("/register", body.clone()).await.fault(), (400, "/password"));
    let body = format!("{{\"email\":\"ada@example.com\",\"password\":\"x\",\"more\":{deep}}}");
    assert_eq!(stage.post("/login", body).await.fault(), (400, "/more"));
}

#[tokio::test]
async fn logins_that_lack_something() {
    let stage = Stage::new().await;
    for (body, place) in [
        (json!({}), "/email"),
        (json!({"password": "x"}), "/email"),
        (json!({"email": "  ", "password": "x"}), "/email"),
        (json!({"email": "x".repeat(2_000), "password": "x"}), "/email"),
        (json!({"email": "ada@example.com"}), "/password"),
        (json!({"email": "ada@example.com", "password": 7}), "/password"),
        (json!({"email": "ada@example.com", "userName": "ada", "password": "x"}), "/userName"),
        (json!({"email": "ada@example.com", "password": "x", "otp": "1"}), "/otp"),
    ] {
        assert_eq!(stage.post("/login", body.to_string()).await.fault(), (400, place), "{body}");
    }
}

#[tokio::test]
async fn bodies_that_are_too_large_or_declared_as_something_else() {
    let stage = Stage::new().await;
    let large = format!("{{\"password\":\"{}\"}}", "x".repeat(1024 * 1024));
    let got = stage.post("/login", large).await;
    assert_eq!((got.status.as_u16(), got.kind()), (413, "payload-too-large"));
    let form = Request::builder()
        .method("POST")
        .uri("/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from("email=a&password=b"))
        .unwrap();
    let got = stage.send(form).await;
    assert_eq!((got.status.as_u16(), got.kind()), (415, "unsupported-media-type"));
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_ask_and_others_may_not() {
    let stage = Stage::new().await;
    for (origin, allowed) in [("http://localhost:3000", true), ("http://localhost:3001", false)] {
        let ask = Request::builder()
            .method("OPTIONS")
            .uri("/api/login")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type");
        let got = stage.send(ask.body(Body::empty()).unwrap()).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.headers.contains_key("access-control-allow-origin"), allowed, "{origin}");
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere() {
    let stage = Stage::new().await;
    for path in ["/", "/api", "/login/x", "//login", "/%2e%2e/login", "/LOGIN", "/users/%00"] {
        let got = stage.post(path, "{}").await;
        assert_eq!((got.status.as_u16(), got.kind()), (404, "not-found"), "{path}");
    }
}

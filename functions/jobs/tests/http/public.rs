//! What anybody may read.

use http::Request;
use serde_json::json;

use crate::house::{House, Reply};

async fn open(house: &House, path: &str) -> Reply {
    house.send(Request::builder().uri(path).body("".into()).unwrap()).await
}

#[tokio::test]
async fn health_asks_nobody() {
    let house = House::new().await;
    house.bed.faults.clear();
    for path in ["/health", "/api/health"] {
        let reply = open(&house, path).await;
        assert_eq!((reply.status.as_u16(), reply.body), (200, json!({"status": "ok"})));
    }
    assert_eq!(house.bed.faults.calls(), []);
}

#[tokio::test]
async fn the_document_and_the_page() {
    let house = House::new().await;
    let document = open(&house, "/openapi.json").await;
    assert_eq!(document.headers["content-type"], "application/json");
    assert_eq!(document.body["info"]["title"], "Nightjar");
    let page = open(&house, "/docs").await;
    let html = page.body.as_str().unwrap();
    assert!(html.starts_with("<!doctype html>") && html.contains("/jobs/{id}"));
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"));
    let error = open(&house, "/docs/errors/validation-failed").await;
    assert_eq!(
        (error.status.as_u16(), &error.headers["location"]),
        (303, &"../../docs#error-validation-failed".parse().unwrap())
    );
    assert!(html.contains("id=\"error-validation-failed\""));
    assert_eq!(open(&house, "/docs/errors/nonsense").await.status, 404);
}

#[tokio::test]
async fn every_route_that_is_listed_is_there_and_every_description_is_listed() {
    let house = House::new().await;
    for (method, path) in jobs::ROUTES {
        let path = path.replace("{id}", "x").replace("{code}", "internal");
        for path in [path.clone(), format!("/api{path}")] {
            let reply =
                house.send(Request::builder().method(*method).uri(&path).body("".into()).unwrap()).await;
            assert!(!matches!(reply.status.as_u16(), 404 | 405), "{method} {path}: {}", reply.body);
        }
    }
    for (path, item) in open(&house, "/openapi.json").await.body["paths"].as_object().unwrap() {
        let methods =
            ["get", "post", "put", "patch", "delete"].into_iter().filter(|name| item.get(name).is_some());
        for method in methods.map(str::to_uppercase) {
            let tag = &item[method.to_lowercase()]["tags"][0];
            // Endpoints and redeliveries are another function's.
            let theirs = path.ends_with("/redeliver")
                || path.starts_with("/webhooks") && !path.starts_with("/webhooks/secret");
            let ours = ["jobs", "deliveries", "webhooks", "about"].iter().any(|name| tag == name);
            assert!(
                !ours || theirs || jobs::ROUTES.contains(&(method.as_str(), path.as_str())),
                "{method} {path}"
            );
        }
    }
}

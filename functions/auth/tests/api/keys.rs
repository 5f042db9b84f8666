//! API keys: what they open, what they do not, and when they are dead.

use std::time::Duration;

use axum::body::Body;
use futures::future::join_all;
use http::Request;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::{Got, PASSWORD, Stage};

fn wish(scopes: &[&str]) -> Value {
    json!({"name": "ci", "scopes": scopes})
}

impl Stage {
    /// A key with these scopes, as it is answered.
    async fn key(&self, token: &str, scopes: &[&str]) -> (String, String) {
        let got = self.ask("POST", "/keys", token, wish(scopes)).await;
        assert_eq!(got.status, 201, "{got:?}");
        let text = |name: &str| got.body[name].as_str().unwrap().to_owned();
        (text("key"), text("id"))
    }

    async fn with_headers(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Got {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_key_is_shown_once_listed_used_and_revoked() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let body =
        json!({"name": " nightly ", "scopes": ["RUN", "read", "run"], "expiresAt": "2027-01-01T00:00:00.9Z"});
    let made = stage.ask("POST", "/keys", &token, body).await;
    assert_eq!(made.status, 201);
    let key = made.body["key"].as_str().unwrap();
    let id = made.body["id"].as_str().unwrap();
    assert!(key.starts_with("njk_") && key.len() == 47 && id.starts_with("key_"), "{made:?}");
    let mut shown = made.body.clone();
    shown.as_object_mut().unwrap().remove("key");
    let user = stage.with_token("GET", "/profile", &token).await.body;
    let wanted = json!({"id": id, "userId": user["id"], "name": "nightly", "scopes": ["read", "run"],
        "prefix": &key[..8], "createdAt": stage.bed.now().to_string(), "expiresAt": "2027-01-01T00:00:00.000Z",
        "lastUsedAt": null});
    assert_eq!(shown, wanted);
    let listed = stage.with_token("GET", "/keys", &token).await;
    assert_eq!((listed.status.as_u16(), &listed.body), (200, &json!({"keys": [wanted]})));
    assert_eq!(stage.with_token("GET", "/profile", key).await.body, user);
    assert_eq!(stage.with_headers("GET", "/user", &[("x-api-key", key)]).await.body, user);
    let bearer = format!("Bearer {key}");
    let both = [("x-api-key", key), ("authorization", &bearer)];
    assert_eq!(stage.with_headers("HEAD", "/profile", &both).await.status, 200);
    let listed = stage.with_token("GET", "/keys", &token).await;
    assert_eq!(listed.body["keys"][0]["lastUsedAt"], stage.bed.now().to_string());

    let gone = stage.with_token("DELETE", &format!("/keys/{id}"), &token).await;
    assert_eq!((gone.status.as_u16(), &gone.body), (200, &json!({"message": "API key revoked"})));
    let got = stage.with_token("GET", "/profile", key).await;
    assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"));
    assert!(got.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
    assert_eq!(stage.with_token("DELETE", &format!("/keys/{id}"), &token).await.status, 404);
    assert_eq!(stage.with_token("GET", "/keys", &token).await.body, json!({"keys": []}));
}

#[tokio::test]
async fn the_text_of_a_key_stands_nowhere_in_the_table() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    stage.bed.faults.clear();
    let (key, _) = stage.key(&token, &["read"]).await;
    let sent = stage.bed.faults.calls();
    assert!(sent.iter().any(|call| call.body.contains("KEY#")), "{sent:?}");
    assert!(!sent.iter().any(|call| call.body.contains(&key)), "{sent:?}");
}

#[tokio::test]
async fn a_key_may_do_nothing_about_the_account_itself() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, id) = stage.key(&token, &["read", "write", "run"]).await;
    let password = json!({"currentPassword": PASSWORD, "newPassword": "staple of many horses"});
    for (method, path, body) in [
        ("POST", "/logout", Value::Null),
        ("POST", "/keys", wish(&["read"])),
        ("GET", "/keys", Value::Null),
        ("DELETE", &format!("/keys/{id}"), Value::Null),
        ("PATCH", "/profile", json!({"name": "Eve"})),
        ("PUT", "/profile", json!({"name": "Eve"})),
        ("POST", "/profile/password", password),
        ("DELETE", "/profile", json!({"password": PASSWORD})),
    ] {
        let got = stage.ask(method, path, &key, body).await;
        assert_eq!((got.status.as_u16(), got.kind()), (403, "forbidden"), "{method} {path}");
        assert!(got.detail().contains("API key"), "{}", got.detail());
    }
    assert_eq!(stage.with_token("GET", "/profile", &token).await.body["name"], "Ada");
}

#[tokio::test]
async fn a_key_without_the_scope_is_told_which_it_lacks() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, _) = stage.key(&token, &["write", "run"]).await;
    let got = stage.with_token("GET", "/profile", &key).await;
    assert_eq!((got.status.as_u16(), got.detail()), (403, "the API key lacks the scope read"));
    assert!(got.headers["www-authenticate"].to_str().unwrap().ends_with("scope=\"read\""));
}

#[tokio::test]
async fn keys_of_others_are_as_good_as_none() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, id) = stage.key(&token, &["read"]).await;
    stage.register("Eve", "eve@example.com").await;
    let eve = stage.login("eve@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    assert_eq!(stage.with_token("GET", "/keys", &eve).await.body, json!({"keys": []}));
    for path in [format!("/keys/{id}"), format!("/keys/{key}"), "/keys/x".into(), "/keys/%00".into()] {
        let got = stage.with_token("DELETE", &path, &eve).await;
        assert_eq!((got.status.as_u16(), got.kind()), (404, "not-found"), "{path}");
        assert!(!got.body.to_string().contains(&key), "{got:?}");
    }
    assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 200);
}

#[tokio::test]
async fn a_key_that_is_named_by_its_text_is_revoked_too() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, _) = stage.key(&token, &["read"]).await;
    let (other, _) = stage.key(&token, &["read"]).await;
    for status in [200, 404] {
        assert_eq!(stage.with_token("DELETE", &format!("/keys/{key}"), &token).await.status, status);
    }
    assert!(!stage.lives(&key).await && stage.lives(&other).await);
}

#[tokio::test]
async fn an_expired_key_is_dead_whether_the_table_has_forgotten_it_or_not() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let body = json!({"name": "x", "scopes": ["read"], "expiresAt": "2026-03-01T00:10:00Z"});
    let key = stage.ask("POST", "/keys", &token, body).await.body["key"].as_str().unwrap().to_owned();
    stage.bed.advance(Duration::from_millis(599_999));
    assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 200);
    stage.bed.advance(Duration::from_millis(1));
    let got = stage.with_token("GET", "/profile", &key).await;
    assert_eq!((got.status.as_u16(), got.detail()), (401, "the API key has expired"));
    assert_eq!(stage.with_token("GET", "/keys", &token).await.body, json!({"keys": []}));
    stage.bed.engine.sweep_ttl().unwrap();
    assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 401);
}

#[tokio::test]
async fn credentials_that_contradict_each_other_are_not_believed() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (one, _) = stage.key(&token, &["read"]).await;
    let (other, _) = stage.key(&token, &["read"]).await;
    let forged = format!("{}A", &one[..46]);
    let long = "x".repeat(8_000);
    for headers in [
        &[("x-api-key", one.as_str()), ("authorization", &format!("Bearer {other}"))][..],
        &[("x-api-key", &one), ("authorization", &format!("Bearer {token}"))],
        &[("x-api-key", &one), ("x-api-key", &other)],
        &[("x-api-key", &one), ("authorization", "Basic YTpi")],
        &[("x-api-key", &token)],
        &[("x-api-key", "")],
        &[("x-api-key", &one.to_uppercase())],
        &[("x-api-key", &forged)],
        &[("authorization", &format!("Bearer njk_{long}"))],
        &[("authorization", &format!("Bearer njk_{}", "../".repeat(14)))],
    ] {
        let got = stage.with_headers("GET", "/profile", headers).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"), "{headers:?}");
        assert!(!got.body.to_string().contains(&one[4..]), "{got:?}");
    }
}

#[tokio::test]
async fn what_a_new_key_may_be() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let good = json!({"name": "ci", "scopes": ["read"]});
    for (member, value, place) in [
        ("name", json!(""), "/name"),
        ("name", json!("x".repeat(101)), "/name"),
        ("name", json!("a\u{0}b"), "/name"),
        ("name", json!(7), "/name"),
        ("scopes", json!([]), "/scopes"),
        ("scopes", json!(null), "/scopes"),
        ("scopes", json!("read"), "/scopes"),
        ("scopes", json!([7]), "/scopes"),
        ("scopes", json!(["read", "admin"]), "/scopes/1"),
        ("scopes", json!(["*"]), "/scopes/0"),
        ("expiresAt", json!("2026-02-28T23:59:59Z"), "/expiresAt"),
        ("expiresAt", json!("2026-03-01T00:00:00.9Z"), "/expiresAt"),
        ("expiresAt", json!("tomorrow"), "/expiresAt"),
        ("expiresAt", json!(1_900_000_000), "/expiresAt"),
        ("userId", json!("usr_018bcfe568007abcabababababababab"), "/userId"),
        ("key", json!("njk_mine"), "/key"),
        ("id", json!("key_1"), "/id"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        let got = stage.ask("POST", "/keys", &token, body.clone()).await;
        assert_eq!(got.fault(), (400, place), "{body}");
    }
    assert_eq!(
        stage.ask("POST", "/keys", &token, json!({})).await.body["errors"].as_array().unwrap().len(),
        2
    );
    assert_eq!(stage.with_token("GET", "/keys", &token).await.body, json!({"keys": []}));
}

#[tokio::test]
async fn there_are_fifty_and_no_more_however_many_are_asked_for_at_once() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    for _ in 0..48 {
        stage.key(&token, &["read"]).await;
    }
    let made = join_all((0..6).map(|_| stage.ask("POST", "/keys", &token, wish(&["read"])))).await;
    let count = |status: u16| made.iter().filter(|got| got.status == status).count();
    assert_eq!(count(201) + count(409) + count(503), 6, "{made:?}");
    while stage.ask("POST", "/keys", &token, wish(&["read"])).await.status == 201 {}
    let listed = stage.with_token("GET", "/keys", &token).await;
    assert_eq!(listed.body["keys"].as_array().unwrap().len(), 50);
    let got = stage.ask("POST", "/keys", &token, wish(&["read"])).await;
    assert_eq!((got.status.as_u16(), got.kind()), (409, "conflict"));
    assert!(got.detail().contains("50 API keys"), "{}", got.detail());
    let id = listed.body["keys"][0]["id"].as_str().unwrap();
    assert_eq!(stage.with_token("DELETE", &format!("/keys/{id}"), &token).await.status, 200);
    stage.key(&token, &["read"]).await;
}

#[tokio::test]
async fn its_use_is_written_down_every_five_minutes_and_no_request_fails_for_it() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, _) = stage.key(&token, &["read"]).await;
    let writes = async |fault: Option<Fault>| {
        stage.bed.faults.clear();
        if let Some(fault) = fault {
            stage.bed.faults.plan(When::Always, fault, Some("UpdateItem"));
        }
        assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 200, "{fault:?}");
        stage.bed.faults.calls().iter().filter(|call| call.operation.ends_with(".UpdateItem")).count()
    };
    for fault in [Fault::Unreached, Fault::Throttled, Fault::ServerError, Fault::ConditionFailed] {
        assert!(writes(Some(fault)).await >= 1, "{fault:?}");
    }
    assert_eq!(writes(None).await, 1);
    assert_eq!(writes(None).await, 0);
    stage.bed.advance(Duration::from_millis(299_999));
    assert_eq!(writes(None).await, 0);
    stage.bed.advance(Duration::from_millis(1));
    assert_eq!(writes(None).await, 1);
    // A table that never answers costs a second, and not the request.
    stage.bed.advance(Duration::from_secs(300));
    assert_eq!(writes(Some(Fault::DiesBefore)).await, 1);
}

#[tokio::test]
async fn a_table_that_fails_under_a_key_is_a_503_and_leaves_nothing_half_made() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (key, id) = stage.key(&token, &["read"]).await;
    stage.bed.faults.plan(When::Always, Fault::Throttled, Some("GetItem"));
    assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 503);
    for operation in ["Query", "BatchGetItem", "TransactWriteItems"] {
        stage.bed.faults.plan(When::Always, Fault::ServerError, Some(operation));
        let got = stage.ask("POST", "/keys", &token, wish(&["read"])).await;
        assert_eq!(got.status, 503, "{operation}");
        assert!(got.body.get("key").is_none());
    }
    for operation in ["Query", "DeleteItem"] {
        stage.bed.faults.plan(When::Always, Fault::Unreached, Some(operation));
        assert_eq!(
            stage.with_token("DELETE", &format!("/keys/{id}"), &token).await.status,
            503,
            "{operation}"
        );
    }
    stage.bed.faults.clear();
    let listed = stage.with_token("GET", "/keys", &token).await;
    assert_eq!(listed.body["keys"].as_array().unwrap().len(), 1);
    assert_eq!(stage.with_token("GET", "/profile", &key).await.status, 200);
    // Its answer lost, a key is found to stand.
    stage.bed.faults.plan(When::Nth(0), Fault::AnswerLost, Some("TransactWriteItems"));
    let (again, _) = stage.key(&token, &["read"]).await;
    assert_eq!(stage.bed.faults.strikes(), 1);
    assert_eq!(stage.with_token("GET", "/profile", &again).await.status, 200);
}

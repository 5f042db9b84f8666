//! API keys and accounts that nobody may have.

use http::Method;
use serde_json::{Value, json};

use crate::deployed::Deployment;
use crate::house::PASSWORD;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_cannot_be_made_are_told_why() {
    let house = Deployment::new().await;
    let api = &house.api;
    let token = api.person("ada").await.token;
    let made = |member: &str, value: Value| {
        let mut body = json!({ "name": "ci", "scopes": ["read"] });
        body[member] = value;
        body
    };
    let long = "x".repeat(101);
    for (member, value, place) in [
        ("name", Value::Null, "/name"),
        ("name", json!(""), "/name"),
        ("name", json!(" \t "), "/name"),
        ("name", json!("two\r\nlines"), "/name"),
        ("name", json!("nul\u{0}"), "/name"),
        ("name", json!(long), "/name"),
        ("name", json!("x".repeat(900_000)), "/name"),
        ("name", json!(7), "/name"),
        ("name", json!(["ci"]), "/name"),
        ("scopes", Value::Null, "/scopes"),
        ("scopes", json!([]), "/scopes"),
        ("scopes", json!({}), "/scopes"),
        ("scopes", json!("read"), "/scopes"),
        ("scopes", json!(["read", 7]), "/scopes"),
        ("scopes", json!([["read"]]), "/scopes"),
        ("scopes", json!(["read", "admin"]), "/scopes/1"),
        ("scopes", json!(["*"]), "/scopes/0"),
        ("scopes", json!(["read write"]), "/scopes/0"),
        ("scopes", json!(["read\u{0}"]), "/scopes/0"),
        ("expiresAt", json!(0), "/expiresAt"),
        ("expiresAt", json!(""), "/expiresAt"),
        ("expiresAt", json!("tomorrow"), "/expiresAt"),
        ("expiresAt", json!("1999-01-01T00:00:00Z"), "/expiresAt"),
        ("expiresAt", json!("0000-01-01T00:00:00Z"), "/expiresAt"),
        ("expiresAt", json!("10000-01-01T00:00:00Z"), "/expiresAt"),
        ("userId", json!("usr_018bcfe568007abcabababababababab"), "/userId"),
        ("key", json!("njk_mine"), "/key"),
        ("a/b~c", json!(1), "/a~1b~0c"),
    ] {
        let what = format!("{member}={:.40}", value.to_string());
        let reply = api.post("/keys", &token, made(member, value)).await;
        assert_eq!(reply.problem(400, &what), Some(place), "{what}: {}", reply.json);
    }
    // The same scope ten thousand times is that scope; a name may be in any script.
    for (member, value) in [
        ("scopes", json!(vec!["read"; 10_000])),
        ("name", json!("ночная сборка 🌙")),
        ("expiresAt", json!("9999-12-30T00:00:00Z")),
    ] {
        let reply = api.post("/keys", &token, made(member, value)).await;
        assert_eq!(
            (reply.status.as_u16(), &reply.json["scopes"]),
            (201, &json!(["read"])),
            "{member}: {reply:?}"
        );
        assert_eq!(api.get("/profile", &reply.text("key")).await.status, 200, "{member}");
    }
    let listed = api.get("/keys", &token).await;
    assert_eq!(listed.json["keys"].as_array().unwrap().len(), 3, "{listed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_that_cannot_be_changed_so() {
    let house = Deployment::new().await;
    let api = &house.api;
    let ada = api.person("ada").await;
    let token = ada.token.as_str();
    let before = api.get("/profile", token).await.json;
    let long = "x".repeat(900_000);
    let cases = [
        (Method::PATCH, "/profile", json!({}), 400, "/name"),
        (Method::PATCH, "/profile", json!({ "name": "\u{0}" }), 400, "/name"),
        (Method::PUT, "/profile", json!({ "name": long }), 400, "/name"),
        (Method::PUT, "/profile", json!({ "name": { "first": "Ada" } }), 400, "/name"),
        (Method::PUT, "/profile", json!({ "name": "Ada", "role": "admin" }), 400, "/role"),
        (Method::PUT, "/profile", json!({ "name": "Ada", "role": ["admin"] }), 400, "/role"),
        (Method::PATCH, "/profile", json!({ "name": "Ada", "email": "eve@example.com" }), 400, "/email"),
        (Method::PATCH, "/profile", json!({ "name": "Ada", "passwordHash": "x" }), 400, "/passwordHash"),
        (Method::POST, "/profile/password", json!({}), 400, "/currentPassword"),
        (
            Method::POST,
            "/profile/password",
            json!({ "currentPassword": PASSWORD, "newPassword": 12_345_678 }),
            400,
            "/newPassword",
        ),
        (
            Method::POST,
            "/profile/password",
            json!({ "currentPassword": PASSWORD, "newPassword": long }),
            400,
            "/newPassword",
        ),
        (
            Method::POST,
            "/profile/password",
            json!({ "currentPassword": [PASSWORD], "newPassword": "staples of many horses" }),
            400,
            "/currentPassword",
        ),
        (
            Method::POST,
            "/profile/password",
            json!({ "currentPassword": long, "newPassword": "staples of many horses" }),
            403,
            "/currentPassword",
        ),
        (Method::DELETE, "/profile", json!({}), 400, "/password"),
        (Method::DELETE, "/profile", json!({ "password": true }), 400, "/password"),
        (Method::DELETE, "/profile", json!({ "password": "\u{0}" }), 403, "/password"),
        (Method::DELETE, "/profile", json!({ "password": PASSWORD, "userId": ada.id }), 400, "/userId"),
    ];
    for (method, path, body, status, place) in cases {
        let what = format!("{method} {path} {:.80}", body.to_string());
        let reply = api.call(method, path, token, &body).await;
        assert_eq!(reply.problem(status, &what), Some(place), "{what}: {}", reply.json);
    }
    assert_eq!(api.get("/profile", token).await.json, before);
    assert!(!api.login("ada").await.is_empty());
}

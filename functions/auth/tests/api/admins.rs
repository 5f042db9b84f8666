//! What only admins see.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{PASSWORD, Stage};

async fn stage() -> (Stage, String) {
    let stage = Stage::with(&[("ADMIN_EMAIL", "root@example.com")]).await;
    stage.register("Root", "root@example.com").await;
    let token = stage.login("root@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    (stage, token)
}

fn emails(body: &Value) -> Vec<&str> {
    body["users"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_admin_pages_through_all_users_newest_first() {
    let (stage, root) = stage().await;
    for n in 1..=4 {
        stage.bed.advance(Duration::from_millis(1));
        stage.register("Ada", &format!("ada{n}@example.com")).await;
    }
    let first = stage.with_token("GET", "/users?limit=2", &root).await;
    assert_eq!(
        (first.status.as_u16(), emails(&first.body)),
        (200, vec!["ada4@example.com", "ada3@example.com"])
    );
    let members: Vec<_> = first.body["users"][0].as_object().unwrap().keys().collect();
    assert_eq!(members, ["createdAt", "email", "id", "name", "role", "userId"]);
    let cursor = first.body["nextCursor"].as_str().unwrap();
    // A page does not move when somebody registers or leaves.
    stage.register("Eve", "eve@example.com").await;
    let leaver = stage.login("ada2@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    assert_eq!(stage.ask("DELETE", "/profile", &leaver, json!({"password": PASSWORD})).await.status, 200);
    let next = stage.with_token("GET", &format!("/users?limit=2&cursor={cursor}"), &root).await;
    assert_eq!(emails(&next.body), ["ada1@example.com", "root@example.com"]);
    assert_eq!(next.body.get("nextCursor"), None);
    assert_eq!(next.body["users"][1]["role"], "admin");
    let whole = stage.with_token("GET", "/api/users", &root).await;
    assert_eq!(emails(&whole.body).len(), 5);
}

#[tokio::test]
async fn nobody_else_does_not_even_with_an_admins_key_that_may_not_read() {
    let (stage, root) = stage().await;
    stage.register("Ada", "ada@example.com").await;
    let ada = stage.login("ada@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    let got = stage.with_token("GET", "/users", &ada).await;
    assert_eq!((got.status.as_u16(), got.kind()), (403, "forbidden"));
    assert!(!got.body.to_string().contains("root@"), "{got:?}");
    for (scopes, status) in [(json!(["read"]), 200), (json!(["write", "run"]), 403)] {
        let made = stage.ask("POST", "/keys", &root, json!({"name": "ci", "scopes": scopes})).await;
        let got = stage.with_token("GET", "/users", made.body["key"].as_str().unwrap()).await;
        assert_eq!(got.status, status);
    }
}

#[tokio::test]
async fn hostile_pages() {
    let (stage, root) = stage().await;
    for (query, place) in [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1e3", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        (&format!("cursor={}", "A".repeat(3_000)), "cursor"),
        ("cursor=a&cursor=b", "cursor"),
    ] {
        let got = stage.with_token("GET", &format!("/users?{query}"), &root).await;
        assert_eq!(got.fault(), (400, place), "{query}");
    }
    // Another admin's cursor is not mine.
    stage.bed.advance(Duration::from_millis(1));
    stage.register("Ada", "ada@example.com").await;
    let page = stage.with_token("GET", "/users?limit=1", &root).await;
    let cursor = page.body["nextCursor"].as_str().unwrap();
    let id = page.body["users"][0]["id"].as_str().unwrap().parse().unwrap();
    let mut ada = stage.bed.store().user(id).await.unwrap().unwrap();
    ada.role = domain::user::Role::Admin;
    ada.version += 1;
    assert!(stage.bed.store().replace_user(&ada).await.unwrap());
    let token = stage.login("ada@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    let got = stage.with_token("GET", &format!("/users?cursor={cursor}"), &token).await;
    assert_eq!(got.fault(), (400, "cursor"));
}

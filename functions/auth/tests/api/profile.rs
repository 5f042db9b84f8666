//! The own account: its name and its password.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use testkit::{Fault, When};

use crate::{Got, PASSWORD, Stage};

pub(crate) const NEXT: &str = "staple of many horses";

impl Stage {
    pub(crate) async fn change(&self, token: &str, current: &str, new: &str) -> Got {
        let body = json!({"currentPassword": current, "newPassword": new});
        self.ask("POST", "/profile/password", token, body).await
    }

    pub(crate) async fn farewell(&self, token: &str, password: &str) -> Got {
        self.ask("DELETE", "/profile", token, json!({"password": password})).await
    }

    pub(crate) async fn lives(&self, token: &str) -> bool {
        let status = self.with_token("GET", "/profile", token).await.status.as_u16();
        assert!([200, 401].contains(&status), "{status}");
        status == 200
    }
}

fn token(got: &Got) -> String {
    got.body["token"].as_str().unwrap_or_else(|| panic!("{got:?}")).to_owned()
}

#[tokio::test]
async fn a_new_name_opens_and_the_old_one_does_not() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    let by_name = async |name: &str| {
        let body = json!({"userName": name, "password": PASSWORD}).to_string();
        stage.post("/login", body).await.status.as_u16()
    };
    for (method, body) in [
        ("PATCH", json!({"name": "Ada Lovelace"})),
        ("PUT", json!({"userName": " Countess ", "email": "ADA@example.com", "role": "user", "id": "x"})),
    ] {
        let got = stage.ask(method, "/profile", &session, body.clone()).await;
        let name = body["name"].as_str().unwrap_or("Countess");
        assert_eq!((got.status.as_u16(), &got.body["name"]), (200, &json!(name)), "{got:?}");
        assert_eq!(got.body["message"], "profile changed");
        assert_eq!((by_name(name).await, by_name("Ada").await), (200, 401));
        assert_eq!(stage.with_token("GET", "/profile", &session).await.body["name"], name);
    }
    assert_eq!(by_name("Ada Lovelace").await, 401);
    assert_eq!(stage.register("Ada", "second@example.com").await.status, 201);
    assert_eq!(by_name("Ada").await, 200);
}

#[tokio::test]
async fn what_of_a_profile_may_not_be_changed() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    for (body, place) in [
        (json!({}), "/name"),
        (json!({"name": ""}), "/name"),
        (json!({"name": null}), "/name"),
        (json!({"name": "x".repeat(101)}), "/name"),
        (json!({"name": ["Ada"]}), "/name"),
        (json!({"name": "Ada", "email": "eve@example.com"}), "/email"),
        (json!({"name": "Ada", "email": "x"}), "/email"),
        (json!({"name": "Ada", "role": "admin"}), "/role"),
        (json!({"name": "Ada", "passwordHash": "x"}), "/passwordHash"),
        (json!({"name": "Ada", "password": NEXT}), "/password"),
        (json!({"name": "Ada", "deletedAt": 1}), "/deletedAt"),
    ] {
        for method in ["PATCH", "PUT"] {
            let got = stage.ask(method, "/profile", &session, body.clone()).await;
            assert_eq!(got.fault(), (400, place), "{body}");
        }
    }
    let got = stage.with_token("GET", "/profile", &session).await.body;
    assert_eq!((&got["name"], &got["role"]), (&json!("Ada"), &json!("user")));
}

#[tokio::test]
async fn a_password_change_kills_every_token_and_the_answers_is_alive() {
    let stage = Stage::new().await;
    let old = stage.token().await;
    let other = token(&stage.login("ada@example.com", PASSWORD).await);
    let key =
        stage.ask("POST", "/keys", &old, json!({"name": "ci", "scopes": ["read"]})).await.body["key"].clone();
    // No time passes: what was issued in this very millisecond is dead, and what is issued in it lives.
    let got = stage.change(&old, PASSWORD, NEXT).await;
    assert_eq!((got.status.as_u16(), &got.body["message"]), (200, &json!("password changed")));
    assert_eq!((&got.body["tokenType"], &got.body["user"]["name"]), (&json!("Bearer"), &json!("Ada")));
    let fresh = token(&got);
    assert!(!stage.lives(&old).await && !stage.lives(&other).await);
    assert!(stage.lives(&fresh).await);
    assert!(stage.lives(key.as_str().unwrap()).await, "a key survives it");
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 401);
    let login = token(&stage.login("ada@example.com", NEXT).await);
    assert!(stage.lives(&login).await);
    // And once more, still at the same moment.
    let again = token(&stage.change(&fresh, NEXT, PASSWORD).await);
    assert!(!stage.lives(&fresh).await && !stage.lives(&login).await && !stage.lives(&old).await);
    assert!(stage.lives(&again).await);
    stage.bed.advance(Duration::from_secs(5));
    assert!(!stage.lives(&old).await && stage.lives(&again).await);
}

#[tokio::test]
async fn of_two_changes_at_once_one_holds_and_the_other_says_that_it_does_not() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    let wishes = [NEXT, "horses of many staples"];
    let got = join_all(wishes.iter().map(|new| stage.change(&session, PASSWORD, new))).await;
    let mut told: Vec<_> = got.iter().map(|got| got.status.as_u16()).collect();
    for (new, got) in wishes.iter().zip(&got) {
        let opens = stage.login("ada@example.com", new).await.status == 200;
        assert_eq!(opens, got.status == 200, "{got:?}");
    }
    told.sort_unstable();
    assert_eq!(told, [200, 401]);
}

#[tokio::test]
async fn what_a_new_password_may_be() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    let good = json!({"currentPassword": PASSWORD, "newPassword": NEXT});
    for (member, value, place) in [
        ("newPassword", json!("short"), "/newPassword"),
        ("newPassword", json!("x".repeat(129)), "/newPassword"),
        ("newPassword", json!("password1"), "/newPassword"),
        ("newPassword", json!("adaexample"), "/newPassword"),
        ("newPassword", json!(PASSWORD), "/newPassword"),
        ("newPassword", json!(null), "/newPassword"),
        ("newPassword", json!({"$ne": 1}), "/newPassword"),
        ("currentPassword", json!(null), "/currentPassword"),
        ("currentPassword", json!(["x"]), "/currentPassword"),
        ("userId", json!("usr_018bcfe568007abcabababababababab"), "/userId"),
    ] {
        let mut body = good.clone();
        body[member] = value;
        assert_eq!(
            stage.ask("POST", "/profile/password", &session, body).await.fault(),
            (400, place),
            "{member}"
        );
    }
    let got = stage.change(&session, "wrong horse battery", NEXT).await;
    assert_eq!((got.fault(), got.kind()), ((403, "/currentPassword"), "forbidden"));
    assert!(stage.lives(&session).await);
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn ten_wrong_passwords_of_a_session_close_what_asks_for_one_and_not_the_login() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    for n in 0..10 {
        let got = match n % 2 {
            0 => stage.change(&session, "wrong", NEXT).await,
            _ => stage.farewell(&session, "wrong").await,
        };
        assert_eq!(got.status, 403, "{got:?}");
    }
    for got in [stage.change(&session, PASSWORD, NEXT).await, stage.farewell(&session, PASSWORD).await] {
        assert_eq!((got.status.as_u16(), got.kind()), (429, "rate-limited"));
        assert_eq!(got.headers["ratelimit-policy"], "\"password-failures\";q=10;w=900");
    }
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
    stage.bed.advance(Duration::from_secs(900));
    assert_eq!(stage.change(&session, PASSWORD, NEXT).await.status, 200);
}

#[tokio::test]
async fn a_stranger_who_closes_the_login_keeps_nobody_from_the_account_that_is_open() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    for n in 0..10 {
        let body = json!({"email": "ada@example.com", "password": "wrong"}).to_string();
        assert_eq!(stage.post_from([203, 0, 113, n], "/login", body).await.status, 401);
    }
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 429);
    let changed = stage.change(&session, PASSWORD, NEXT).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_eq!(stage.farewell(&token(&changed), NEXT).await.status, 200);
}

#[tokio::test]
async fn a_change_of_the_password_counts_the_keys_and_makes_them_dead_if_it_is_told_to() {
    let stage = Stage::new().await;
    let mut session = stage.token().await;
    let make = async |session: &str| {
        let made = stage.ask("POST", "/keys", session, json!({"name": "x", "scopes": ["read"]})).await;
        assert_eq!(made.status, 201, "{made:?}");
        (made.body["key"].as_str().unwrap().to_owned(), made.body["id"].as_str().unwrap().to_owned())
    };
    let (key, id) = make(&session).await;
    let change = async |session: &str, from: &str, to: &str, revoke: Value| {
        let body = json!({"currentPassword": from, "newPassword": to, "revokeKeys": revoke});
        stage.ask("POST", "/profile/password", session, body).await
    };
    assert_eq!(change(&session, PASSWORD, NEXT, json!("yes")).await.fault(), (400, "/revokeKeys"));
    assert_eq!(change(&session, "wrong", NEXT, json!(true)).await.status, 403);
    assert!(stage.lives(&key).await, "nobody makes them dead without the password");
    let kept = change(&session, PASSWORD, NEXT, json!(false)).await;
    assert_eq!((kept.status.as_u16(), &kept.body["liveKeys"]), (200, &json!(1)));
    assert!(stage.lives(&key).await);
    session = token(&kept);

    // The table fails after the change: the keys are dead all the same, and stand in no list.
    stage.bed.faults.plan(When::Always, Fault::Unreached, Some("DeleteItem"));
    let done = change(&session, NEXT, PASSWORD, json!(true)).await;
    assert_eq!((done.status.as_u16(), &done.body["liveKeys"]), (200, &json!(0)));
    assert!(stage.bed.faults.strikes() > 0);
    stage.bed.faults.clear();
    session = token(&done);
    let got = stage.with_token("GET", "/profile", &key).await;
    assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"));
    assert!(got.detail().contains("revoked"), "{}", got.detail());
    assert_eq!(stage.with_token("GET", "/keys", &session).await.body, json!({"keys": []}));
    assert_eq!(stage.with_token("DELETE", &format!("/keys/{id}"), &session).await.status, 404);

    let (fresh, _) = make(&session).await;
    assert!(stage.lives(&fresh).await && !stage.lives(&key).await);
    let last = change(&session, PASSWORD, NEXT, json!(true)).await;
    assert_eq!(last.body["liveKeys"], 0);
    assert!(!stage.lives(&fresh).await, "at the same moment as it was made");
}

#[tokio::test]
async fn of_keys_that_are_made_while_all_are_made_dead_none_lives() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    let body = json!({"currentPassword": PASSWORD, "newPassword": NEXT, "revokeKeys": true});
    let wish = json!({"name": "x", "scopes": ["read"]});
    let (changed, made) = tokio::join!(
        stage.ask("POST", "/profile/password", &session, body),
        join_all((0..8).map(|_| stage.ask("POST", "/keys", &session, wish.clone()))),
    );
    let keys: Vec<_> = made.iter().filter_map(|made| made.body["key"].as_str()).collect();
    assert_eq!((changed.status.as_u16(), keys.is_empty()), (200, false), "{changed:?}");
    for key in keys {
        assert!(!stage.lives(key).await);
    }
}

#[tokio::test]
async fn without_a_session_nothing_of_this_is_done() {
    let stage = Stage::new().await;
    let good = stage.token().await;
    for (method, path) in [
        ("PATCH", "/profile"),
        ("PUT", "/profile"),
        ("DELETE", "/profile"),
        ("POST", "/profile/password"),
        ("POST", "/keys"),
        ("GET", "/keys"),
        ("DELETE", "/keys/key_018bcfe568007abcabababababababab"),
        ("GET", "/users"),
    ] {
        let bare = http::Request::builder().method(method).uri(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(stage.send(bare).await.status, 401, "{method} {path}");
        let got = stage.ask(method, path, "x.y.z", json!({"password": PASSWORD})).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"), "{method} {path}");
    }
    assert!(stage.lives(&good).await);
}

#[tokio::test]
async fn a_rename_that_fails_changes_neither_the_name_nor_its_lock() {
    let stage = Stage::new().await;
    let session = stage.token().await;
    for operation in ["GetItem", "TransactWriteItems"] {
        stage.bed.faults.plan(When::Always, Fault::Throttled, Some(operation));
        let got = stage.ask("PATCH", "/profile", &session, json!({"name": "Eve"})).await;
        assert_eq!(got.status, 503, "{operation}");
    }
    stage.bed.faults.clear();
    assert_eq!(stage.with_token("GET", "/profile", &session).await.body["name"], "Ada");
    let body = json!({"userName": "Ada", "password": PASSWORD}).to_string();
    assert_eq!(stage.post("/login", body).await.status, 200);
    let body: Value = json!({"userName": "Eve", "password": PASSWORD});
    assert_eq!(stage.post("/login", body.to_string()).await.status, 401);
}

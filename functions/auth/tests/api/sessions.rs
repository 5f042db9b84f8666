//! Tokens: who is believed, and until when.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boot::SecretCache;
use boot::secrets::{PAUSE, Secrets};
use edge::tokens;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::{Bed, Fault, When};

use crate::{PASSWORD, Stage};

#[tokio::test]
async fn a_token_is_dead_as_soon_as_it_is_logged_out() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let other = stage.login("ada@example.com", PASSWORD).await.body["token"].as_str().unwrap().to_owned();
    let said = stage.with_token("POST", "/logout", &token).await;
    assert_eq!((said.status.as_u16(), said.body["message"].as_str().unwrap()), (200, "logged out"));
    for (method, path) in [("GET", "/profile"), ("POST", "/logout"), ("GET", "/api/users/profile")] {
        let got = stage.with_token(method, path, &token).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"));
        assert!(got.detail().contains("logged out"), "{}", got.detail());
    }
    assert_eq!(stage.with_token("GET", "/profile", &other).await.status, 200);
    // The record of it may vanish only when the token has died by itself.
    stage.bed.advance(tokens::LIFETIME + tokens::LEEWAY - Duration::from_millis(1));
    stage.bed.engine.sweep_ttl().unwrap();
    assert_eq!(stage.with_token("GET", "/profile", &token).await.kind(), "unauthorized");
    stage.bed.advance(Duration::from_secs(2));
    stage.bed.engine.sweep_ttl().unwrap();
    assert_eq!(stage.with_token("GET", "/profile", &token).await.kind(), "token-expired");
}

#[tokio::test]
async fn a_token_lives_for_an_hour() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    stage.bed.advance(tokens::LIFETIME);
    assert_eq!(stage.with_token("GET", "/profile", &token).await.status, 200);
    stage.bed.advance(tokens::LEEWAY);
    let got = stage.with_token("GET", "/profile", &token).await;
    assert_eq!((got.status.as_u16(), got.kind()), (401, "token-expired"));
    assert!(got.headers["www-authenticate"].to_str().unwrap().contains("invalid_token"));
}

#[tokio::test]
async fn no_credentials_and_malformed_ones_are_told_apart() {
    let stage = Stage::new().await;
    let bare = http::Request::builder().uri("/profile").body(axum::body::Body::empty()).unwrap();
    let got = stage.send(bare).await;
    assert_eq!(got.status, 401);
    assert_eq!(got.headers["www-authenticate"], "Bearer realm=\"nightjar\"");
    for value in ["Basic YTpi", "Bearer", "token", "Bearer a b", "Bearer \u{7f}"] {
        let request = http::Request::builder().uri("/profile");
        let Ok(request) = request.header("authorization", value).body(axum::body::Body::empty()) else {
            continue;
        };
        let got = stage.send(request).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"), "{value}");
    }
}

/// The parts of a token that this stage issued.
fn parts(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut next = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (next(), next())
}

#[tokio::test]
async fn forged_tokens_are_not_believed() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (header, claims) = parts(&token);
    let kid = header["kid"].as_str().unwrap();
    let text = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let none = format!("{}.{}.", text(&json!({"alg": "none", "typ": "JWT", "kid": kid})), text(&claims));
    let known = Header { kid: Some(kid.to_owned()), ..Header::new(Algorithm::HS256) };
    let foreign = encode(&known, &claims, &EncodingKey::from_secret(b"guess")).unwrap();
    let strange = Header { kid: Some("0123456789abcdef".to_owned()), ..Header::new(Algorithm::HS256) };
    let unknown = encode(&strange, &claims, &EncodingKey::from_secret(b"guess")).unwrap();
    let mut admin = claims.clone();
    admin["sub"] = "usr_018bcfe568007abcabababababababab".into();
    let signature = token.rsplit('.').next().unwrap();
    let swapped = format!("{}.{}.{signature}", text(&header), text(&admin));
    let cut = &token[..token.len() - 2];
    for (what, token) in [
        ("alg none", none.as_str()),
        ("another key", &foreign),
        ("an unknown key", &unknown),
        ("other claims", &swapped),
        ("a cut signature", cut),
        ("no token", "x.y.z"),
    ] {
        let got = stage.with_token("GET", "/profile", token).await;
        assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"), "{what}: {got:?}");
        assert!(!got.detail().is_empty());
    }
    assert_eq!(stage.with_token("GET", "/profile", &token).await.status, 200);
}

#[tokio::test]
async fn a_token_of_a_user_who_is_gone_or_has_revoked_all_is_not_believed() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    let (_, claims) = parts(&token);
    let id = claims["sub"].as_str().unwrap().parse().unwrap();
    let mut user = stage.bed.store().user(id).await.unwrap().unwrap();
    stage.bed.advance(Duration::from_secs(1));
    user.tokens_valid_after = Some(stage.bed.now());
    user.version += 1;
    assert!(stage.bed.store().replace_user(&user).await.unwrap());
    let got = stage.with_token("GET", "/profile", &token).await;
    assert_eq!((got.status.as_u16(), got.detail()), (401, "the token was revoked; log in again"));

    let secrets = stage.bed.auth_secrets().get().await.unwrap();
    let stranger = "usr_018bcfe568007abcabababababababab".parse().unwrap();
    let ghost = tokens::issue(&secrets, stranger, &stage.bed.ambient).unwrap().token;
    let got = stage.with_token("GET", "/profile", &ghost).await;
    assert_eq!((got.status.as_u16(), got.kind()), (401, "unauthorized"));
    assert!(got.detail().contains("does not exist"), "{}", got.detail());
}

#[tokio::test]
async fn a_rotated_secret_is_found_and_the_old_one_believed_for_a_while() {
    let bed = Bed::new().await;
    bed.engine.set_secret_if_absent("auth", r#"{"current":"one"}"#).await.unwrap();
    let cache = SecretCache::new(bed.clients().secrets_manager(), "auth", bed.clock.clone());
    let stage = Stage::on(bed, Arc::new(cache), &[]);
    let old = stage.token().await;
    let (_, claims) = parts(&old);
    let client = stage.bed.sound_clients().secrets_manager();
    let rotated = r#"{"current":"two","previous":"one"}"#;
    client.put_secret_value().secret_id("auth").secret_string(rotated).send().await.unwrap();
    let user = claims["sub"].as_str().unwrap().parse().unwrap();
    stage.bed.advance(PAUSE);
    // Another machine has the new secret already.
    let new = tokens::issue(&Secrets::of("two"), user, &stage.bed.ambient).unwrap().token;
    stage.bed.faults.clear();
    assert_eq!(stage.with_token("GET", "/profile", &new).await.status, 200);
    assert_eq!(stage.with_token("GET", "/profile", &old).await.status, 200);
    // A token of nobody's does not make us ask again and again.
    let strange = tokens::issue(&Secrets::of("three"), user, &stage.bed.ambient).unwrap().token;
    for _ in 0..5 {
        assert_eq!(stage.with_token("GET", "/profile", &strange).await.status, 401);
    }
    let reads =
        stage.bed.faults.calls().iter().filter(|call| call.operation.contains("GetSecretValue")).count();
    assert_eq!(reads, 1);
}

#[tokio::test]
async fn without_its_secret_the_function_is_unavailable() {
    let bed = Bed::new().await;
    let cache = SecretCache::new(bed.clients().secrets_manager(), "absent", bed.clock.clone());
    let stage = Stage::on(bed, Arc::new(cache), &[]);
    stage.register("Ada", "ada@example.com").await;
    let got = stage.login("ada@example.com", PASSWORD).await;
    assert_eq!((got.status.as_u16(), got.kind()), (503, "unavailable"));
    assert_eq!(stage.with_token("GET", "/profile", "a.b.c").await.status, 503);
}

#[tokio::test]
async fn a_logout_that_could_not_be_written_does_not_say_that_it_was() {
    let stage = Stage::new().await;
    let token = stage.token().await;
    stage.bed.faults.plan(When::Always, Fault::Throttled, Some("PutItem"));
    assert_eq!(stage.with_token("POST", "/logout", &token).await.status, 503);
    stage.bed.faults.clear();
    assert_eq!(stage.with_token("GET", "/profile", &token).await.status, 200);
}

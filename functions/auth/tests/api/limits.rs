//! Rate limits.

use std::time::Duration;

use futures::future::join_all;

use crate::{PASSWORD, Stage, registration};

#[tokio::test]
async fn an_address_may_send_so_many_logins_and_registrations() {
    let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "3"), ("RATE_LIMIT_WINDOW", "60000")]).await;
    stage.bed.advance(Duration::from_secs(20));
    for left in ["2", "1", "0"] {
        let got = stage.post("/login", "{}").await;
        assert_eq!(got.status, 400, "{left}");
    }
    let got = stage.login("ada@example.com", PASSWORD).await;
    assert_eq!((got.status.as_u16(), got.kind()), (429, "rate-limited"));
    assert_eq!(got.headers["retry-after"], "40");
    assert_eq!(got.headers["ratelimit-policy"], "\"login\";q=3;w=60");
    assert_eq!(got.headers["ratelimit"], "\"login\";r=0;t=40");
    // Each limit counts for itself, and each address.
    let made = stage.register("Ada", "ada@example.com").await;
    assert_eq!(
        (made.status.as_u16(), made.headers["ratelimit"].to_str().unwrap()),
        (201, "\"register\";r=2;t=40")
    );
    let body = registration("Eve", "ada@example.com");
    assert_eq!(stage.post_from([203, 0, 113, 9], "/login", body).await.status, 400);
    stage.bed.advance(Duration::from_secs(40));
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn many_at_once_do_not_pass_the_limit() {
    let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "5")]).await;
    let all = join_all((0..20).map(|_| stage.post("/login", "{}"))).await;
    assert_eq!(all.iter().filter(|got| got.status == 429).count(), 15);
}

#[tokio::test]
async fn an_account_is_closed_for_a_while_after_ten_failures() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    for n in 0..10u8 {
        let body = serde_json::json!({"email": "Ada@example.com", "password": "wrong"}).to_string();
        assert_eq!(stage.post_from([203, 0, 113, n], "/login", body).await.status, 401);
    }
    let got = stage.login("ada@EXAMPLE.com", PASSWORD).await;
    assert_eq!((got.status.as_u16(), got.kind()), (429, "rate-limited"));
    assert_eq!(got.headers["ratelimit-policy"], "\"login-failures\";q=10;w=900");
    stage.register("Eve", "eve@example.com").await;
    assert_eq!(stage.login("eve@example.com", PASSWORD).await.status, 200);
    stage.bed.advance(Duration::from_secs(900));
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn success_does_not_count_as_failure() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    for _ in 0..12 {
        assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn zero_switches_them_off() {
    let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "0")]).await;
    for _ in 0..12 {
        let got = stage.login("ada@example.com", "wrong").await;
        assert_eq!((got.status.as_u16(), got.headers.get("ratelimit")), (401, None));
    }
}

//! Rate limits.

use std::time::Duration;

use futures::future::join_all;

use testkit::{Fault, When};

use crate::{Got, PASSWORD, Stage, registration};

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
async fn the_failures_of_an_account_are_counted_together_by_whichever_name_it_is_called() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    let guess = async |n: u8, member: &str, text: &str, password: &str| {
        let body = serde_json::json!({member: text, "password": password}).to_string();
        stage.post_from([203, 0, 113, n], "/login", body).await.status.as_u16()
    };
    let names = [("email", "ada@example.com"), ("userName", "ADA"), ("email", "Ada"), ("name", "ada")];
    for n in 0..10u8 {
        let (member, text) = names[usize::from(n) % names.len()];
        assert_eq!(guess(n, member, text, "wrong").await, 401);
    }
    for (member, text) in names {
        assert_eq!(guess(20, member, text, "wrong").await, 429, "{member} {text}");
        assert_eq!(guess(20, member, text, PASSWORD).await, 429, "{member} {text}");
    }
    // A name that nobody has is counted by itself.
    assert_eq!(guess(20, "userName", "Eve", "wrong").await, 401);
}

#[tokio::test]
async fn a_refusal_tells_what_is_left_as_a_success_does() {
    let stage = Stage::with(&[("RATE_LIMIT_WINDOW", "60000")]).await;
    let standing = |got: &Got| {
        let line = got.headers.get("ratelimit").unwrap_or_else(|| panic!("{got:?}"));
        let policy = got.headers["ratelimit-policy"].to_str().unwrap().to_owned();
        (got.status.as_u16(), line.to_str().unwrap().to_owned(), policy)
    };
    let told = |status: u16, scope: &str, left: u32| {
        (status, format!("\"{scope}\";r={left};t=60"), format!("\"{scope}\";q=100;w=60"))
    };
    let session = stage.token().await;
    assert_eq!(standing(&stage.register("Ada", "ada@example.com").await), told(409, "register", 98));
    assert_eq!(standing(&stage.post("/register", "{}").await), told(400, "register", 97));
    let weak = serde_json::json!({"name": "x", "email": "x@example.com", "password": "password1"});
    assert_eq!(standing(&stage.post("/register", weak.to_string()).await), told(400, "register", 96));
    assert_eq!(standing(&stage.login("ada@example.com", "wrong").await), told(401, "login", 98));
    assert_eq!(standing(&stage.post("/login", "{}").await), told(400, "login", 97));
    // Without an address, what asks for a password is counted for one of its own.
    let next = crate::profile::NEXT;
    let left = |got: &Got| standing(got).1.split(['=', ';']).nth(2).unwrap().parse::<u32>().unwrap();
    for got in [
        stage.change(&session, "wrong", next).await,
        stage.change(&session, PASSWORD, PASSWORD).await,
        stage.farewell(&session, "wrong").await,
    ] {
        assert!([400, 403].contains(&got.status.as_u16()) && left(&got) < 100, "{got:?}");
    }
    stage.bed.faults.plan(When::Always, Fault::Throttled, Some("GetItem"));
    assert_eq!(standing(&stage.login("ada@example.com", PASSWORD).await), told(503, "login", 96));
}

/// Of so many at once, one more than the limit, one is refused; and a window later it passes.
async fn exactly_one_of(stage: &Stage, max: usize, call: impl AsyncFn() -> Got) {
    let all = join_all((0..=max).map(|_| call())).await;
    let refused: Vec<_> = all.iter().filter(|got| got.status == 429).collect();
    assert_eq!(refused.len(), 1, "{all:?}");
    assert_eq!(
        (refused[0].kind(), &refused[0].headers["retry-after"]),
        ("rate-limited", &"900".parse().unwrap())
    );
    assert!(refused[0].headers["ratelimit"].to_str().unwrap().contains(";r=0;t=900"));
    assert!(refused[0].headers.contains_key("ratelimit-policy"));
    assert_eq!(call().await.status, 429);
    stage.bed.advance(Duration::from_secs(900));
    assert_ne!(call().await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirteen_right_logins_at_once_the_thirteenth_is_refused() {
    // More than the ten failures of an account that a window allows: places that are only held are waited for.
    let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "12")]).await;
    stage.register("Ada", "ada@example.com").await;
    exactly_one_of(&stage, 12, async || stage.login("ada@example.com", PASSWORD).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_six_registrations_at_once_the_sixth_is_refused() {
    let stage = Stage::with(&[("AUTH_RATE_LIMIT_MAX", "5")]).await;
    let count = std::sync::atomic::AtomicUsize::new(0);
    let register = async || {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        stage.register("Ada", &format!("ada{n}@example.com")).await
    };
    exactly_one_of(&stage, 5, register).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_eleven_guesses_at_once_from_anywhere_ten_are_judged() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    let count = std::sync::atomic::AtomicU8::new(0);
    let guess = async || {
        let n = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let body = serde_json::json!({"email": "ada@example.com", "password": "wrong"}).to_string();
        stage.post_from([203, 0, 113, n], "/login", body).await
    };
    exactly_one_of(&stage, 10, guess).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_right_password_among_many_guesses_is_judged_only_within_the_limit() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    let guesses = (0..40u8).map(|n| {
        let password = if n == 39 { PASSWORD } else { "wrong" };
        let body = serde_json::json!({"email": "ada@example.com", "password": password}).to_string();
        let stage = &stage;
        async move { stage.post_from([203, 0, 113, n], "/login", body).await.status.as_u16() }
    });
    let told = join_all(guesses).await;
    let count = |status: u16| told.iter().filter(|told| **told == status).count();
    // It was judged, as one of the first ten, or refused; the others never get more than ten places.
    assert_eq!(count(401), 10, "{told:?}");
    assert_eq!(count(200) + count(429), 30, "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_never_settled_counts_until_its_window_ends() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    // Ten processes die in the middle of a login. Virtual time: the eleventh waits for them in vain.
    let (window, store) =
        (store::Window::around(stage.bed.now(), Duration::from_secs(900)), stage.bed.store());
    let subject = domain::user::digest("ada@example.com");
    for _ in 0..10 {
        store.hold_in_window("login-failures", &subject, window, 10).await.unwrap();
    }
    let got = stage.login("ada@example.com", PASSWORD).await;
    assert_eq!((got.status.as_u16(), got.kind()), (429, "rate-limited"));
    stage.bed.advance(Duration::from_secs(900));
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn what_was_not_judged_does_not_count_and_a_place_that_cannot_be_given_back_harms_nobody_else() {
    let stage = Stage::new().await;
    stage.register("Ada", "ada@example.com").await;
    for _ in 0..11 {
        stage.bed.faults.plan(When::Always, Fault::Throttled, Some("GetItem"));
        assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 503);
    }
    stage.bed.faults.clear();
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
    // The third UpdateItem of a login settles.
    stage.bed.faults.plan(When::NthAndRepeats(2), Fault::Throttled, Some("UpdateItem"));
    assert_eq!(stage.login("ada@example.com", PASSWORD).await.status, 200);
    assert!(stage.bed.faults.strikes() > 0);
    stage.bed.faults.clear();
    for _ in 0..9 {
        assert_eq!(stage.login("ada@example.com", "wrong").await.status, 401);
    }
    assert_eq!(stage.register("Eve", "eve@example.com").await.status, 201);
    assert_eq!(stage.login("eve@example.com", PASSWORD).await.status, 200);
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

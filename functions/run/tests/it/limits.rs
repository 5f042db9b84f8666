//! The limit of runs, exact however many are asked for at once.

use http::StatusCode;

use crate::counter::{Counter, Got};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_six_runs_at_once_five_start_and_the_sixth_a_window_later() {
    let counter = Counter::with(&[("RATE_LIMIT_MAX", "5"), ("RATE_LIMIT_WINDOW_MS", "60000")]).await;
    let mut jobs = Vec::new();
    for _ in 0..6 {
        jobs.push(counter.job().await);
    }
    let run = |n: usize| counter.ask(&jobs[n], "run");
    let all: [Got; 6] = tokio::join!(run(0), run(1), run(2), run(3), run(4), run(5)).into();
    let refused: Vec<_> = (0..6).filter(|n| all[*n].status == StatusCode::TOO_MANY_REQUESTS).collect();
    let started = all.iter().filter(|got| got.status == StatusCode::ACCEPTED).count();
    assert_eq!((refused.len(), started), (1, 5));
    let mut left: Vec<_> = all.iter().map(|got| got.headers["ratelimit"].to_str().unwrap()).collect();
    left.sort_unstable();
    // What is left is told to each: no two of them started on the same place.
    let told = ["0", "0", "1", "2", "3", "4"].map(|left| format!("\"run\";r={left};t=60"));
    assert_eq!(left, told);
    let got = &all[refused[0]];
    assert_eq!(got.problem(), (429, "rate-limited"));
    assert_eq!(
        (&got.headers["retry-after"], &got.headers["ratelimit-policy"]),
        (&"60".parse().unwrap(), &"\"run\";q=5;w=60".parse().unwrap())
    );
    let job = &jobs[refused[0]];
    assert_eq!(&counter.read(job).await, job);
    counter.pass(59);
    assert_eq!(counter.ask(job, "run").await.status, StatusCode::TOO_MANY_REQUESTS);
    counter.pass(1);
    assert_eq!(counter.ask(job, "run").await.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_key_counts_with_its_user() {
    let counter = Counter::with(&[("RATE_LIMIT_MAX", "1")]).await;
    let (one, other) = (counter.job().await, counter.job().await);
    let key = testkit::api_key(&counter.bed, counter.user.id, &[domain::api_key::Scope::Run]).await;
    assert_eq!(counter.ask(&one, "run").await.status, StatusCode::ACCEPTED);
    let got = counter.post_as(&format!("/jobs/{}/run", other.id), Some(&key)).await;
    assert_eq!(got.problem(), (429, "rate-limited"));
}

//! What a job costs: real functions, one invocation a request or a batch, and a ledger of all that AWS would count.
//!
//! `cargo xtask cost` runs it and prints the bills. What is measured: every call with what DynamoDB says that it consumed,
//! invocations and how long they take, bytes of log lines. What is assumed stands where it is used: how long a call takes
//! (`ledger.rs`), what a function computes and how many invocations are traced (`bill.rs`), how often an empty queue is
//! asked (`idle.rs`), and the prices (`prices.rs`).

mod bill;
mod cloud;
mod idle;
mod kinds;
mod ledger;
mod notes;
mod prices;
mod rules;
mod size;
mod stack;

use std::collections::BTreeMap;

use serde_json::json;
use testkit::leave_report;

use bill::Bill;
use cloud::{Book, Cloud};
use kinds::FULL;

/// How many jobs of each kind; what is left out of it is enough for a test.
const JOBS: &str = "NIGHTJAR_COST_JOBS";
const FEW: usize = 20;

/// What a million jobs may cost that are created with `run` and tell one webhook, in batches of ten.
const CREATE_AND_RUN: f64 = 8.5;
/// The same through `POST /jobs/batch`.
const BATCH_CALL: f64 = 6.0;
/// What a month may cost in which nobody does anything.
const IDLE: f64 = 3.0;

#[tokio::test(start_paused = true)]
async fn no_job_and_no_idle_month_costs_more_than_it_may() {
    let jobs = how_many();
    let cloud = Cloud::new().await;
    let bill = |name, book: &Book| Bill::of_jobs(name, &cloud, book, jobs);
    let bills = [
        bill("created with run, one webhook", &kinds::one_by_one(&cloud, jobs, FULL).await)
            .at_most(CREATE_AND_RUN),
        bill("the same, created by POST /jobs/batch", &kinds::at_once(&cloud, jobs).await)
            .at_most(BATCH_CALL),
        bill("the same, in batches of one", &kinds::one_by_one(&cloud, jobs, 1).await),
        bill("created, run by a second request, one webhook", &kinds::by_hand(&cloud, jobs).await),
        bill("created with run, three retries, one webhook", &kinds::with_retries(&cloud, jobs).await),
        bill("scheduled for a moment, an http call, one webhook", &kinds::scheduled(&cloud, jobs).await),
        bill(
            "an occurrence of a recurring job, an http call, one webhook",
            &kinds::recurring(&cloud, jobs).await,
        ),
        idle::idle(&Cloud::new().await).await.at_most(IDLE),
    ];
    let mut told: Vec<_> = bills.iter().map(ToString::to_string).collect();
    told.push(notes::besides(&cloud).await);
    leave_report("bills", told.join("\n\n"));
    leave_report("bills-json", json!(bills.iter().map(Bill::json).collect::<Vec<_>>()));
    let missed: Vec<_> = bills.iter().filter(|bill| bill.is_missed()).map(|bill| bill.name).collect();
    assert_eq!(missed, [""; 0], "dearer than they may be");
}

/// The ledger against two other counts: that of the connector behind it, and what stands in the table.
#[tokio::test(start_paused = true)]
async fn the_ledger_leaves_out_no_call_and_no_job() {
    let cloud = Cloud::new().await;
    let book = kinds::one_by_one(&cloud, FEW, FULL).await;
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for entry in &book.entries {
        *counted.entry(entry.action.clone()).or_default() += 1;
    }
    let mut passed: BTreeMap<String, usize> = BTreeMap::new();
    for call in cloud.bed.faults.calls() {
        *passed.entry(call.name().to_owned()).or_default() += 1;
    }
    assert_eq!(counted, passed);
    assert_eq!(book.requests.0, FEW);
    let given = |function| {
        let own = book.invocations.iter().filter(|one| one.function == function);
        (own.clone().count(), own.map(|one| one.given).sum::<usize>())
    };
    assert_eq!(given("jobs"), (FEW, FEW));
    assert_eq!(given("worker"), (FEW / FULL, FEW), "each message once, in full batches");
    assert_eq!(given("webhook"), (FEW / FULL, FEW));
    let rows = cloud.bed.rows(None).await;
    let ended = rows.iter().filter(|row| row["sk"] == "JOB" && row["status"] == "completed").count();
    let delivered = rows
        .iter()
        .filter(|row| row["listPk"].as_str().is_some_and(|cell| cell.ends_with("#delivered")))
        .count();
    assert_eq!((ended, delivered), (FEW + FULL, FEW + FULL));
    assert_eq!(cloud.sink.arrivals().len(), FEW + FULL);
}

#[allow(clippy::disallowed_methods, reason = "this is no part of the product that is configured")]
fn how_many() -> usize {
    std::env::var(JOBS).ok().map_or(FEW, |count| count.parse().expect("a number of jobs"))
}

//! The lines that CloudWatch reads. The recorder is the process's, so this is one test in a binary of its own.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

use std::collections::BTreeMap;
use std::time::Duration;

use domain::job::{Priority, Status};
use meter::{ALL, Unit, emf};
use serde_json::{Value, json};

fn lines(worked: bool) -> Vec<Value> {
    let text = String::from_utf8(emf::take(worked)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_line_tells_of_an_invocation_and_nothing_of_one_that_did_nothing() {
    meter::job_created(Priority::High);
    assert!(lines(true).is_empty(), "nobody listens yet");
    emf::install("blue-green-jobs");
    emf::install("other-jobs");
    assert!(lines(false).is_empty(), "a start alone");

    // A batch of ten: one line, and a value for each.
    for millis in 0..10 {
        meter::run_started(Priority::High, Duration::from_micros(millis * 1_000 + 400));
    }
    let told = lines(false);
    assert_eq!(told.len(), 2, "and the start: {told:?}");
    let [starts, line] = &told[..] else { panic!("{told:?}") };
    let (starts, line) = if line.get("ColdStarts").is_some() { (line, starts) } else { (starts, line) };
    assert_eq!(starts["ColdStarts"], 1);
    let directive = &line["_aws"]["CloudWatchMetrics"][0];
    assert_eq!(directive["Namespace"], "Nightjar/blue-green");
    assert_eq!(directive["Dimensions"], json!([["Priority"]]));
    let mut named = directive["Metrics"].as_array().unwrap().clone();
    named.sort_by_key(ToString::to_string);
    let wanted = [("JobsStarted", "Count"), ("QueueLatency", "Milliseconds")];
    assert_eq!(named, wanted.map(|(name, unit)| json!({ "Name": name, "Unit": unit })));
    assert!(line["_aws"]["Timestamp"].as_u64() > Some(1_700_000_000_000));
    assert_eq!((&line["Priority"], &line["JobsStarted"]), (&json!("high"), &json!(10)));
    assert_eq!(line["QueueLatency"], json!([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]));
    assert!(line.to_string().len() < 320, "{line}");
    assert!(lines(true).is_empty(), "it was told");

    // All of them once, each with its unit, under the dimension that the table gives it.
    meter::job_created(Priority::Low);
    meter::run_started(Priority::Low, Duration::ZERO);
    meter::run_ended(Priority::Low, Status::Completed, Some(Duration::from_secs(3)));
    meter::run_ended(Priority::Low, Status::Failed, None);
    meter::run_ended(Priority::Low, Status::Cancelled, Some(Duration::from_secs(9)));
    meter::delivery_attempted(Some(Duration::from_secs(1)));
    meter::delivery_attempted(None);
    meter::delivery_died();
    meter::ticked(Duration::from_secs(2));
    let mut told = BTreeMap::new();
    for line in lines(true) {
        let directive = line["_aws"]["CloudWatchMetrics"][0].clone();
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap().to_owned();
            let value = line[&name].clone();
            told.insert(name, (metric["Unit"].clone(), directive["Dimensions"].clone(), value));
        }
    }
    assert_eq!(told["RunDuration"].2, json!([3000.0]), "what was cancelled is not measured");
    assert_eq!((&told["DeliveryAttempts"].2, &told["DeliveryLatency"].2), (&json!(2), &json!([1000.0])));
    for metric in ALL.iter().filter(|metric| metric.name != "ColdStarts") {
        let (unit, dimensions, _) = told.remove(metric.name).unwrap_or_else(|| panic!("{}", metric.name));
        let wanted = match metric.unit {
            Unit::Count => "Count",
            Unit::Milliseconds => "Milliseconds",
        };
        assert_eq!(unit, wanted, "{}", metric.name);
        let wanted = if metric.by_priority { json!([["Priority"]]) } else { json!([[]]) };
        assert_eq!(dimensions, wanted, "{}", metric.name);
    }
    assert!(told.is_empty(), "{told:?}");
}

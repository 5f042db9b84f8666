//! `cargo xtask crash-points`: every flow, disturbed at each of its calls by each fault, and the sum of it.

use crate::report::{Reports, clock, reports};
use crate::shell::Failure;
use crate::tests_run::{build_system, only};

/// Runs all flows, prints a line for each, and fails if something did not hold.
pub(crate) fn crash_points(args: &[String]) -> Result<(), Failure> {
    build_system()?;
    let begun = clock();
    let (flows, ended) = reports("crash-points", only("crash_points").args(args))?;
    let seconds = begun.elapsed().as_secs();
    println!("{:<24} {:>6} {:>6} {:>11}", "flow", "calls", "cases", "violations");
    for (name, flow) in &flows {
        let [calls, cases, violations] = ["calls", "cases", "violations"].map(|what| flow.number(what));
        println!("{name:<24} {calls:>6} {cases:>6} {violations:>11}");
    }
    println!("{}, {seconds} s", sum(&flows));
    ended
}

/// What the flows come to.
fn sum(flows: &Reports) -> String {
    let sum = |what: &str| flows.values().map(|flow| flow.number(what)).sum::<u64>();
    format!(
        "{} flows, {} calls, 9 faults: {} cases, {} violations",
        flows.len(),
        sum("calls"),
        sum("cases"),
        sum("violations"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Report;

    #[test]
    fn adds_up_what_the_flows_say() {
        let flow = |line: &str| Report::of(line).unwrap();
        let flows = Reports::from([
            ("create".to_owned(), flow("calls=5 cases=31 violations=0")),
            ("run".to_owned(), flow("calls=7 cases=40 violations=2")),
        ]);
        assert_eq!(sum(&flows), "2 flows, 12 calls, 9 faults: 71 cases, 2 violations");
    }
}

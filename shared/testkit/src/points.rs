//! Crash points: a flow is run once for each call that it makes to AWS and each fault that can befall that call.

use std::fmt;

use crate::{Call, Fault, leave_report};

/// Every fault that a call can meet. Whatever a caller sees of a service that is broken it sees of one that is not
/// reached or whose answer is lost.
pub const FAULTS: [Fault; 9] = [
    Fault::Unreached,
    Fault::AnswerLost,
    Fault::Throttled,
    Fault::ConditionFailed,
    Fault::Repeated,
    Fault::Conflict,
    Fault::DiesBefore,
    Fault::DiesAfter,
    Fault::Freezes,
];
/// No flow makes more calls.
const MOST_CALLS: usize = 400;

/// One fault at one call, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Case {
    /// What happens at which call, counted from 0.
    pub strike: Option<(Fault, usize)>,
}

/// What came of a case.
#[derive(Debug, Default)]
pub struct Seen {
    /// The calls that were made until the flow was over.
    pub calls: Vec<Call>,
    /// Whether the fault has struck.
    pub struck: bool,
    /// What did not hold afterwards.
    pub violations: Vec<String>,
}

/// What came of all cases of a flow.
#[derive(Debug)]
pub struct Tally {
    flow: &'static str,
    /// How many calls the flow makes when nothing happens.
    pub calls: usize,
    /// How many faults have struck.
    pub cases: usize,
    /// What did not hold, and in which case.
    pub violations: Vec<String>,
}

/// Runs a flow undisturbed, and then once a call and fault, until a fault comes too late to strike.
///
/// # Panics
/// If the calls do not end.
pub async fn every_point(flow: &'static str, run: impl AsyncFn(Case) -> Seen) -> Tally {
    let undisturbed = run(Case { strike: None }).await;
    let mut tally = Tally { flow, calls: undisturbed.calls.len(), cases: 0, violations: Vec::new() };
    println!("{flow}: {} calls", tally.calls);
    tally.add("undisturbed", undisturbed.violations);
    for fault in FAULTS {
        for call in 0.. {
            assert!(call < MOST_CALLS, "{flow}: {fault:?}: the calls do not end");
            // What stands at that place in an undisturbed run tells whether the fault could befall it.
            if undisturbed.calls.get(call).is_some_and(|call| !fault.befalls(call)) {
                continue;
            }
            let case = Case { strike: Some((fault, call)) };
            let seen = run(case).await;
            if !seen.struck && seen.calls.len() <= call {
                break;
            }
            tally.cases += usize::from(seen.struck);
            let name = seen.calls.get(call).map_or("a call", |call| call.name());
            tally.add(&format!("{case} ({name})"), seen.violations);
        }
    }
    tally
}

impl Tally {
    /// Leaves the tally for whoever counts the flows, and fails the test if something did not hold.
    ///
    /// # Panics
    /// If something did not hold, or the flow was never disturbed.
    pub fn conclude(&self) {
        leave_report(self.flow, self);
        let some: Vec<_> = self.violations.iter().take(20).map(String::as_str).collect();
        assert!(
            self.violations.is_empty(),
            "{}: {} violations:\n{}",
            self.flow,
            self.violations.len(),
            some.join("\n")
        );
        assert!(self.cases > self.calls, "{}: {self}: few faults have struck", self.flow);
    }

    fn add(&mut self, case: &str, violations: Vec<String>) {
        self.violations.extend(violations.into_iter().map(|violation| format!("[{case}] {violation}")));
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.strike {
            Some((fault, call)) => write!(f, "{fault:?} at call {call}"),
            None => f.write_str("undisturbed"),
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flow: _, calls, cases, violations } = self;
        write!(f, "calls={calls} cases={cases} violations={}", violations.len())
    }
}

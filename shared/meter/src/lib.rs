//! What is measured: every metric with its unit and its dimension, and the functions that record it.
//!
//! Who records does not know where it goes. In Lambda it is a line of the log that CloudWatch reads ([`emf`]), on one
//! machine a page for Prometheus, and nothing where nobody has installed a recorder.
//!
//! CloudWatch bills each name with each value of its dimension, for every hour in which it appears. So there are few
//! names, one dimension, and nothing is recorded where nothing was done.

pub mod emf;
mod table;

use std::time::Duration;

use domain::job::{Priority, Status};

pub use table::{ALL, Metric, Unit};

use table::{
    DELIVERIES_DEAD, DELIVERY_ATTEMPTS, DELIVERY_LATENCY, JOBS_COMPLETED, JOBS_CREATED, JOBS_FAILED,
    JOBS_STARTED, QUEUE_LATENCY, RUN_DURATION, TICK_LATENESS,
};

/// The one dimension.
pub const DIMENSION: &str = "Priority";

/// Tells the recorder of this process what each metric is. Whoever installs one calls it once.
pub fn describe() {
    for metric in &ALL {
        match metric.unit {
            Unit::Count => metrics::describe_counter!(metric.name, metrics::Unit::Count, metric.tells),
            Unit::Milliseconds => {
                metrics::describe_histogram!(metric.name, metrics::Unit::Milliseconds, metric.tells);
            }
        }
    }
}

/// A job was created.
pub fn job_created(priority: Priority) {
    count(&JOBS_CREATED, Some(priority));
}

/// The first attempt of a run was begun, so long after it could have been.
pub fn run_started(priority: Priority, waited: Duration) {
    count(&JOBS_STARTED, Some(priority));
    measure(&QUEUE_LATENCY, Some(priority), waited);
}

/// A run has ended like this, so long after it was asked for. What was cancelled tells nothing of the system.
pub fn run_ended(priority: Priority, outcome: Status, took: Option<Duration>) {
    match outcome {
        Status::Completed => count(&JOBS_COMPLETED, Some(priority)),
        Status::Failed => count(&JOBS_FAILED, Some(priority)),
        Status::Pending | Status::Running | Status::Cancelled => return,
    }
    if let Some(took) = took {
        measure(&RUN_DURATION, Some(priority), took);
    }
}

/// An attempt at a delivery was made; `since` is set for its first, and tells how long ago its event was.
pub fn delivery_attempted(since: Option<Duration>) {
    count(&DELIVERY_ATTEMPTS, None);
    if let Some(since) = since {
        measure(&DELIVERY_LATENCY, None, since);
    }
}

/// A delivery was given up.
pub fn delivery_died() {
    count(&DELIVERIES_DEAD, None);
}

/// A tick began so long after its time.
pub fn ticked(late: Duration) {
    measure(&TICK_LATENESS, None, late);
}

fn count(metric: &Metric, priority: Option<Priority>) {
    match priority {
        Some(priority) => metrics::counter!(metric.name, DIMENSION => priority.as_str()).increment(1),
        None => metrics::counter!(metric.name).increment(1),
    }
}

fn measure(metric: &Metric, priority: Option<Priority>, time: Duration) {
    // Whole ones are as good, and shorter in the log.
    let millis = (time.as_secs_f64() * 1_000.0).round();
    match priority {
        Some(priority) => metrics::histogram!(metric.name, DIMENSION => priority.as_str()).record(millis),
        None => metrics::histogram!(metric.name).record(millis),
    }
}

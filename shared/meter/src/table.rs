//! The table of all metrics. docs/RUNBOOK.md shows it; a test holds the page to it.

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its name in CloudWatch.
    pub name: &'static str,
    /// What it counts or measures in.
    pub unit: Unit,
    /// Whether each priority has its own.
    pub by_priority: bool,
    /// The functions that record it.
    pub recorded_by: &'static [&'static str],
    /// What it tells.
    pub tells: &'static str,
}

/// What a metric counts or measures in. What is counted is summed up; of what is measured each value is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Times that something happened.
    Count,
    /// A time.
    Milliseconds,
}

/// All of them.
pub const ALL: [Metric; 11] = [
    JOBS_CREATED,
    JOBS_STARTED,
    JOBS_COMPLETED,
    JOBS_FAILED,
    QUEUE_LATENCY,
    RUN_DURATION,
    DELIVERY_ATTEMPTS,
    DELIVERY_LATENCY,
    DELIVERIES_DEAD,
    TICK_LATENESS,
    COLD_STARTS,
];

/// Jobs that clients made. One that an `Idempotency-Key` found again is not counted again.
pub(crate) const JOBS_CREATED: Metric = Metric {
    name: "JobsCreated",
    unit: Unit::Count,
    by_priority: true,
    recorded_by: &["jobs"],
    tells: "jobs that were created",
};

/// Runs whose first attempt was claimed. Later attempts are not counted.
pub(crate) const JOBS_STARTED: Metric = Metric {
    name: "JobsStarted",
    unit: Unit::Count,
    by_priority: true,
    recorded_by: &["worker"],
    tells: "runs whose first attempt has begun",
};

/// Runs that ended well. A recurring job has many.
pub(crate) const JOBS_COMPLETED: Metric = Metric {
    name: "JobsCompleted",
    unit: Unit::Count,
    by_priority: true,
    recorded_by: &["worker"],
    tells: "runs that ended as completed",
};

/// Runs that are given up: their last attempt failed, was lost, or was dead-lettered.
pub(crate) const JOBS_FAILED: Metric = Metric {
    name: "JobsFailed",
    unit: Unit::Count,
    by_priority: true,
    recorded_by: &["worker", "deadletter"],
    tells: "runs that ended as failed",
};

/// From when a run was asked for, or due, to its first attempt. What a task is to wait in the queue is taken off.
pub(crate) const QUEUE_LATENCY: Metric = Metric {
    name: "QueueLatency",
    unit: Unit::Milliseconds,
    by_priority: true,
    recorded_by: &["worker"],
    tells: "from when a run could begin to its first attempt",
};

/// The `runDurationMs` of the API: all attempts, and the waits between them.
pub(crate) const RUN_DURATION: Metric = Metric {
    name: "RunDuration",
    unit: Unit::Milliseconds,
    by_priority: true,
    recorded_by: &["worker", "deadletter"],
    tells: "from when a run was asked for to its end",
};

/// Attempts at webhooks, whatever came of them.
pub(crate) const DELIVERY_ATTEMPTS: Metric = Metric {
    name: "DeliveryAttempts",
    unit: Unit::Count,
    by_priority: false,
    recorded_by: &["webhook"],
    tells: "attempts to deliver a webhook",
};

/// From the event to the end of its first attempt: later ones are late because they are to be.
pub(crate) const DELIVERY_LATENCY: Metric = Metric {
    name: "DeliveryLatency",
    unit: Unit::Milliseconds,
    by_priority: false,
    recorded_by: &["webhook"],
    tells: "from an event to the end of the first attempt to deliver it",
};

/// Deliveries that are in the dead-letter queue because their last attempt has failed.
pub(crate) const DELIVERIES_DEAD: Metric = Metric {
    name: "DeliveriesDead",
    unit: Unit::Count,
    by_priority: false,
    recorded_by: &["webhook"],
    tells: "deliveries that were given up",
};

/// From when the clock should have called to when a tick began. Only where the tick had something to announce, or came
/// more than a minute late: an idle deployment shall cost nothing.
pub(crate) const TICK_LATENESS: Metric = Metric {
    name: "TickLateness",
    unit: Unit::Milliseconds,
    by_priority: false,
    recorded_by: &["scheduler"],
    tells: "how late a tick was that had something to announce",
};

/// Processes of a function that were started. One of the scheduler counts with the first tick that is measured.
pub(crate) const COLD_STARTS: Metric = Metric {
    name: "ColdStarts",
    unit: Unit::Count,
    by_priority: false,
    recorded_by: &["auth", "deadletter", "endpoints", "jobs", "run", "scheduler", "webhook", "worker"],
    tells: "processes of functions that were started",
};

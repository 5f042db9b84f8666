//! The words of a list in a request: their types elsewhere read them, here is what the description says of them.

use utoipa::ToSchema;

/// What an API key may be used for.
#[derive(Clone, Copy, Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[schema(as = Scope, rename_all = "lowercase")]
pub enum ScopeShape {
    /// Looks at records.
    Read,
    /// Creates, changes and deletes them.
    Write,
    /// Starts and stops jobs.
    Run,
}

/// An event that a webhook endpoint may hear of; `*` stands for all.
#[derive(Clone, Copy, Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[schema(as = Event)]
pub enum EventShape {
    /// All.
    #[schema(rename = "*")]
    All,
    /// A run has begun.
    #[schema(rename = "job.started")]
    Started,
    /// A run has ended well.
    #[schema(rename = "job.completed")]
    Completed,
    /// A run has ended badly.
    #[schema(rename = "job.failed")]
    Failed,
    /// A job was cancelled.
    #[schema(rename = "job.cancelled")]
    Cancelled,
}

/// The state of a delivery that nothing more is done about.
#[derive(Clone, Copy, Debug, ToSchema)]
#[allow(dead_code, reason = "only its description is used")]
#[schema(as = Ended, rename_all = "lowercase")]
pub enum EndedShape {
    /// Its attempts have all failed.
    Dead,
    /// It was not sent, for its receiver was off.
    Skipped,
    /// Its receiver has taken it.
    Delivered,
}

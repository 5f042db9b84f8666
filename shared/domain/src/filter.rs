//! What a list of jobs is asked for.

use crate::job::{Priority, Status};

/// Which jobs, and in which order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFilter {
    /// In any of these statuses; all of them when none is named.
    pub statuses: Vec<Status>,
    /// Of any of these priorities; all of them when none is named.
    pub priorities: Vec<Priority>,
    /// Of this type.
    pub task_type: Option<String>,
    /// With this text, in lower case, in the task's name or the beginning of the payload.
    pub search: Option<String>,
    /// The order of creation.
    pub order: Order,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The newest first.
    #[default]
    NewestFirst,
    /// The oldest first.
    OldestFirst,
}

impl Default for JobFilter {
    fn default() -> Self {
        Self {
            statuses: Vec::new(),
            priorities: Vec::new(),
            task_type: None,
            search: None,
            order: Order::NewestFirst,
        }
    }
}

impl JobFilter {
    /// The cells of the list index that can hold such jobs: at most 5 x 3.
    pub fn cells(&self) -> Vec<(Status, Priority)> {
        let statuses = if self.statuses.is_empty() { &Status::ALL[..] } else { &self.statuses };
        let priorities = if self.priorities.is_empty() { &Priority::ALL[..] } else { &self.priorities };
        let mut cells: Vec<_> = statuses
            .iter()
            .flat_map(|status| priorities.iter().map(move |priority| (*status, *priority)))
            .collect();
        cells.sort_unstable();
        cells.dedup();
        cells
    }

    /// Whether rows must be read to know that they match.
    pub fn reads_rows(&self) -> bool {
        self.task_type.is_some() || self.search.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_the_product_and_each_stands_once() {
        assert_eq!(JobFilter::default().cells().len(), 15);
        let filter = JobFilter {
            statuses: vec![Status::Failed, Status::Failed],
            priorities: vec![Priority::High],
            ..JobFilter::default()
        };
        assert_eq!(filter.cells(), [(Status::Failed, Priority::High)]);
    }
}

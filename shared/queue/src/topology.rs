//! The queues and how they are set; a test holds template.yaml to the same.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use domain::job::Priority;

use crate::QueueError;

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// Its name, without the deployment's prefix.
    pub name: &'static str,
    /// How long a received message stays hidden: six times the function's timeout, as AWS advises for an event
    /// source mapping (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html>).
    pub visibility: Duration,
    /// How long a message is kept.
    pub retention: Duration,
    /// After how many receives a message moves to which queue.
    pub redrive: Option<(u32, &'static str)>,
}

const VISIBILITY: Duration = Duration::from_secs(360);
const DAY: u64 = 24 * 3_600;

/// Where dead run messages go, and are always drained from.
pub const JOBS_DLQ: Queue = Queue {
    name: "jobs-dlq",
    visibility: VISIBILITY,
    retention: Duration::from_secs(14 * DAY),
    redrive: None,
};
/// Where deliveries wait that nobody took.
pub const WEBHOOKS_DLQ: Queue = Queue { name: "webhooks-dlq", ..JOBS_DLQ };
/// Deliveries to be made.
pub const WEBHOOKS: Queue = Queue { name: "webhooks", redrive: Some((20, WEBHOOKS_DLQ.name)), ..JOBS_DLQ };
/// Runs of urgent jobs.
pub const JOBS_HIGH: Queue = Queue {
    name: "jobs-high",
    visibility: VISIBILITY,
    // A run message that expires would leave its job running. It is kept for less time than the dead-letter queue
    // keeps it, for there it goes on ageing from when it was first sent.
    retention: Duration::from_secs(10 * DAY),
    redrive: Some((10, JOBS_DLQ.name)),
};
/// Runs of jobs in between.
pub const JOBS_MEDIUM: Queue = Queue { name: "jobs-medium", ..JOBS_HIGH };
/// Runs of the other jobs.
pub const JOBS_LOW: Queue = Queue { name: "jobs-low", ..JOBS_HIGH };

/// Every queue; a dead-letter queue stands before those that move messages to it.
pub const ALL: [Queue; 6] = [JOBS_DLQ, WEBHOOKS_DLQ, WEBHOOKS, JOBS_HIGH, JOBS_MEDIUM, JOBS_LOW];

/// The queue of a priority.
pub const fn of(priority: Priority) -> Queue {
    match priority {
        Priority::High => JOBS_HIGH,
        Priority::Medium => JOBS_MEDIUM,
        Priority::Low => JOBS_LOW,
    }
}

/// Creates the queues that are not there, and answers each one's URL by its name.
pub async fn create(client: &Client, prefix: &str) -> Result<HashMap<&'static str, String>, QueueError> {
    let mut urls = HashMap::new();
    let mut arns: HashMap<&str, String> = HashMap::new();
    for queue in ALL {
        let mut request = client
            .create_queue()
            .queue_name(format!("{prefix}{}", queue.name))
            .attributes(QueueAttributeName::VisibilityTimeout, queue.visibility.as_secs().to_string())
            .attributes(QueueAttributeName::MessageRetentionPeriod, queue.retention.as_secs().to_string());
        if let Some((times, dlq)) = queue.redrive {
            let arn = arns.get(dlq).map_or("", String::as_str);
            let policy = format!(r#"{{"maxReceiveCount":"{times}","deadLetterTargetArn":"{arn}"}}"#);
            request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
        }
        let created = request.send().await.map_err(QueueError::sdk)?;
        let url = created.queue_url.unwrap_or_default();
        let known = client
            .get_queue_attributes()
            .queue_url(&url)
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .map_err(QueueError::sdk)?;
        let arn = known.attributes.and_then(|mut all| all.remove(&QueueAttributeName::QueueArn));
        arns.insert(queue.name, arn.unwrap_or_default());
        urls.insert(queue.name, url);
    }
    Ok(urls)
}

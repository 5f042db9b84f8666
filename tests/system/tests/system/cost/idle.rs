//! A month in which nobody does anything.

use std::time::Duration;

use super::bill::{Bill, Row, rows};
use super::cloud::Cloud;
use super::prices::{self, Price};

/// Days of a month: 30, so 43,200 ticks.
const MINUTES: f64 = 30.0 * 24.0 * 60.0;
/// How many pollers wait at a queue that is empty. Lambda keeps five, and two where traffic is low and the number of
/// batches at once is not bounded (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html>).
const POLLERS: (f64, f64) = (5.0, 2.0);
/// A poll waits for 20 s, the longest that SQS lets it.
const POLLS_A_MINUTE: f64 = 3.0;

/// What it costs. Two ticks are made, one of an even and one of an odd minute, and each stands for half of them.
pub(super) async fn idle(cloud: &Cloud) -> Bill {
    cloud.begin();
    for _ in 0..2 {
        cloud.tick().await;
        cloud.pass(Duration::from_secs(60));
    }
    let book = cloud.finish();
    let mut rows = rows(cloud, &book);
    for row in &mut rows {
        let times = match row.service.as_str() {
            // Lambda traces one invocation a second: all of these.
            "X-Ray" => MINUTES / 2.0 / 0.05,
            _ => MINUTES / 2.0,
        };
        row.many *= times;
        row.reads *= times;
        row.writes *= times;
        row.dollars *= times;
    }
    let mut add = |service: &str, who: &str, what: &str, many: f64, price: Price| {
        let (service, who, what) = (service.to_owned(), who.to_owned(), what.to_owned());
        rows.push(Row { service, who, what, many, dollars: price.of(many), ..Row::default() });
    };
    let sources = cloud.stack.sources();
    for (name, bounded) in &sources {
        let pollers = if *bounded { POLLERS.0 } else { POLLERS.1 };
        add("SQS", name, "empty receives", pollers * POLLS_A_MINUTE * MINUTES, prices::QUEUE);
    }
    add("Secrets", "", "secrets", cloud.stack.count("AWS::SecretsManager::Secret") as f64, prices::SECRET);
    add("CloudWatch", "", "metrics with an alarm", cloud.stack.watched() as f64, prices::ALARM);
    add("CloudWatch", "", "metrics of its own", book.metrics.len() as f64, prices::METRIC);
    Bill { name: "a month in which nobody does anything", per: "a month", rows, most: None }
}

//! What AWS asks for, in us-east-1, on demand, beyond every free tier. Read on 2026-11-28.

/// A price and the page that tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Price {
    /// Dollars.
    pub(super) dollars: f64,
    /// For so many.
    pub(super) per: f64,
    /// Where it is told.
    pub(super) page: &'static str,
}

impl Price {
    const fn new(dollars: f64, per: f64, page: &'static str) -> Self {
        Self { dollars, per, page }
    }

    /// What so many cost.
    pub(super) fn of(self, many: f64) -> f64 {
        self.dollars * many / self.per
    }
}

const MILLION: f64 = 1_000_000.0;
/// A GB of traffic or of a log is counted in these.
pub(super) const GB: f64 = 1_000_000_000.0;

const DYNAMODB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const SQS: &str = "https://aws.amazon.com/sqs/pricing/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const CLOUDWATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";

/// A write request unit.
pub(super) const WRITE: Price = Price::new(0.625, MILLION, DYNAMODB);
/// A read request unit.
pub(super) const READ: Price = Price::new(0.125, MILLION, DYNAMODB);
/// A GB of a table, for a month, with its backups to any moment (0.25 and 0.20).
pub(super) const KEPT: Price = Price::new(0.45, GB, DYNAMODB);
/// A request to a standard queue, of 64 KB.
pub(super) const QUEUE: Price = Price::new(0.40, MILLION, SQS);
/// What a request costs besides where its messages name a group: fair queues.
pub(super) const GROUPED: Price = Price::new(0.10, MILLION, SQS);
/// A request to an HTTP API, of 512 KB.
pub(super) const API: Price = Price::new(1.00, MILLION, "https://aws.amazon.com/api-gateway/pricing/");
/// An invocation.
pub(super) const INVOCATION: Price = Price::new(0.20, MILLION, LAMBDA);
/// A GB-second on arm64.
pub(super) const COMPUTE: Price = Price::new(0.000_013_333_4, 1.0, LAMBDA);
/// A GB of log lines, taken in, of the standard class.
pub(super) const LOG: Price = Price::new(0.50, GB, CLOUDWATCH);
/// An alarm on one metric, for a month.
pub(super) const ALARM: Price = Price::new(0.10, 1.0, CLOUDWATCH);
/// A metric of one's own, for a month.
pub(super) const METRIC: Price = Price::new(0.30, 1.0, CLOUDWATCH);
/// A trace that is recorded.
pub(super) const TRACE: Price = Price::new(5.00, MILLION, "https://aws.amazon.com/xray/pricing/");
/// A secret, for a month.
pub(super) const SECRET: Price = Price::new(0.40, 1.0, "https://aws.amazon.com/secrets-manager/pricing/");
/// A call for a secret.
pub(super) const SECRET_CALL: Price =
    Price::new(0.05, 10_000.0, "https://aws.amazon.com/secrets-manager/pricing/");
/// An e-mail.
pub(super) const MAIL: Price = Price::new(0.10, 1_000.0, "https://aws.amazon.com/ses/pricing/");

/// All of them, by what they are for.
pub(super) const ALL: [(&str, Price); 15] = [
    ("write request unit", WRITE),
    ("read request unit", READ),
    ("byte kept for a month", KEPT),
    ("queue request", QUEUE),
    ("of a message group", GROUPED),
    ("API request", API),
    ("invocation", INVOCATION),
    ("GB-second, arm64", COMPUTE),
    ("byte of a log", LOG),
    ("alarm a month", ALARM),
    ("metric a month", METRIC),
    ("trace", TRACE),
    ("secret a month", SECRET),
    ("call for a secret", SECRET_CALL),
    ("e-mail", MAIL),
];

//! What was counted, in dollars.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::cloud::{Book, Cloud};
use super::prices::{self, Price};

/// What a function computes for a request or a message, in milliseconds of a whole processor: signing, sealing, JSON, TLS.
/// Its time is billed too, and takes as long as the memory gives it a part of the processor.
const COMPUTED: f64 = 1.0;
/// At this much memory, in MB, a function has one processor.
const WHOLE_PROCESSOR: f64 = 1_769.0;
/// Lambda traces one invocation a second and 5 % of the others; at a million jobs an hour the first do not count.
const TRACED: f64 = 0.05;
const MILLION: f64 = 1_000_000.0;

/// One line of a bill.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// Of which service.
    pub(super) service: String,
    /// For which function.
    pub(super) who: String,
    /// What for.
    pub(super) what: String,
    /// How many.
    pub(super) many: f64,
    /// Read request units.
    pub(super) reads: f64,
    /// Write request units.
    pub(super) writes: f64,
    /// Dollars.
    pub(super) dollars: f64,
}

/// What something costs, line by line.
#[derive(Clone, Debug)]
pub(super) struct Bill {
    /// What.
    pub(super) name: &'static str,
    /// For how many, or how long: the dollars are for these.
    pub(super) per: &'static str,
    pub(super) rows: Vec<Row>,
    /// What it may cost at most, if anything is promised.
    pub(super) most: Option<f64>,
}

impl Bill {
    /// Of a million jobs, from the book of so many.
    pub(super) fn of_jobs(name: &'static str, cloud: &Cloud, book: &Book, jobs: usize) -> Self {
        let a_job = 1.0 / jobs as f64;
        let mut rows = rows(cloud, book);
        for row in &mut rows {
            row.many *= a_job;
            row.reads *= a_job;
            row.writes *= a_job;
            row.dollars *= a_job * MILLION;
        }
        Self { name, per: "a million", rows, most: None }
    }

    /// The same, which may cost so much at most.
    pub(super) fn at_most(self, dollars: f64) -> Self {
        Self { most: Some(dollars), ..self }
    }

    pub(super) fn dollars(&self) -> f64 {
        self.rows.iter().map(|row| row.dollars).sum()
    }

    /// Read and write request units.
    pub(super) fn units(&self) -> (f64, f64) {
        (self.rows.iter().map(|row| row.reads).sum(), self.rows.iter().map(|row| row.writes).sum())
    }

    /// Whether it costs more than it may.
    pub(super) fn is_missed(&self) -> bool {
        self.most.is_some_and(|most| self.dollars() > most)
    }

    pub(super) fn json(&self) -> Value {
        let rows = self.rows.iter().map(|row| {
            json!({"service": row.service, "function": row.who, "what": row.what, "many": row.many,
                "rru": row.reads, "wru": row.writes, "dollars": row.dollars})
        });
        let (reads, writes) = self.units();
        json!({"name": self.name, "per": self.per, "rows": rows.collect::<Vec<_>>(), "rru": reads, "wru": writes,
            "dollars": self.dollars(), "atMost": self.most})
    }
}

impl fmt::Display for Bill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.name)?;
        writeln!(
            f,
            "  {:<44} {:>10} {:>7} {:>7} {:>10}",
            "",
            "each",
            "RRU",
            "WRU",
            format!("$ {}", self.per)
        )?;
        for row in &self.rows {
            let what = format!("{:<12} {:<9} {}", row.service, row.who, row.what);
            let units = |units: f64| if units == 0.0 { String::new() } else { format!("{units:.2}") };
            let (reads, writes) = (units(row.reads), units(row.writes));
            writeln!(f, "  {what:<44} {:>10.3} {reads:>7} {writes:>7} {:>10.3}", row.many, row.dollars)?;
        }
        let (reads, writes) = self.units();
        let sum =
            format!("  {:<44} {:>10} {reads:>7.2} {writes:>7.2} {:>10.2}", "in all", "", self.dollars());
        f.write_str(&sum)?;
        match self.most {
            Some(most) if self.is_missed() => write!(f, "  MORE than {most:.2}"),
            Some(most) => write!(f, "  of at most {most:.2}"),
            None => f.write_char(' '),
        }
    }
}

/// All that is in the book, each line for all of it.
pub(super) fn rows(cloud: &Cloud, book: &Book) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |service: &str, who: &str, what: &str, many: f64, price: Price| {
        if many > 0.0 {
            let (service, who, what) = (service.to_owned(), who.to_owned(), what.to_owned());
            rows.push(Row { service, who, what, many, dollars: price.of(many), ..Row::default() });
        }
    };
    add("API Gateway", "", "requests", book.requests.0 as f64, prices::API);
    let mut compute: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for invocation in &book.invocations {
        let memory = cloud.stack.memory(invocation.function);
        let computed = COMPUTED * invocation.given as f64 * WHOLE_PROCESSOR / memory;
        let millis = (invocation.took.as_secs_f64() * 1_000.0 + computed).ceil();
        let sum = compute.entry(invocation.function).or_default();
        sum.0 += 1.0;
        sum.1 += millis / 1_000.0 * memory / 1_024.0;
    }
    for (function, (invocations, seconds)) in &compute {
        add("Lambda", function, "invocations", *invocations, prices::INVOCATION);
        add("Lambda", function, "GB-seconds", *seconds, prices::COMPUTE);
    }
    for (function, (invocations, _)) in &compute {
        if cloud.stack.is_traced(function) {
            add("X-Ray", function, "traces", invocations * TRACED, prices::TRACE);
        }
    }
    add("Logs", "api", "bytes", book.requests.1 as f64, prices::LOG);
    for (function, bytes) in &book.logged {
        add("Logs", function, "bytes", *bytes as f64, prices::LOG);
    }
    rows.extend(calls(book));
    rows
}

/// The calls to AWS: a line for each action of each function.
fn calls(book: &Book) -> Vec<Row> {
    let mut rows: BTreeMap<(&str, &str, &str), Row> = BTreeMap::new();
    for entry in &book.entries {
        let row = rows.entry((entry.service, entry.function, &entry.action)).or_insert_with(|| Row {
            service: entry.service.to_owned(),
            who: entry.function.to_owned(),
            what: entry.action.clone(),
            ..Row::default()
        });
        row.many += entry.requests;
        row.reads += entry.reads;
        row.writes += entry.writes;
        row.dollars += match entry.service {
            "DynamoDB" => prices::READ.of(entry.reads) + prices::WRITE.of(entry.writes),
            "SQS" if entry.grouped => prices::QUEUE.of(entry.requests) + prices::GROUPED.of(entry.requests),
            "SQS" => prices::QUEUE.of(entry.requests),
            "SES" => prices::MAIL.of(entry.requests),
            _ => prices::SECRET_CALL.of(entry.requests),
        };
    }
    rows.into_values().collect()
}

//! What must hold when nothing is left to do, whatever has happened: of the whole table, of every version of a job
//! that was ever written, of the queues, and of what the receivers saw.

mod deliveries;
mod history;
mod jobs;
mod records;

use std::fmt;

use serde_json::Value;

use crate::sink::Arrival;
use crate::world::World;

/// What did not hold.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<String>);

impl Findings {
    /// Notes it, unless it holds.
    pub(crate) fn expect(&mut self, holds: bool, otherwise: impl fmt::Display) {
        if !holds {
            self.0.push(otherwise.to_string());
        }
    }

    pub(crate) fn into_violations(self) -> Vec<String> {
        self.0
    }
}

impl World {
    /// Checks everything that must hold in a world at rest.
    pub(crate) async fn check(&self, arrivals: &[Arrival], findings: &mut Findings) {
        let rows = self.bed.rows(None).await;
        let table = Table { rows: &rows };
        records::check(&table, findings);
        self.check_indexes(&table, findings).await;
        self.check_jobs(&table, findings).await;
        self.check_deliveries(&table, arrivals, findings).await;
        history::check(&self.bed.journal.entries(), findings);
    }

    /// Each index has a row for each item that has its keys, and no other.
    async fn check_indexes(&self, table: &Table<'_>, findings: &mut Findings) {
        for (index, pk, sk) in [("list", "listPk", "listSk"), ("due", "duePk", "dueSk")] {
            let keys = |row: &Value| ["pk", "sk", pk, sk].map(|key| text(row, key).to_owned());
            let mut there: Vec<_> = self.bed.rows(Some(index)).await.iter().map(keys).collect();
            let mut wanted: Vec<_> = table.rows.iter().filter(|row| !row[pk].is_null()).map(keys).collect();
            there.sort();
            wanted.sort();
            findings.expect(there == wanted, format_args!("the index {index} differs: {there:?} {wanted:?}"));
        }
    }
}

/// The items of the table.
struct Table<'a> {
    rows: &'a [Value],
}

impl<'a> Table<'a> {
    /// The item under that key.
    fn get(&self, pk: &str, sk: &str) -> Option<&'a Value> {
        self.rows.iter().find(|row| row["pk"] == pk && row["sk"] == sk)
    }

    /// The items of a partition.
    fn of(&self, pk: &str) -> impl Iterator<Item = &'a Value> {
        self.rows.iter().filter(move |row| row["pk"] == pk)
    }

    /// The items whose partition begins so, with what follows.
    fn under(&self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.rows.iter().filter_map(move |row| Some((text(row, "pk").strip_prefix(prefix)?, row)))
    }
}

/// A member of a row that is a text; empty if it is none.
fn text<'a>(row: &'a Value, member: &str) -> &'a str {
    row[member].as_str().unwrap_or_default()
}

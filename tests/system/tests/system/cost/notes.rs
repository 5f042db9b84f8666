//! What stands below the bills.

use super::cloud::Cloud;
use super::{prices, size};

/// What DynamoDB counts for each row of an index besides.
const INDEX_ROW: usize = 100;
/// How long it is kept, in months.
const MONTHS: f64 = 3.0;
const MILLION: f64 = 1_000_000.0;

/// What is in none of the bills, and where the prices stand.
pub(super) async fn besides(cloud: &Cloud) -> String {
    let table = cloud.bed.rows(None).await;
    let jobs = table.iter().filter(|row| row["sk"] == "JOB").count();
    let mut bytes: usize = table.iter().map(size::of_plain).sum();
    for index in ["list", "due"] {
        bytes += cloud
            .bed
            .rows(Some(index))
            .await
            .iter()
            .map(|row| size::of_plain(row) + INDEX_ROW)
            .sum::<usize>();
    }
    let bytes = bytes as f64 / jobs as f64;
    let kept = prices::KEPT.of(bytes * MONTHS * MILLION);
    let mut lines = vec![
        "In none of the bills:".to_owned(),
        format!("  keeping a job and what hangs on it, {bytes:.0} bytes, for 90 days: $ {kept:.2} a million"),
        "  traffic to the internet ($ 0.09 a GB; 100 GB a month are free), cold starts, and every free tier"
            .to_owned(),
        "Prices of us-east-1:".to_owned(),
    ];
    let of = |price: &prices::Price| format!("$ {} for {}", price.dollars, price.per);
    lines.extend(
        prices::ALL.iter().map(|(what, price)| format!("  {what:<22} {:<28} {}", of(price), price.page)),
    );
    lines.join("\n")
}

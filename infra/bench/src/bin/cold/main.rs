//! Measures cold starts: from the start of a function's process to its first poll and to its first answer, with its
//! memory, its zip and what it needs of glibc, beside the least that such a function can be (`infra/bare`).
//!
//! The processes are the release builds that SAM would deploy. Lambda's runtime API is a stub, and what they call is the
//! engine of this process, over TLS. Each has the whole machine and not the share of a core that Lambda gives it: what
//! counts is the ratio to the bare one.

mod certificates;
mod door;
mod elf;
mod process;
mod runtime;
mod stage;
mod subjects;
mod table;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::process::Start;
use crate::stage::Stage;
use crate::subjects::{SUBJECTS, Subject};
use crate::table::Row;

type Fault = Box<dyn Error + Send + Sync>;

/// What to measure.
#[derive(Debug, Clone, Parser)]
#[command(name = "cold")]
struct Settings {
    /// Where the functions' binaries are.
    #[arg(long)]
    binaries: PathBuf,
    /// Where cargo-lambda has put their zips.
    #[arg(long)]
    zips: PathBuf,
    /// How many processes of each are started.
    #[arg(long, default_value_t = 20)]
    processes: usize,
    /// Only the functions whose name has this in it, beside the bare one.
    #[arg(long, default_value = "")]
    only: String,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Fault> {
    let settings = Settings::parse();
    let rows = measure(&settings).await?;
    let misses = table::misses(&rows);
    table::print(&settings, &rows, &misses);
    Ok(if misses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Starts the processes in rounds, one of each in a round, so that whatever else the machine does meets all of them. The
/// first round brings the files into memory and does not count.
async fn measure(settings: &Settings) -> Result<Vec<Row>, Fault> {
    let stage = Stage::set().await?;
    let wanted = |subject: &&Subject| subject.is_bare() || subject.name.contains(&settings.only);
    let subjects: Vec<_> = SUBJECTS.iter().filter(wanted).collect();
    let mut starts: Vec<Vec<Start>> = vec![Vec::new(); subjects.len()];
    for round in 0..=settings.processes {
        for (subject, starts) in subjects.iter().zip(&mut starts) {
            let program = settings.binaries.join(subject.binary());
            let start = process::start(&program, subject, &stage).await;
            let start = start.map_err(|fault| format!("{}: {fault}", subject.name))?;
            if round > 0 {
                starts.push(start);
            }
        }
    }
    let rows = subjects.iter().zip(starts);
    rows.map(|(subject, starts)| {
        let zip = settings.zips.join(subject.binary()).join("bootstrap.zip");
        let zip = std::fs::metadata(&zip).map_err(|fault| format!("{}: {fault}", zip.display()))?.len();
        let glibc = elf::glibc(&std::fs::read(settings.binaries.join(subject.binary()))?)?;
        Ok(Row::new(subject, &starts, zip, glibc))
    })
    .collect()
}

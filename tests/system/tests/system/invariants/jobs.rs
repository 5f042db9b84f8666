//! Every job that was accepted has ended or waits for its next occurrence, nobody holds it, and it stands in the
//! indexes where its record says.

use domain::job::{Job, PayloadPlace, Run};
use serde_json::Value;

use super::{Findings, Table, text};
use crate::world::World;

impl World {
    pub(super) async fn check_jobs(&self, table: &Table<'_>, findings: &mut Findings) {
        for (id, row) in table.under("JOB#").filter(|(_, row)| row["sk"] == "JOB") {
            let job = self.store.job_even_deleted(id.parse().unwrap(), self.bed.now()).await.unwrap();
            let Some(job) = job else { continue };
            check_place(&job, row, findings);
            if job.deleted_at.is_some() {
                let rest = table.of(text(row, "pk")).count();
                findings.expect(rest == 1, format_args!("{id} is deleted and left {rest} records"));
                findings.expect(job.expires_at.is_some(), format_args!("{id} is deleted and stays for ever"));
                continue;
            }
            check_rest(&job, self.ticks.get(), findings);
            let beside = table.get(text(row, "pk"), "PAYLOAD").is_some();
            let apart = matches!(job.payload, PayloadPlace::Apart { .. });
            findings.expect(beside == apart, format_args!("{id}: payload beside {beside}, said {apart}"));
            let earlier = self.runs_beside(job.id).await;
            for run in &earlier {
                check_ended(&job, run, findings);
                let same = job.run.as_ref().is_none_or(|last| last.id != run.id || last == run);
                findings.expect(same, format_args!("{id}: one run is told in two ways: {run:?}"));
            }
            let fired = distinct(earlier.iter().chain(job.run.as_ref()));
            if let Some(table) = &job.timetable {
                // An edit of the schedule begins to count anew.
                findings.expect(
                    table.fires as usize <= fired,
                    format_args!("{id}: {} occurrences are counted, {fired} have run", table.fires),
                );
            }
        }
    }

    /// The runs that were put aside.
    pub(crate) async fn runs_beside(&self, job: domain::id::JobId) -> Vec<Run> {
        let (mut runs, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.earlier_runs(job, after, 100, self.bed.now()).await.unwrap();
            runs.extend(page.runs);
            after = page.next;
            if after.is_none() {
                return runs;
            }
        }
    }
}

/// How many occurrences these runs stand for.
fn distinct<'a>(runs: impl Iterator<Item = &'a Run>) -> usize {
    runs.filter_map(|run| run.due_at.map(|_| run.id)).collect::<std::collections::BTreeSet<_>>().len()
}

/// The job is at rest.
fn check_rest(job: &Job, ticks: bool, findings: &mut Findings) {
    let id = job.id;
    findings.expect(
        job.status != domain::job::Status::Running,
        format_args!("{id} hangs in running: {:?}", job.run),
    );
    if let Some(run) = &job.run {
        check_ended(job, run, findings);
        findings.expect(
            !job.status.is_end() || run.outcome == Some(job.status),
            format_args!("{id} is {} and its run is {:?}", job.status, run.outcome),
        );
    }
    findings.expect(
        !job.status.is_end() || job.run.is_some(),
        format_args!("{id} is {} and never ran", job.status),
    );
    let waits = job.timetable.as_ref().is_some_and(|table| table.due().is_some()) && !job.status.is_end();
    findings.expect(!(ticks && waits), format_args!("{id} still waits: {:?}", job.timetable));
}

/// The run is over, and nobody holds it.
fn check_ended(job: &Job, run: &Run, findings: &mut Findings) {
    let (id, run_id) = (job.id, run.id);
    let held = (run.lease, run.not_before);
    findings.expect(held == (None, None), format_args!("{id}: {run_id} is held: {held:?}"));
    let over = run.outcome.is_some_and(domain::job::Status::is_end) && run.completed_at.is_some();
    findings.expect(over, format_args!("{id}: {run_id} has not ended: {run:?}"));
    findings.expect(
        run.attempt <= job.max_retries + 1,
        format_args!("{id}: {run_id} was tried {} times", run.attempt),
    );
}

/// The keys of the indexes are those that the record has earned.
fn check_place(job: &Job, row: &Value, findings: &mut Findings) {
    let listed = match job.deleted_at {
        None => (format!("{}#{}#{}", job.user_id, job.status, job.priority), job.id.to_string()),
        Some(_) => (String::new(), String::new()),
    };
    let found = (text(row, "listPk").to_owned(), text(row, "listSk").to_owned());
    findings.expect(found == listed, format_args!("{} is listed under {found:?}", job.id));
    let live = job.deleted_at.is_none() && !job.status.is_end();
    let due = job.timetable.as_ref().filter(|_| live).and_then(|table| table.due());
    let dead = job.deleted_at.is_none()
        && job.status.is_end()
        && job.run.as_ref().is_some_and(|run| run.dead_lettered);
    let partition = text(row, "duePk");
    let right = match (due, dead) {
        (Some(_), _) => partition.starts_with("DUE#"),
        (None, true) => partition == "DEAD",
        (None, false) => partition.is_empty(),
    };
    findings.expect(right, format_args!("{} is due {due:?}, dead {dead}, under {partition:?}", job.id));
    if let Some(due) = due {
        // Where it was announced it stands later, to be looked at again.
        let place = text(row, "dueSk").split('#').next().and_then(|at| at.parse::<i64>().ok());
        let behind = place.is_some_and(|place| place >= due.as_millis());
        findings.expect(behind, format_args!("{} is due {due} and stands at {place:?}", job.id));
    }
}

//! Many jobs of one user, written as the system writes them.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use boot::clients::Clients;
use boot::clock::{OsEntropy, SystemClock};
use domain::id::{JobId, RunId, UserId};
use domain::job::{Job, PayloadPlace, Priority, Run, Status};
use domain::log::Log;
use domain::payload::Payload;
use domain::time::Moment;
use engine::Engine;
use store::{NewJob, Store};

const WRITERS: usize = 4;

/// Writes `count` jobs, spread over all statuses and priorities. The system must not be running.
pub(crate) async fn jobs(
    folder: &Path,
    user: UserId,
    count: usize,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let engine =
        Engine::open(engine::Options { data_dir: Some(folder.to_owned()), clock: Arc::new(SystemClock) })?;
    let store = Store::new(Clients::from_config(&engine.sdk_config()).dynamodb(), "nightjar");
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in (writer..count).step_by(WRITERS) {
                    let job = job(user, number);
                    let now = job.created_at;
                    let payload = Payload::stored(format!(r#"{{"order":{number},"to":"bob@example.com"}}"#))?;
                    store.create_job(NewJob { job, payload }, None, now).await?;
                }
                Ok::<_, Box<dyn Error + Send + Sync>>(())
            })
        })
        .collect();
    for writer in writers {
        writer.await??;
    }
    Ok(())
}

fn job(user: UserId, number: usize) -> Job {
    let at = Moment::from_millis(1_790_000_000_000 + i64::try_from(number).unwrap_or(0));
    // Running jobs would be looked for by nobody, so none is made.
    let statuses = [Status::Pending, Status::Completed, Status::Failed, Status::Cancelled];
    let status = statuses[number % statuses.len()];
    let run = (status != Status::Pending).then(|| Run {
        attempt: 1,
        completed_at: Some(at),
        outcome: Some(status),
        ..Run::new(RunId::fresh(at, &OsEntropy), at)
    });
    Job {
        id: JobId::fresh(at, &OsEntropy),
        user_id: user,
        task_name: format!("task {}", number % 50),
        task_type: "simulate".to_owned(),
        payload: PayloadPlace::Here(Payload::empty()),
        priority: Priority::ALL[number / statuses.len() % 3],
        status,
        version: 1,
        max_retries: 3,
        timeout_seconds: domain::job::LONGEST_TIMEOUT,
        timetable: None,
        webhook: None,
        run,
        log: Log::default(),
        created_at: at,
        updated_at: at,
        cancel_id: None,
        deleted_at: None,
        expires_at: None,
    }
}

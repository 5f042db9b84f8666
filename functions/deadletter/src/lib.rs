//! Drains the dead letters of the job queues, so that no job hangs in running.
//!
//! A run message lands here when its worker died or failed at every receive. Under the same fence as a worker
//! it is either sent afresh, or its job is ended as failed. What the ended run owes (its webhooks) is left to
//! the worker: a fresh message finds the run ended and sends them.

mod config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::clients::Clients;
use boot::{Ambient, Vars};
use domain::id::{JobId, RunId};
use domain::job::{Job, Priority};
use domain::life::{Burial, bury};
use domain::message::JobMessage;
use domain::time::Moment;
use queue::{Handled, JobQueues, QueueError, Source, drive_parsed};
use std::time::Duration;
use store::{Replaced, Store, StoreError};

pub use config::{ACTIONS, Config, VARIABLES};

/// How long to wait after the table or a queue has failed.
const PAUSE: Duration = Duration::from_secs(30);
/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 8;

/// The function.
#[derive(Clone)]
pub struct DeadLetter {
    store: Store,
    jobs: JobQueues,
    source: Source,
    retention: Option<Duration>,
    ambient: Ambient,
}

/// What a dead letter says besides which job it is about.
#[derive(Clone, Copy, Debug)]
struct Letter {
    run: RunId,
    version: u64,
    rescued: u32,
}

/// A message could not be dealt with now.
#[derive(Debug, thiserror::Error)]
enum NotNow {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Queue(#[from] QueueError),
}

impl DeadLetter {
    /// The function with these clients.
    pub fn new(clients: &Clients, config: Config, ambient: Ambient) -> Self {
        let [high, medium, low] = config.job_queues;
        Self {
            store: Store::new(clients.dynamodb(), &config.table),
            jobs: JobQueues::new(clients.sqs(), high, medium, low),
            source: Source::new(clients.sqs(), [config.dead_queue]),
            retention: config.retention,
            ambient,
        }
    }

    /// The function as the process's environment describes it.
    pub async fn init() -> Result<Self, boot::config::ConfigError> {
        let mut vars = Vars::from_process();
        let config = Config::read(&mut vars);
        vars.finish()?;
        Ok(Self::new(&Clients::from_environment().await, config, Ambient::system()))
    }

    /// Handles a batch, each message by itself.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let function = self.clone();
        drive_parsed(event, &self.source, parse, move |message, _| {
            let function = function.clone();
            async move { function.message(message).await }
        })
        .await
    }

    async fn message(&self, message: JobMessage) -> Handled {
        let job = message.job_id();
        let done = match &message {
            JobMessage::Run { job_id, run_id, version, rescued } => {
                self.run(*job_id, Letter { run: *run_id, version: *version, rescued: *rescued }).await
            }
            // Purging is safe to repeat, and the worker gives up on a job that was never deleted.
            JobMessage::Purge { .. } => self.resend_purge(job, &message).await,
        };
        match done {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(%job, %error, "a dead letter will be tried again");
                Handled::Again { after: PAUSE }
            }
        }
    }

    /// A crash at any point leaves the message in the queue, and the record tells what is left to do.
    async fn run(&self, id: JobId, letter: Letter) -> Result<(), NotNow> {
        let Letter { run, version, rescued } = letter;
        let Some(mut job) = self.store.job(id, self.ambient.now()).await? else {
            tracing::info!(job = %id, "a dead letter about a job that is not there was dropped");
            return Ok(());
        };
        for _ in 0..MOST_RACES {
            let now = self.ambient.now();
            let next = match bury(&job, run, version, rescued, now) {
                Burial::Stale if self.store.archived_run(id, run).await?.is_none() => return Ok(()),
                // A run that was put aside may still owe its webhooks, as one that has ended; a worker finds out.
                Burial::Stale | Burial::Settle => return self.resend(&job, letter, now).await,
                Burial::Resend { from } => return self.resend(&job, letter, from).await,
                Burial::End { next } => next,
            };
            if let Some(ended) = job.run.as_ref().filter(|last| last.id != run && last.outcome.is_some()) {
                let expires = self.retention.map(|keep| now.plus(keep));
                self.store.archive_run(id, ended, expires).await?;
            }
            match self.store.replace_job(&next).await? {
                Replaced::Written => {
                    tracing::error!(job = %id, %run, "a job was dead-lettered");
                    return self.resend(&next, letter, now).await;
                }
                Replaced::Lost(Some(current)) => job = *current,
                // Whatever is left of the job, another look tells.
                Replaced::Lost(None) => break,
            }
        }
        Err(StoreError::Busy("others kept writing the job".to_owned()).into())
    }

    /// The version stays the one that the sender saw: with the job's present one, a letter about a run that was
    /// put aside would start the job again.
    async fn resend(&self, job: &Job, letter: Letter, from: Moment) -> Result<(), NotNow> {
        let Letter { run, version, rescued } = letter;
        let message = JobMessage::Run { job_id: job.id, run_id: run, version, rescued: rescued + 1 };
        let delay = from.since(self.ambient.now());
        Ok(self.jobs.send(job.priority, job.user_id, &message, delay).await?)
    }

    async fn resend_purge(&self, id: JobId, message: &JobMessage) -> Result<(), NotNow> {
        match self.store.job_even_deleted(id, self.ambient.now()).await? {
            Some(job) => Ok(self.jobs.send(Priority::Low, job.user_id, message, Duration::ZERO).await?),
            None => Ok(()),
        }
    }
}

/// What cannot be read is told of and dropped: nothing could ever be done about it.
fn parse(body: &str) -> Result<JobMessage, Handled> {
    serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, bytes = body.len(), "a dead letter cannot be read and was dropped");
        Handled::Done
    })
}

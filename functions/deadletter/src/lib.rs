//! Drains the dead letters of the job queues, so that no job hangs in running.
//!
//! A message that announces a run lands here when its worker died or failed at every receive. Under the same fence as a worker
//! it is either sent afresh, or its job is ended as failed. What the ended run owes (its webhooks) is left to
//! the worker: a fresh message finds the run ended and sends them.

mod config;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::clients::Clients;
use boot::{Ambient, Vars};
use domain::id::{JobId, RunId, UserId};
use domain::job::{Job, Priority, Status};
use domain::life::{Burial, Present, Trigger, bury};
use domain::message::JobMessage;
use domain::notice;
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
    trigger: Trigger,
    rescued: u32,
}

impl Letter {
    /// The same once more. The version stays the one that the sender saw: with the job's present one, a letter
    /// about a run that was put aside would start the job again.
    fn again(self, job_id: JobId) -> JobMessage {
        let Self { run: run_id, trigger, rescued } = self;
        let rescued = rescued.saturating_add(1);
        match trigger {
            Trigger::Run { version } => JobMessage::Run { job_id, run_id, version, rescued },
            Trigger::Fire { rev: schedule_rev, due_at } => {
                JobMessage::Fire { job_id, run_id, schedule_rev, due_at, rescued }
            }
        }
    }
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
            store: Store::new(clients.dynamodb(), &config.table).with_shards(config.shards),
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
        if let Some(job) = message.job_id() {
            boot::trace::about(job);
        }
        let done = match &message {
            JobMessage::Run { job_id, run_id, version, rescued } => {
                let trigger = Trigger::Run { version: *version };
                self.run(*job_id, Letter { run: *run_id, trigger, rescued: *rescued }).await
            }
            JobMessage::Fire { job_id, run_id, schedule_rev, due_at, rescued } => {
                let trigger = Trigger::Fire { rev: *schedule_rev, due_at: *due_at };
                self.run(*job_id, Letter { run: *run_id, trigger, rescued: *rescued }).await
            }
            // Purging is safe to repeat, and the worker gives up on what was never deleted.
            JobMessage::Purge { job_id } => self.resend_purge(*job_id, &message).await,
            JobMessage::PurgeUser { user_id, .. } => self.resend_to(*user_id, &message).await,
            JobMessage::Notice { job_id, run_id, round, rescued } => {
                self.resend_notice(*job_id, *run_id, *round, *rescued).await
            }
            JobMessage::EndpointNotice { .. } => self.resend_endpoint_notice(message.clone()).await,
        };
        match done {
            Ok(()) => Handled::Done,
            Err(error) => {
                tracing::warn!(%error, "a dead letter will be tried again");
                Handled::Again { after: PAUSE }
            }
        }
    }

    /// A crash at any point leaves the message in the queue, and the record tells what is left to do.
    async fn run(&self, id: JobId, letter: Letter) -> Result<(), NotNow> {
        let Letter { run, trigger, rescued } = letter;
        let Some(mut job) = self.store.job(id, self.ambient.now()).await? else {
            tracing::info!(job = %id, "a dead letter about a job that is not there was dropped");
            return Ok(());
        };
        for _ in 0..MOST_RACES {
            let now = self.ambient.now();
            let next = match bury(&job, run, trigger, rescued, Present { now, keep: self.retention }) {
                Burial::Stale if self.store.archived_run(id, run).await?.is_none() => return Ok(()),
                // A run that was put aside may still owe its webhooks, as one that has ended; a worker finds out.
                Burial::Stale | Burial::Settle => return self.resend(&job, letter, now).await,
                Burial::Resend { from } => return self.resend(&job, letter, from).await,
                Burial::End { next } => next,
            };
            match self.store.replace_seen(&job, &next, self.retention).await? {
                Replaced::Written => {
                    tracing::error!(job = %id, %run, "a job was dead-lettered");
                    if let Some(ended) = &next.run {
                        meter::run_ended(next.priority, Status::Failed, ended.duration());
                    }
                    return self.resend(&next, letter, now).await;
                }
                Replaced::Lost(Some(current)) => job = *current,
                // Whatever is left of the job, another look tells.
                Replaced::Lost(None) => break,
            }
        }
        Err(StoreError::Busy("others kept writing the job".to_owned()).into())
    }

    async fn resend(&self, job: &Job, letter: Letter, from: Moment) -> Result<(), NotNow> {
        let delay = from.since(self.ambient.now());
        tracing::info!(run = %letter.run, rescued = letter.rescued, "sent afresh");
        Ok(self.jobs.send(job.priority, job.user_id, &letter.again(job.id), delay).await?)
    }

    async fn resend_purge(&self, id: JobId, message: &JobMessage) -> Result<(), NotNow> {
        match self.store.job_even_deleted(id, self.ambient.now()).await? {
            Some(job) => self.resend_to(job.user_id, message).await,
            None => Ok(()),
        }
    }

    /// A worker that could not even ask whether a notice was due had a table or a queue out of reach, which
    /// passes: it is asked again, later each time, for some hours. The round stays: a new one would say that
    /// the notice is known not to be sent.
    async fn resend_notice(&self, id: JobId, run: RunId, round: u32, rescued: u32) -> Result<(), NotNow> {
        let Some(job) = self.store.job(id, self.ambient.now()).await? else { return Ok(()) };
        let Some(delay) = notice::wait(round.saturating_add(rescued), self.ambient.entropy.number()) else {
            tracing::error!(job = %id, %run, "a failure could not be told to the job's owner");
            return Ok(());
        };
        let next = JobMessage::Notice { job_id: id, run_id: run, round, rescued: rescued.saturating_add(1) };
        Ok(self.jobs.send(Priority::Low, job.user_id, &next, delay).await?)
    }

    /// As a notice of a failed run.
    async fn resend_endpoint_notice(&self, mut message: JobMessage) -> Result<(), NotNow> {
        let JobMessage::EndpointNotice { user_id, endpoint_id, round, rescued, .. } = &mut message else {
            return Ok(());
        };
        let Some(delay) = notice::wait(round.saturating_add(*rescued), self.ambient.entropy.number()) else {
            tracing::error!(endpoint = %endpoint_id, "what became of an endpoint could not be told to its owner");
            return Ok(());
        };
        *rescued = rescued.saturating_add(1);
        let owner = *user_id;
        Ok(self.jobs.send(Priority::Low, owner, &message, delay).await?)
    }

    async fn resend_to(&self, owner: UserId, message: &JobMessage) -> Result<(), NotNow> {
        Ok(self.jobs.send(Priority::Low, owner, message, Duration::ZERO).await?)
    }
}

/// What cannot be read is told of and dropped: nothing could ever be done about it.
fn parse(body: &str) -> Result<JobMessage, Handled> {
    serde_json::from_str(body).map_err(|error| {
        tracing::error!(%error, bytes = body.len(), "a dead letter cannot be read and was dropped");
        Handled::Done
    })
}

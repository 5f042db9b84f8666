//! The worker: claims a run, executes its task, ends it, and asks for the webhooks.
//!
//! A message is acknowledged only when the record owes nothing for it: no run that could still be tried, and
//! no delivery that is not known to be sent. Everything else comes again, and the record decides afresh.

mod config;
mod endpoint_notice;
mod execute;
mod fire;
mod mail;
mod notice;
mod outbound;
mod purge;
mod quota;
mod settle;
mod shift;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use boot::clients::Clients;
use boot::{Ambient, Vars};
use domain::id::{JobId, RunId};
use domain::job::Job;
use domain::life::{MISSED_AFTER, Present, Trigger, Verdict, accept};
use domain::message::JobMessage;
use domain::time::Moment;
use queue::{Handled, JobQueues, Source, WebhookQueues, drive};
use store::{Replaced, Store, StoreError};
use tasks::World;

use crate::endpoint_notice::Letter;
use crate::mail::{Counted, DAY, Ses};
use crate::notice::Tries;
use crate::outbound::Guarded;
use crate::quota::Quota;
use crate::settle::Start;
use crate::shift::Shift;

pub use config::{ACTIONS, Config, VARIABLES};

/// How long to wait for a job that its message names and the table does not have yet, by receive.
const ABSENT: [Duration; 3] = [Duration::from_secs(2), Duration::from_secs(10), Duration::from_secs(60)];
/// How long to look for it before that.
const NEARLY_THERE: [Duration; 3] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(75)];
/// How long to wait after the table or a queue has failed.
const PAUSE: Duration = Duration::from_secs(5);
/// What is left of the last second before an occurrence; a little more, for the queue's clock is another.
const LAST_PART: Duration = Duration::from_millis(1_500);
/// What announces a run that has ended by the time it is written.
const UNWRITTEN: Trigger = Trigger::Run { version: JobMessage::NO_VERSION };
/// How often a decision is made anew because somebody else wrote first.
const MOST_RACES: usize = 8;

/// The worker.
#[derive(Clone)]
pub struct Worker {
    store: Store,
    jobs: JobQueues,
    webhooks: WebhookQueues,
    source: Source,
    mailer: Ses,
    world: Arc<World>,
    ambient: Ambient,
    config: Arc<Config>,
    shift: Shift,
}

impl Worker {
    /// A worker with these clients.
    pub fn new(clients: &Clients, config: Config, ambient: Ambient) -> Self {
        let [high, medium, low] = config.job_queues.clone();
        let options = egress::Options { allow: config.egress_allow.clone(), ..egress::Options::default() };
        let store = Store::new(clients.dynamodb(), &config.table).with_shards(config.shards);
        let mailer = Ses::new(clients.clone(), config.mail_from.clone());
        let quota = Quota::new(store.clone(), "mail", config.mail_rate_max, DAY);
        let world = World {
            outbound: Arc::new(Guarded(egress::Client::new(options))),
            mailer: Arc::new(Counted::new(mailer.clone(), quota, ambient.clone())),
            simulated_task: config.simulated_task,
            simulate_failure: config.simulate_failure,
        };
        Self {
            store,
            jobs: JobQueues::new(clients.sqs(), high, medium, low),
            webhooks: WebhookQueues::new(clients.sqs(), config.webhook_queue.clone()),
            source: Source::new(clients.sqs(), config.job_queues.clone()),
            mailer,
            world: Arc::new(world),
            ambient,
            config: Arc::new(config),
            shift: Shift::of(0),
        }
    }

    /// A worker as the process's environment describes it.
    pub async fn init() -> Result<Self, boot::config::ConfigError> {
        let mut vars = Vars::from_process();
        let config = Config::read(&mut vars);
        vars.finish()?;
        Ok(Self::new(&Clients::from_environment().await, config, Ambient::system()))
    }

    /// Handles a batch, each message by itself; what they ask for at the same moment they ask for together.
    pub async fn handle(&self, event: SqsEvent) -> SqsBatchResponse {
        let worker = Self { shift: Shift::of(event.records.len()), ..self.clone() };
        drive(event, &self.source, move |message, receives| {
            let worker = worker.clone();
            async move {
                let _place = worker.shift.join();
                worker.message(message, receives).await
            }
        })
        .await
    }

    async fn message(&self, message: JobMessage, receives: u32) -> Handled {
        if let Some(job) = message.job_id() {
            boot::trace::about(job);
        }
        let handled = match message {
            JobMessage::Run { job_id, run_id, version, .. } => {
                self.run(job_id, run_id, Trigger::Run { version }, receives).await
            }
            JobMessage::Fire { job_id, run_id, schedule_rev, due_at, .. } => {
                self.run(job_id, run_id, Trigger::Fire { rev: schedule_rev, due_at }, receives).await
            }
            JobMessage::Notice { job_id, run_id, round, rescued } => {
                self.notice(job_id, run_id, Tries { round, rescued }).await
            }
            JobMessage::EndpointNotice { user_id, endpoint_id, told, at, round, rescued } => {
                let letter = Letter { user: user_id, endpoint: endpoint_id, told, at };
                self.endpoint_notice(letter, Tries { round, rescued }, receives).await
            }
            JobMessage::Purge { job_id } => self.purge(job_id, receives).await,
            JobMessage::PurgeUser { user_id, round } => self.purge_user(user_id, round).await,
        };
        handled.unwrap_or_else(|error| {
            tracing::warn!(%error, "will be tried again");
            Handled::Again { after: PAUSE }
        })
    }

    /// Does what the record says about a message that announces a run.
    async fn run(
        &self,
        id: JobId,
        run: RunId,
        trigger: Trigger,
        receives: u32,
    ) -> Result<Handled, StoreError> {
        let Some(mut job) = self.find(id, receives).await? else {
            return Ok(absent(id, receives));
        };
        let fired = matches!(trigger, Trigger::Fire { .. });
        for _ in 0..MOST_RACES {
            let at = self.present();
            let delay = if fired { self.held_back(&job) } else { Duration::ZERO };
            let written = match accept(&job, run, trigger, self.holder(), delay, at) {
                Verdict::Wait { until } if fired && until.since(at.now) <= LAST_PART => {
                    // The queue counts in seconds. What is left of the last one is waited out here: on the
                    // second, and never early.
                    if !self.wait_out(until).await {
                        return Ok(again_before(self.ambient.now(), until));
                    }
                    Some(Box::new(job))
                }
                Verdict::Wait { until } if fired => return Ok(again_before(at.now, until)),
                Verdict::Wait { until } => return Ok(again(at.now, until)),
                Verdict::Settle => return self.settle_current(&job).await,
                Verdict::Stale if trigger == UNWRITTEN => {
                    return self.settle_written(&job, run, receives).await;
                }
                Verdict::Stale => return self.settle_archived(&job, run).await,
                Verdict::Later => return Ok(Handled::Done),
                Verdict::Lose { next } => match self.replace(&job, &next).await? {
                    Replaced::Written => return self.settle_new(&next, Start::Unknown).await,
                    Replaced::Lost(current) => current,
                },
                Verdict::Skip { next } => match self.replace(&job, &next).await? {
                    Replaced::Written => return self.skipped(&next, run).await,
                    Replaced::Lost(current) => current,
                },
                Verdict::Hold { next } => {
                    let next = self.with_notes(*next, at.now);
                    match self.replace(&job, &next).await? {
                        Replaced::Written => return Ok(self.hold_back(&next, run, delay).await),
                        Replaced::Lost(current) => current,
                    }
                }
                Verdict::Claim { next } => {
                    let next = self.with_notes(*next, at.now);
                    match self.replace(&job, &next).await? {
                        Replaced::Written => {
                            self.measure_start(&next, at.now);
                            if fired {
                                self.call_next(&next).await;
                            }
                            let start = self.tell_start(&next).await;
                            match self.execute(next, start).await? {
                                execute::After::Handled(handled) => return Ok(handled),
                                // The attempt was taken from us: the record now says what this message owes.
                                execute::After::Fenced(current) => current,
                            }
                        }
                        Replaced::Lost(current) => current,
                    }
                }
            };
            match written {
                Some(current) => job = *current,
                // Whatever is left of the job, another look tells.
                None => return Ok(Handled::Again { after: PAUSE }),
            }
        }
        Ok(Handled::Again { after: PAUSE })
    }

    async fn replace(&self, job: &Job, next: &Job) -> Result<Replaced, StoreError> {
        self.store.replace_seen(job, next, self.config.retention).await
    }

    /// The present, and how long what ends in it is kept.
    fn present(&self) -> Present {
        Present { now: self.ambient.now(), keep: self.config.retention }
    }

    /// The job. A job that is created running is announced a few milliseconds before it is written: at the
    /// first receive, a short wait here is worth more than two seconds in the queue.
    async fn find(&self, id: JobId, receives: u32) -> Result<Option<Job>, StoreError> {
        let mut found = self.store.job_even_deleted(id, self.ambient.now()).await?;
        for pause in NEARLY_THERE {
            if found.is_some() || receives > 1 {
                break;
            }
            tokio::time::sleep(pause).await;
            found = self.store.job_even_deleted(id, self.ambient.now()).await?;
        }
        Ok(found)
    }

    /// Measures how long a run waited for its first attempt: since it was asked for or due, but for what its task is to
    /// wait in the queue. What was missed did not wait, nobody was there.
    fn measure_start(&self, job: &Job, now: Moment) {
        let Some(run) = job.run.as_ref().filter(|run| run.attempt == 1) else { return };
        let missed = |due: &Moment| run.started_at.since(*due) > MISSED_AFTER;
        let from = run.due_at.filter(|due| !missed(due)).unwrap_or(run.started_at);
        meter::run_started(job.priority, now.since(from).saturating_sub(self.held_back(job)));
    }

    /// Says in the log of a first attempt that nobody knows the job's type.
    fn with_notes(&self, mut job: Job, now: Moment) -> Job {
        let first = job.run.as_ref().is_some_and(|run| run.attempt == 1);
        if first && tasks::find(&job.task_type).is_none() {
            let note = format!("type {:?} is not known here: it runs as simulate", job.task_type);
            job.log.add(now, job.status, note, None);
        }
        job
    }

    /// What marks a claim of ours. It only has to differ from another claim of the same moment.
    fn holder(&self) -> u32 {
        let mut bytes = [0; 4];
        self.ambient.entropy().fill(&mut bytes);
        u32::from_be_bytes(bytes)
    }
}

fn absent(id: JobId, receives: u32) -> Handled {
    let waited = usize::try_from(receives).unwrap_or(usize::MAX).saturating_sub(1);
    match ABSENT.get(waited) {
        Some(after) => Handled::Again { after: *after },
        None => {
            tracing::info!(job = %id, "a message about a job that is not there was dropped");
            Handled::Done
        }
    }
}

/// Comes again at `until`, or a part of a second later.
fn again(now: Moment, until: Moment) -> Handled {
    Handled::Again { after: until.since(now) }
}

/// Comes again a part of a second before `until`, to be waited out then.
fn again_before(now: Moment, until: Moment) -> Handled {
    Handled::Again { after: Duration::from_secs(until.since(now).as_secs()) }
}

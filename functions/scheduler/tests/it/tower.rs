//! The function with its table and queues.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use boot::Vars;
use boot::clients::Clients;
use domain::id::{RunId, UserId};
use domain::job::{Job, Priority};
use domain::life;
use domain::message::JobMessage;
use domain::payload::Payload;
use domain::schedule::Schedule;
use domain::time::Moment;
use queue::topology;
use scheduler::{Config, Scheduler, Ticked};
use serde_json::{Value, json};
use store::{Created, NewJob, Replaced, Store};
use testkit::Bed;

pub(crate) struct Tower {
    pub(crate) bed: Bed,
    pub(crate) store: Store,
    owner: UserId,
}

impl Tower {
    /// It begins in a minute in which only the shards in use are read.
    pub(crate) async fn new() -> Self {
        let bed = Bed::new().await;
        bed.advance(Duration::from_secs(60));
        let owner = UserId::fresh(bed.now(), bed.ambient.entropy());
        Self { store: bed.store(), owner, bed }
    }

    pub(crate) fn now(&self) -> Moment {
        self.bed.now()
    }

    pub(crate) fn later(&self, seconds: u64) -> Moment {
        self.now().plus(Duration::from_secs(seconds))
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.bed.advance(Duration::from_secs(seconds));
    }

    /// The function with these variables besides. It makes each call once, through the faults.
    pub(crate) fn scheduler(&self, variables: &[(&str, &str)]) -> Scheduler {
        self.scheduler_on(SharedHttpClient::new(self.bed.faults.clone()), variables)
    }

    /// As [`scheduler`](Self::scheduler), over this connection.
    pub(crate) fn scheduler_on(&self, http: SharedHttpClient, variables: &[(&str, &str)]) -> Scheduler {
        let sdk = self.bed.engine.sdk_config_with(http).to_builder().retry_config(RetryConfig::disabled());
        let config = config(&self.bed, variables);
        Scheduler::new(&Clients::from_config(&sdk.build()), config, self.bed.ambient.clone())
    }

    /// One tick that has all the time.
    pub(crate) async fn tick(&self) -> Ticked {
        self.scheduler(&[]).handle(Value::Null).await
    }

    /// A job with that schedule, not yet written.
    pub(crate) fn draft(&self, schedule: &Value) -> Job {
        let schedule = Schedule::parse(schedule, "/schedule", self.now()).unwrap();
        let table = life::scheduled(schedule, 1, self.now());
        Job { timetable: Some(table), ..testkit::job(&self.bed, self.owner) }
    }

    /// A job that is due once, in so many seconds, in the table.
    pub(crate) async fn job(&self, seconds: u64) -> Job {
        self.urgent_job(seconds, Priority::Low).await
    }

    pub(crate) async fn urgent_job(&self, seconds: u64, priority: Priority) -> Job {
        let once = json!({"type": "one-time", "startTime": self.later(seconds).to_string()});
        self.write(&self.store, Job { priority, ..self.draft(&once) }).await
    }

    pub(crate) async fn write(&self, store: &Store, job: Job) -> Job {
        let new = NewJob { job, payload: Payload::empty() };
        match store.create_job(new, None, self.now()).await.unwrap() {
            Created::New(job) => *job,
            Created::KeyTaken => panic!("there was no key"),
        }
    }

    pub(crate) async fn replace(&self, next: Job) -> Job {
        assert!(matches!(self.store.replace_job(&next).await.unwrap(), Replaced::Written));
        next
    }

    /// What can be received from the job queues now, which is deleted.
    pub(crate) async fn received(&self) -> Vec<(Priority, JobMessage)> {
        let sqs = self.bed.sound_clients().sqs();
        let mut all = Vec::new();
        for priority in Priority::ALL {
            let url = self.bed.queue(topology::of(priority).name);
            loop {
                let received = sqs.receive_message().queue_url(&url).max_number_of_messages(10).send();
                let messages = received.await.unwrap().messages.unwrap_or_default();
                if messages.is_empty() {
                    break;
                }
                let mut done = sqs.delete_message_batch().queue_url(&url);
                for (n, message) in messages.iter().enumerate() {
                    all.push((priority, serde_json::from_str(message.body().unwrap()).unwrap()));
                    let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
                    let entry = entry.receipt_handle(message.receipt_handle().unwrap());
                    done = done.entries(entry.build().unwrap());
                }
                assert!(done.send().await.unwrap().failed.is_empty());
            }
        }
        all
    }

    /// How many calls of each kind were made since the last look.
    pub(crate) fn calls(&self, operation: &str) -> usize {
        let calls = self.bed.faults.calls();
        calls.iter().filter(|call| call.operation.ends_with(&format!(".{operation}"))).count()
    }
}

pub(crate) fn config(bed: &Bed, variables: &[(&str, &str)]) -> Config {
    let mut all = bed.vars();
    all.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let mut vars = Vars::new(all);
    let config = Config::read(&mut vars);
    vars.finish().unwrap();
    config
}

/// The message of the job's next occurrence.
pub(crate) fn message_of(job: &Job) -> (Priority, JobMessage) {
    let table = job.timetable.as_ref().unwrap();
    (job.priority, JobMessage::fire(job.id, table.rev, table.next.unwrap()))
}

/// The runs that these messages would start.
pub(crate) fn runs(messages: &[(Priority, JobMessage)]) -> BTreeSet<RunId> {
    let run = |(_, message): &(Priority, JobMessage)| match message {
        JobMessage::Fire { job_id, run_id, due_at, .. } => {
            assert_eq!(*run_id, RunId::of_occurrence(*job_id, *due_at));
            *run_id
        }
        other => panic!("no occurrence: {other:?}"),
    };
    messages.iter().map(run).collect()
}
